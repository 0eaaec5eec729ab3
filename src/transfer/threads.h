// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>

namespace seabag::transfer {

/// Keeps the first exception of several threads.
class FirstFailure {
 public:
  /// Runs `work` and keeps what it throws.
  void guard(const std::function<void()>& work) noexcept;
  bool is_set() const noexcept { return is_set_.load(); }
  /// Order: after the threads have ended.
  void rethrow() const;

 private:
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::atomic<bool> is_set_ = false;
};

/// Runs `body`, which must not throw, on the caller's thread and `threads` - 1 more, and waits for
/// all. Where the system grants fewer threads, fewer run it.
void run_on_threads(int threads, const std::function<void()>& body);

}  // namespace seabag::transfer
