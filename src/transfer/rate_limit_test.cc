// SPDX-License-Identifier: Apache-2.0
#include "transfer/rate_limit.h"

#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::transfer {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(RateLimit, LetsEverythingPassWithoutALimit) {
  RateLimit limit(0);
  EXPECT_TRUE(limit.is_unlimited());
  limit.take(std::numeric_limits<std::uint64_t>::max());
  limit.take(1);
}

TEST(RateLimit, MakesTheNextWaitForTheTimeOfTheLast) {
  RateLimit limit(1'000'000);
  const auto start = steady_clock::now();
  limit.take(10'000);
  limit.take(10'000);
  limit.take(1'000'000);
  EXPECT_GE(steady_clock::now() - start, milliseconds(20));
}

TEST(RateLimit, SharesTheRateAmongThreads) {
  RateLimit limit(1'000'000);
  const auto start = steady_clock::now();
  {
    std::jthread one([&] { limit.take(10'000); });
    std::jthread two([&] { limit.take(10'000); });
  }
  limit.take(1);
  EXPECT_GE(steady_clock::now() - start, milliseconds(20));
}

TEST(RateLimit, EndsTheWaitWhenStopIsAskedFor) {
  std::stop_source stop;
  RateLimit limit(1, stop.get_token());
  limit.take(std::numeric_limits<std::uint64_t>::max());
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_THROW(limit.take(1), Error);
}

TEST(RateLimit, IsCancelledAlsoWithoutALimit) {
  std::stop_source stop;
  RateLimit limit(0, stop.get_token());
  limit.take(1);
  stop.request_stop();
  try {
    limit.take(1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kCancelled);
  }
}

}  // namespace
}  // namespace seabag::transfer
