// SPDX-License-Identifier: Apache-2.0
#include "transfer/workers.h"

#include <atomic>
#include <chrono>
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

constexpr std::uint64_t kMiB = 1U << 20U;

TEST(ForEachTransfer, DoesEveryItemOnce) {
  const std::vector<std::uint64_t> sizes = {900 * kMiB, 300 * kMiB, 2 * kMiB, 2 * kMiB, kMiB,
                                            kMiB - 1,   5,          5,        0};
  for (const int jobs : {1, 2, 3, 64}) {
    std::vector<std::atomic<int>> times(sizes.size());
    for_each_transfer(sizes, jobs, {}, [&](std::size_t i) { ++times[i]; });
    for (const auto& time : times) EXPECT_EQ(time, 1) << jobs << " jobs";
  }
  for_each_transfer({}, 4, {}, [](std::size_t) { FAIL(); });
}

TEST(ForEachTransfer, StartsInOrder) {
  std::vector<std::size_t> order;
  for_each_transfer(std::vector<std::uint64_t>{9 * kMiB, 3 * kMiB, 7, 7, 1}, 1, {},
                    [&](std::size_t i) { order.push_back(i); });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(ForEachTransfer, KeepsSoFewLargeOnesOnTheirWayThatTheLargestIsDoneByWhenAllAre) {
  struct Row {
    std::uint64_t largest;
    int others_at_a_time;  // of twelve of 10 MiB, among eight jobs
  };
  for (const Row& row : {Row{200, 1}, Row{121, 1}, Row{110, 2}, Row{50, 3}, Row{10, 7}}) {
    std::vector<std::uint64_t> sizes(13, 10 * kMiB);
    sizes.front() = row.largest * kMiB;
    std::latch others_begun(row.others_at_a_time);
    std::atomic<int> others = 0;
    std::atomic<int> most = 0;
    std::latch largest_is_done(1);
    for_each_transfer(sizes, 8, {}, [&](std::size_t i) {
      if (i == 0) {
        others_begun.wait();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for one too many
        most = others.load();
        return largest_is_done.count_down();
      }
      if (++others <= row.others_at_a_time) others_begun.count_down();
      largest_is_done.wait();
    });
    EXPECT_EQ(most, row.others_at_a_time) << "beside one of " << row.largest << " MiB";
  }
}

// With eight at a time, those that are left when the largest is half done still are as many.
TEST(ForEachTransfer, KeepsAsManyOnTheirWayUntilTheLargestIsDone) {
  const std::vector<std::uint64_t> sizes = {1000 * kMiB, 500 * kMiB, 500 * kMiB, 500 * kMiB,
                                            500 * kMiB};
  std::latch first_pair(2);
  std::latch second_pair(2);
  std::latch largest_may_end(4);
  for_each_transfer(sizes, 8, {}, [&](std::size_t i) {
    if (i == 0) return largest_may_end.wait();
    (i < 3 ? first_pair : second_pair).arrive_and_wait();
    largest_may_end.count_down();
  });
}

TEST(ForEachTransfer, WantsThemInDescendingOrder) {
  EXPECT_THROW(
      for_each_transfer(std::vector<std::uint64_t>{1, 2}, 1, {}, [](std::size_t) { FAIL(); }),
      Error);
}

TEST(ForEachTransfer, DoesSmallOnesBesideTheLargestWhereNoLargeOneMayBegin) {
  std::latch small_ones(20);
  std::vector<std::uint64_t> sizes(22, 1000);
  sizes[0] = 900 * kMiB;
  sizes[1] = 2 * kMiB;
  for_each_transfer(sizes, 3, {}, [&](std::size_t i) {
    if (i < 2) return small_ones.wait();
    small_ones.count_down();
  });
}

TEST(ForEachTransfer, LetsNobodyWaitOnceOneThrows) {
  std::vector<std::uint64_t> sizes(8, 2 * kMiB);
  sizes.front() = 900 * kMiB;
  std::latch both_here(2);
  std::atomic<int> begun = 0;
  const auto run = [&] {
    for_each_transfer(sizes, 4, {}, [&](std::size_t i) {
      ++begun;
      if (i < 2) both_here.arrive_and_wait();
      if (i == 0) throw std::runtime_error("zero");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    });
  };
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_LT(begun, 8);
}

TEST(ForEachTransfer, LetsNobodyWaitOnceItIsToStop) {
  std::stop_source stop;
  const auto run = [&] {
    for_each_transfer(std::vector<std::uint64_t>{900 * kMiB, kMiB, kMiB, kMiB}, 4, stop.get_token(),
                      [&](std::size_t) { stop.request_stop(); });
  };
  EXPECT_THROW(run(), Error);
}

}  // namespace
}  // namespace seabag::transfer
