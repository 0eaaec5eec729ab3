// SPDX-License-Identifier: Apache-2.0
#include "transfer/workers.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/error.h"
#include "transfer/threads.h"

namespace seabag::transfer {
namespace {

// What is to be transferred next. Large ones stand at the front of `sizes`, the largest first.
class Turns {
 public:
  Turns(std::span<const std::uint64_t> sizes, std::size_t threads) : sizes_(sizes) {
    for (; large_ < sizes.size() && sizes[large_] >= kLargeTransfer; ++large_) {
      bytes_left_ += sizes[large_];
    }
    next_small_ = large_;
    on_the_way_.reserve(threads);
    set_limit();
  }

  // Waits until there is a turn. Nothing: there is none any more, or it was asked to stop.
  std::optional<std::size_t> take(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto has_turn = [&] {
      return may_take_large() || next_small_ < sizes_.size() || next_large_ == large_ || closed_;
    };
    if (!changed_.wait(lock, stop, has_turn) || stop.stop_requested() || closed_) {
      return std::nullopt;
    }
    if (may_take_large()) {
      on_the_way_.push_back(next_large_);
      return next_large_++;
    }
    if (next_small_ < sizes_.size()) return next_small_++;
    return std::nullopt;
  }

  void done(std::size_t i) {
    const std::scoped_lock lock(mutex_);
    if (std::erase(on_the_way_, i) > 0) bytes_left_ -= sizes_[i];
    if (i == largest_) set_limit();
    changed_.notify_all();
  }

  // There is no turn any more.
  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  // Order: after the threads have ended.
  bool all_taken() const { return next_large_ == large_ && next_small_ == sizes_.size(); }

 private:
  bool may_take_large() const { return next_large_ < large_ && on_the_way_.size() < limit_; }

  // With n at a time, the largest has an nth of the speed: it is done by when all are if it is an
  // nth of what is left. That holds until it is done.
  void set_limit() {
    largest_ = on_the_way_.empty() ? next_large_ : *std::ranges::min_element(on_the_way_);
    if (largest_ < large_) limit_ = (bytes_left_ - 1) / sizes_[largest_] + 1;
  }

  const std::span<const std::uint64_t> sizes_;
  std::size_t large_ = 0;  // so many
  std::mutex mutex_;       // guards what follows
  std::condition_variable_any changed_;
  std::size_t next_large_ = 0;
  std::size_t next_small_ = 0;
  std::vector<std::size_t> on_the_way_;  // of the large ones
  std::uint64_t bytes_left_ = 0;         // of the large ones that are not done
  std::size_t largest_ = 0;              // of those that are not done
  std::uint64_t limit_ = 0;              // large ones at a time, while that is so
  bool closed_ = false;
};

}  // namespace

void for_each_parallel(std::size_t count, int jobs, const std::stop_token& stop,
                       const std::function<void(std::size_t)>& work) {
  check(jobs > 0, "a number of jobs below 1");
  std::atomic<std::size_t> next = 0;
  FirstFailure failure;
  const auto threads = std::min(count, static_cast<std::size_t>(jobs));
  run_on_threads(static_cast<int>(threads), [&] {
    while (!failure.is_set() && !stop.stop_requested()) {
      const std::size_t i = next++;
      if (i >= count) return;
      failure.guard([&] { work(i); });
    }
  });
  failure.rethrow();
  if (next < count) throw Error(Code::kCancelled, "stopped before all was done");
}

void for_each_transfer(std::span<const std::uint64_t> sizes, int jobs, const std::stop_token& stop,
                       const std::function<void(std::size_t)>& work) {
  check(jobs > 0, "a number of jobs below 1");
  check(std::ranges::is_sorted(sizes, std::greater()), "transfers are in descending order");
  const auto threads = std::min(sizes.size(), static_cast<std::size_t>(jobs));
  Turns turns(sizes, threads);
  FirstFailure failure;
  run_on_threads(static_cast<int>(threads), [&] {
    while (const auto i = turns.take(stop)) {
      failure.guard([&] { work(*i); });
      if (failure.is_set()) turns.close();
      turns.done(*i);
    }
  });
  failure.rethrow();
  if (!turns.all_taken()) throw Error(Code::kCancelled, "stopped before all was done");
}

}  // namespace seabag::transfer
