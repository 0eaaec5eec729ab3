// SPDX-License-Identifier: Apache-2.0
#include "transfer/task_queue.h"

#include <atomic>
#include <latch>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::transfer {
namespace {

TEST(TaskQueue, ReturnsAtOnceWithoutTasks) {
  TaskQueue queue(4);
  queue.run({});
}

TEST(TaskQueue, RunsTasksThatTasksAdd) {
  for (const int jobs : {1, 8}) {
    TaskQueue queue(jobs);
    std::atomic<int> leaves = 0;
    std::function<void(int)> grow = [&](int depth) {
      if (depth == 0) {
        ++leaves;
        return;
      }
      for (int child = 0; child < 3; ++child) queue.add([&grow, depth] { grow(depth - 1); });
    };
    queue.add([&] { grow(5); });
    queue.run({});
    EXPECT_EQ(leaves, 243) << jobs << " jobs";
  }
}

TEST(TaskQueue, RunsAsManyAtATimeAsThereAreJobs) {
  TaskQueue queue(3);
  std::latch all_here(3);
  for (int i = 0; i < 3; ++i) queue.add([&] { all_here.arrive_and_wait(); });
  queue.run({});
}

TEST(TaskQueue, StartsWithTheTaskAddedLast) {
  TaskQueue queue(1);
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) queue.add([&, i] { order.push_back(i); });
  queue.run({});
  EXPECT_EQ(order, (std::vector<int>{2, 1, 0}));
}

TEST(TaskQueue, RethrowsTheFirstExceptionAndTakesNoMore) {
  TaskQueue queue(1);
  bool went_on = false;
  queue.add([&] { went_on = true; });
  queue.add([] { throw std::runtime_error("task"); });
  EXPECT_THROW(queue.run({}), std::runtime_error);
  EXPECT_FALSE(went_on);
}

TEST(TaskQueue, WakesIdleThreadsWhenATaskThrows) {
  TaskQueue queue(4);
  queue.add([] { throw std::runtime_error("task"); });
  EXPECT_THROW(queue.run({}), std::runtime_error);
}

TEST(TaskQueue, IsCancelledBetweenTasks) {
  TaskQueue queue(2);
  std::stop_source stop;
  std::atomic<int> started = 0;
  std::function<void()> endless = [&] {
    if (++started == 10) stop.request_stop();
    queue.add(endless);
  };
  queue.add(endless);
  try {
    queue.run(stop.get_token());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kCancelled);
  }
}

}  // namespace
}  // namespace seabag::transfer
