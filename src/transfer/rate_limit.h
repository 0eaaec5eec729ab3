// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace seabag::transfer {

/// Shares so many bytes a second among all that pass through. Time that nobody used is not saved
/// up. Threads: may be called concurrently.
class RateLimit {
 public:
  /// 0: no limit.
  explicit RateLimit(std::uint64_t bytes_per_second, std::stop_token stop = {});
  /// Waits until what was taken before has had its time, then lets `bytes` pass as one.
  /// Errors: kCancelled, also without a limit: every stream asks here for every chunk.
  void take(std::uint64_t bytes);
  bool is_unlimited() const { return bytes_per_second_ == 0; }

 private:
  std::uint64_t bytes_per_second_;
  std::stop_token stop_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point free_at_;  // when all that was taken has had its time
};

}  // namespace seabag::transfer
