// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "io/bytes.h"

namespace seabag::transfer {

/// Buffers of limits::kBufferBytes that go round between a thread that fills them and one that
/// empties them.
///
/// Order:   filling: room(), filled(), in turns, end() at last. Emptying: next(), emptied(), in
///          turns.
/// Threads: one on each side; either side may give_up().
class BufferRing {
 public:
  BufferRing();
  /// A buffer to fill, when there is one. Empty: the ring was given up.
  std::span<std::byte> room();
  /// Passes on the first `bytes` of it.
  void filled(std::size_t bytes);
  /// No more will come.
  void end();
  /// Waits until all that was passed on is emptied. False: the ring was given up.
  bool wait_until_empty();

  /// What is to be emptied next, when there is something. Nothing: the end, or given up.
  std::optional<std::span<const std::byte>> next();
  void emptied();

  /// Whoever waits on the other side waits no more.
  void give_up();

 private:
  // Two let both sides work, the others even out what one of them waits for.
  static constexpr std::size_t kBuffers = 4;

  template <class Condition>
  bool wait(Condition condition);
  template <class Work>
  void change(Work work);

  std::array<io::Bytes, kBuffers> buffers_;
  std::array<std::size_t, kBuffers> lengths_ = {};
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::uint64_t filled_ = 0;
  std::uint64_t emptied_ = 0;
  bool has_ended_ = false;
  bool given_up_ = false;
};

}  // namespace seabag::transfer
