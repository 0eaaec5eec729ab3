// SPDX-License-Identifier: Apache-2.0
#include "transfer/write_behind.h"

#include <algorithm>
#include <system_error>
#include <thread>

#include "base/limits.h"
#include "io/bytes.h"
#include "transfer/buffer_ring_internal.h"
#include "transfer/threads.h"

namespace seabag::transfer {
namespace {

// What a thread costs is lost in that many bytes.
constexpr std::uint64_t kLongTransfer = 16 * limits::kBufferBytes;

}  // namespace

class WriteBehindSink::Writer {
 public:
  /// Errors: std::system_error where the system grants no thread.
  explicit Writer(io::ByteSink& next) : next_(next), thread_([this] { run(); }) {}
  ~Writer() { ring_.give_up(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void write(std::span<const std::byte> chunk) {
    while (!chunk.empty()) {
      if (room_.empty()) room_ = ring_.room();
      if (room_.empty()) failure_.rethrow();
      const auto taken = chunk.first(std::min(chunk.size(), room_.size() - held_));
      io::copy_bytes(taken, room_.subspan(held_));
      held_ += taken.size();
      chunk = chunk.subspan(taken.size());
      if (held_ == room_.size()) pass_on();
    }
  }

  void flush() {
    if (held_ > 0) pass_on();
    if (!ring_.wait_until_empty()) failure_.rethrow();
  }

 private:
  void pass_on() {
    ring_.filled(held_);
    room_ = {};
    held_ = 0;
  }

  void run() noexcept {
    failure_.guard([&] {
      while (const auto chunk = ring_.next()) {
        next_.write(*chunk);
        ring_.emptied();
      }
    });
    if (failure_.is_set()) ring_.give_up();
  }

  io::ByteSink& next_;
  BufferRing ring_;
  FirstFailure failure_;  // of next_; set before the ring is given up
  std::span<std::byte> room_;
  std::size_t held_ = 0;  // bytes at the front of room_
  std::jthread thread_;   // last: it uses all above
};

WriteBehindSink::WriteBehindSink(io::ByteSink& next, std::uint64_t expected) : next_(next) {
  if (expected >= kLongTransfer) {
    try {
      writer_ = std::make_unique<Writer>(next);
      return;
    } catch (const std::system_error&) {
      // EAGAIN: see run_on_threads().
    }
  }
  gathering_.emplace(next, std::clamp<std::uint64_t>(expected, 1, limits::kBufferBytes));
}

WriteBehindSink::~WriteBehindSink() = default;

void WriteBehindSink::write(std::span<const std::byte> chunk) {
  if (writer_) {
    writer_->write(chunk);
  } else {
    gathering_->write(chunk);
  }
}

void WriteBehindSink::flush() {
  if (writer_) {
    writer_->flush();
  } else {
    gathering_->flush();
  }
}

void WriteBehindSink::finish() {
  flush();
  next_.finish();
}

}  // namespace seabag::transfer
