// SPDX-License-Identifier: Apache-2.0
#include "transfer/rate_limit.h"

#include <algorithm>
#include <condition_variable>

#include "base/error.h"

namespace seabag::transfer {
namespace {

using Clock = std::chrono::steady_clock;

// At most a day, so that sums of it stay in the clock's range; no caller has chunks as large as
// that.
Clock::duration time_for(std::uint64_t bytes, std::uint64_t bytes_per_second) {
  const double seconds = static_cast<double>(bytes) / static_cast<double>(bytes_per_second);
  const std::chrono::duration<double> time(std::min(seconds, 86'400.0));
  return std::chrono::duration_cast<Clock::duration>(time);
}

void wait_until(Clock::time_point when, const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any nobody_notifies;
  nobody_notifies.wait_until(lock, stop, when, [] { return false; });
}

}  // namespace

RateLimit::RateLimit(std::uint64_t bytes_per_second, std::stop_token stop)
    : bytes_per_second_(bytes_per_second), stop_(std::move(stop)) {}

void RateLimit::take(std::uint64_t bytes) {
  if (!is_unlimited()) {
    Clock::time_point start;
    {
      const std::scoped_lock lock(mutex_);
      start = std::max(Clock::now(), free_at_);
      free_at_ = start + time_for(bytes, bytes_per_second_);
    }
    wait_until(start, stop_);
  }
  if (stop_.stop_requested()) throw Error(Code::kCancelled, "stopped in the middle of a transfer");
}

}  // namespace seabag::transfer
