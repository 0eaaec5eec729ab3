// SPDX-License-Identifier: Apache-2.0
#include "transfer/workers.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "transfer/threads.h"

namespace seabag::transfer {

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

}  // namespace seabag::transfer
