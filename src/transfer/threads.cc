// SPDX-License-Identifier: Apache-2.0
#include "transfer/threads.h"

#include <system_error>
#include <thread>
#include <vector>

namespace seabag::transfer {

void FirstFailure::guard(const std::function<void()>& work) noexcept {
  try {
    work();
  } catch (...) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    is_set_ = true;
  }
}

void FirstFailure::rethrow() const {
  if (failure_) std::rethrow_exception(failure_);
}

void run_on_threads(int threads, const std::function<void()>& body) {
  std::vector<std::jthread> others;
  try {
    for (int i = 1; i < threads; ++i) others.emplace_back(body);
  } catch (const std::system_error&) {
    // EAGAIN: a limit on threads (ulimit -u, a container's pids). Fewer are slower, not wrong.
  }
  body();
}

}  // namespace seabag::transfer
