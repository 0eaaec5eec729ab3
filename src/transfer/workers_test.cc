// SPDX-License-Identifier: Apache-2.0
#include "transfer/workers.h"

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::transfer {
namespace {

TEST(ForEachParallel, DoesEveryItemOnce) {
  for (const int jobs : {1, 3, 64}) {
    std::vector<std::atomic<int>> times(20);
    for_each_parallel(times.size(), jobs, {}, [&](std::size_t i) { ++times[i]; });
    for (const auto& time : times) EXPECT_EQ(time, 1) << jobs << " jobs";
  }
}

TEST(ForEachParallel, ReturnsAtOnceForNoItems) {
  for_each_parallel(0, 4, {}, [](std::size_t) { FAIL(); });
}

TEST(ForEachParallel, StartsInOrder) {
  std::vector<std::size_t> order;
  for_each_parallel(5, 1, {}, [&](std::size_t i) { order.push_back(i); });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(ForEachParallel, RunsAsManyAtATimeAsThereAreJobs) {
  std::latch all_here(4);
  for_each_parallel(4, 4, {}, [&](std::size_t) { all_here.arrive_and_wait(); });
}

TEST(ForEachParallel, RethrowsTheFirstExceptionAndTakesNoMore) {
  std::atomic<std::size_t> started = 0;
  const auto run = [&] {
    for_each_parallel(1000, 1, {}, [&](std::size_t i) {
      ++started;
      if (i == 2) throw std::runtime_error("two");
    });
  };
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_EQ(started, 3U);
}

TEST(ForEachParallel, WaitsForTheOthersWhenOneThrows) {
  std::latch both_here(2);
  std::atomic<bool> other_ended = false;
  const auto run = [&] {
    for_each_parallel(2, 2, {}, [&](std::size_t i) {
      both_here.arrive_and_wait();
      if (i == 0) throw std::runtime_error("zero");
      std::this_thread::yield();
      other_ended = true;
    });
  };
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_TRUE(other_ended);
}

TEST(ForEachParallel, IsCancelledBetweenItems) {
  std::stop_source stop;
  std::size_t started = 0;
  try {
    for_each_parallel(10, 1, stop.get_token(), [&](std::size_t i) {
      ++started;
      if (i == 3) stop.request_stop();
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kCancelled);
  }
  EXPECT_EQ(started, 4U);
}

TEST(ForEachParallel, IsNotCancelledWhenAllWasDone) {
  std::stop_source stop;
  for_each_parallel(1, 2, stop.get_token(), [&](std::size_t) { stop.request_stop(); });
}

TEST(ForEachParallel, RefusesToRunOnNoThread) {
  EXPECT_THROW(for_each_parallel(1, 0, {}, [](std::size_t) {}), Error);
}

}  // namespace
}  // namespace seabag::transfer
