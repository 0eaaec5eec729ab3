// SPDX-License-Identifier: Apache-2.0
#include "transfer/read_ahead.h"

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <thread>

#include "base/limits.h"
#include "io/bytes.h"
#include "transfer/buffer_ring_internal.h"
#include "transfer/threads.h"

namespace seabag::transfer {
namespace {

// On the reading thread.
void fill(BufferRing& ring, const io::BlobSource& from, const TakeChunk& first,
          FirstFailure& failure) noexcept {
  failure.guard([&] {
    for (std::uint64_t at = 0; at < from.size();) {
      const auto room = ring.room();
      if (room.empty()) return;
      const auto chunk = room.first(std::min<std::uint64_t>(room.size(), from.size() - at));
      from.read_at(at, chunk);
      first(chunk);
      ring.filled(chunk.size());
      at += chunk.size();
    }
  });
  ring.end();
}

// Lets the reading thread go whatever becomes of the caller's.
class Release {
 public:
  explicit Release(BufferRing& ring) : ring_(ring) {}
  ~Release() { ring_.give_up(); }
  Release(const Release&) = delete;
  Release& operator=(const Release&) = delete;

 private:
  BufferRing& ring_;
};

void read_in_place(const io::BlobSource& from, const TakeChunk& first, const TakeChunk& take) {
  io::Bytes buffer(std::min<std::uint64_t>(from.size(), limits::kBufferBytes));
  for (std::uint64_t at = 0; at < from.size();) {
    const auto chunk =
        std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), from.size() - at));
    from.read_at(at, chunk);
    first(chunk);
    take(chunk);
    at += chunk.size();
  }
}

}  // namespace

void read_ahead(const io::BlobSource& from, const TakeChunk& take) {
  read_ahead(
      from, [](std::span<const std::byte> /*chunk*/) {}, take);
}

void read_ahead(const io::BlobSource& from, const TakeChunk& first, const TakeChunk& take) {
  if (from.size() <= 2 * limits::kBufferBytes) {
    read_in_place(from, first, take);
    return;
  }
  BufferRing ring;
  FirstFailure failure;
  std::jthread reader;
  try {
    reader = std::jthread([&] { fill(ring, from, first, failure); });
  } catch (const std::system_error&) {
    read_in_place(from, first, take);  // EAGAIN: see run_on_threads()
    return;
  }
  const Release release(ring);
  while (const auto chunk = ring.next()) {
    take(*chunk);
    ring.emptied();
  }
  failure.rethrow();
}

}  // namespace seabag::transfer
