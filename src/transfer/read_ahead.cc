// SPDX-License-Identifier: Apache-2.0
#include "transfer/read_ahead.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/limits.h"
#include "io/bytes.h"
#include "transfer/threads.h"

namespace seabag::transfer {
namespace {

// Two let both sides work, the others even out what one of them waits for.
constexpr std::size_t kBuffers = 4;

// Buffers that go round between the thread that fills them and the one that empties them.
class Ring {
 public:
  explicit Ring(const io::BlobSource& from) : from_(from), chunks_(chunks_of(from.size())) {
    for (io::Bytes& buffer : buffers_) buffer.resize(limits::kBufferBytes);
  }

  static std::uint64_t chunks_of(std::uint64_t size) {
    return size / limits::kBufferBytes + (size % limits::kBufferBytes == 0 ? 0 : 1);
  }

  // On the reading thread.
  void fill() noexcept {
    failure_.guard([&] {
      for (std::uint64_t chunk = 0; chunk < chunks_; ++chunk) {
        if (!wait([&] { return chunk < emptied_ + kBuffers; })) return;
        from_.read_at(chunk * limits::kBufferBytes, room_of(chunk));
        step(filled_);
      }
    });
    const std::scoped_lock lock(mutex_);
    has_ended_ = true;
    changed_.notify_all();
  }

  // On the caller's.
  void empty(const std::function<void(std::span<const std::byte>)>& take) {
    for (std::uint64_t chunk = 0; chunk < chunks_; ++chunk) {
      bool is_there = false;
      wait([&] { return (is_there = chunk < filled_) || has_ended_; });
      if (!is_there) failure_.rethrow();
      take(room_of(chunk));
      step(emptied_);
    }
  }

  void give_up() {
    const std::scoped_lock lock(mutex_);
    given_up_ = true;
    changed_.notify_all();
  }

 private:
  std::span<std::byte> room_of(std::uint64_t chunk) {
    const std::uint64_t rest = from_.size() - chunk * limits::kBufferBytes;
    return std::span(buffers_[chunk % kBuffers])
        .first(std::min<std::uint64_t>(rest, limits::kBufferBytes));
  }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return given_up_ || condition(); });
    return !given_up_;
  }
  void step(std::uint64_t& count) {
    const std::scoped_lock lock(mutex_);
    ++count;
    changed_.notify_all();
  }

  const io::BlobSource& from_;
  std::uint64_t chunks_;
  std::array<io::Bytes, kBuffers> buffers_;
  FirstFailure failure_;  // of reading
  std::mutex mutex_;      // guards all below
  std::condition_variable changed_;
  std::uint64_t filled_ = 0;
  std::uint64_t emptied_ = 0;
  bool has_ended_ = false;  // the reading thread, at the end or at its failure
  bool given_up_ = false;
};

// Lets the reading thread go whatever becomes of the caller's.
class Release {
 public:
  explicit Release(Ring& ring) : ring_(ring) {}
  ~Release() { ring_.give_up(); }
  Release(const Release&) = delete;
  Release& operator=(const Release&) = delete;

 private:
  Ring& ring_;
};

void read_in_place(const io::BlobSource& from,
                   const std::function<void(std::span<const std::byte>)>& take) {
  io::Bytes buffer(std::min<std::uint64_t>(from.size(), limits::kBufferBytes));
  for (std::uint64_t at = 0; at < from.size();) {
    const auto chunk =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), from.size() - at));
    from.read_at(at, chunk);
    take(chunk);
    at += chunk.size();
  }
}

}  // namespace

void read_ahead(const io::BlobSource& from,
                const std::function<void(std::span<const std::byte>)>& take) {
  if (from.size() <= 2 * limits::kBufferBytes) {
    read_in_place(from, take);
    return;
  }
  Ring ring(from);
  std::jthread reader;
  try {
    reader = std::jthread([&ring] { ring.fill(); });
  } catch (const std::system_error&) {
    read_in_place(from, take);  // EAGAIN: see run_on_threads()
    return;
  }
  const Release release(ring);
  ring.empty(take);
}

}  // namespace seabag::transfer
