// SPDX-License-Identifier: Apache-2.0
#include "base/limits.h"
#include "transfer/buffer_ring_internal.h"

namespace seabag::transfer {

BufferRing::BufferRing() {
  for (io::Bytes& buffer : buffers_) buffer.resize(limits::kBufferBytes);
}

template <class Condition>
bool BufferRing::wait(Condition condition) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return given_up_ || condition(); });
  return !given_up_;
}

// Told when the lock is free again, so that whoever wakes does not wait for it at once.
template <class Work>
void BufferRing::change(Work work) {
  {
    const std::scoped_lock lock(mutex_);
    work();
  }
  changed_.notify_one();
}

std::span<std::byte> BufferRing::room() {
  std::size_t buffer = 0;
  const bool is_there = wait([&] {
    buffer = filled_ % kBuffers;
    return filled_ < emptied_ + kBuffers;
  });
  return is_there ? std::span(buffers_[buffer]) : std::span<std::byte>();
}

void BufferRing::filled(std::size_t bytes) {
  change([&] {
    lengths_[filled_ % kBuffers] = bytes;
    ++filled_;
  });
}

void BufferRing::end() {
  change([&] { has_ended_ = true; });
}

bool BufferRing::wait_until_empty() {
  return wait([&] { return emptied_ == filled_; });
}

std::optional<std::span<const std::byte>> BufferRing::next() {
  std::optional<std::span<const std::byte>> chunk;
  wait([&] {
    if (emptied_ == filled_) return has_ended_;
    const std::size_t buffer = emptied_ % kBuffers;
    chunk = std::span(buffers_[buffer]).first(lengths_[buffer]);
    return true;
  });
  return chunk;
}

void BufferRing::emptied() {
  change([&] { ++emptied_; });
}

void BufferRing::give_up() {
  change([&] { given_up_ = true; });
}

}  // namespace seabag::transfer
