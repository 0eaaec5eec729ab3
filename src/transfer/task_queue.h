// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

namespace seabag::transfer {

/// Tasks that may add tasks, run on a bounded number of threads: the walk over a graph whose size
/// nobody knows. The task added last is started first.
///
/// Order:   add() from anywhere, also from tasks; run() once: returns when all tasks, also added
/// ones,
///          are done.
/// Errors:  the first exception of a task ends the taking of further ones and is rethrown by run();
///          kCancelled if stop was asked for before all were done.
/// Threads: add() may be called concurrently.
class TaskQueue {
 public:
  explicit TaskQueue(int jobs);
  ~TaskQueue();
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;
  void add(std::function<void()> task);
  void run(const std::stop_token& stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace seabag::transfer
