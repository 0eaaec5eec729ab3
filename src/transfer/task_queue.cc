// SPDX-License-Identifier: Apache-2.0
#include "transfer/task_queue.h"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#include "transfer/threads.h"

namespace seabag::transfer {

struct TaskQueue::State {
  int jobs;
  std::mutex mutex;
  std::condition_variable_any changed;
  // A stack: the newest first walks a graph depth first, so what waits is a path with its
  // siblings and not a whole level.
  std::vector<std::function<void()>> waiting;
  int running = 0;
  FirstFailure failure;

  explicit State(int number_of_jobs) : jobs(number_of_jobs) {}

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, stop,
                   [this] { return !waiting.empty() || running == 0 || failure.is_set(); });
      if (waiting.empty() || failure.is_set() || stop.stop_requested()) return;
      std::function<void()> task = std::move(waiting.back());
      waiting.pop_back();
      ++running;
      lock.unlock();
      failure.guard(task);
      task = nullptr;  // what it captured may be slow to free
      lock.lock();
      --running;
      if (running == 0 || failure.is_set()) changed.notify_all();
    }
  }
};

TaskQueue::TaskQueue(int jobs) : state_(std::make_unique<State>(jobs)) {
  check(jobs > 0, "a number of jobs below 1");
}

TaskQueue::~TaskQueue() = default;

void TaskQueue::add(std::function<void()> task) {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->waiting.push_back(std::move(task));
  }
  state_->changed.notify_one();
}

void TaskQueue::run(const std::stop_token& stop) {
  run_on_threads(state_->jobs, [&] { state_->work(stop); });
  state_->failure.rethrow();
  if (!state_->waiting.empty()) throw Error(Code::kCancelled, "stopped before all was done");
}

}  // namespace seabag::transfer
