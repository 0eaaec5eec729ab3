// SPDX-License-Identifier: Apache-2.0
#include "cli/tally.h"

#include <gtest/gtest.h>

namespace seabag::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Tally::Time kStart{std::chrono::hours(1)};

// A second's worth, in chunks 100 ms apart.
void run_a_second(Tally& tally, int second, std::uint64_t bytes) {
  for (int i = 1; i <= 10; ++i) {
    tally.add_bytes(bytes / 10, kStart + seconds(second) + milliseconds(100 * i));
  }
}

TEST(Tally, KnowsNothingAtTheStart) {
  const Tally tally("fetching", 10, 1000, kStart);
  EXPECT_EQ(tally.rate(kStart), 0);
  EXPECT_EQ(tally.time_left(kStart), std::nullopt);
  EXPECT_EQ(tally.fraction(), 0);
}

TEST(Tally, KnowsTheRateAndTheTimeLeft) {
  Tally tally("fetching", 0, 10'000, kStart);
  run_a_second(tally, 0, 1000);
  EXPECT_DOUBLE_EQ(tally.rate(kStart + seconds(1)), 1000);
  EXPECT_EQ(tally.time_left(kStart + seconds(1)), seconds(9));
}

TEST(Tally, ForgetsWhatWasLongerAgoThanTheWindow) {
  Tally tally("fetching", 0, 1'000'000, kStart);
  for (int second = 0; second < 10; ++second) run_a_second(tally, second, 10'000);
  for (int second = 10; second < 20; ++second) run_a_second(tally, second, 1000);
  EXPECT_NEAR(tally.rate(kStart + seconds(20)), 1000, 1);
  EXPECT_NEAR(tally.mean_rate(kStart + seconds(20)), 5500, 1);
}

TEST(Tally, FallsToNoRateWhenNothingComes) {
  Tally tally("fetching", 0, 10'000, kStart);
  run_a_second(tally, 0, 1000);
  EXPECT_NEAR(tally.rate(kStart + seconds(3)), 333, 1);
  EXPECT_EQ(tally.rate(kStart + seconds(7)), 0);
  EXPECT_EQ(tally.time_left(kStart + seconds(7)), std::nullopt);
}

TEST(Tally, CountsSkippedBytesAsDoneButNotForTheRate) {
  Tally tally("fetching", 0, 10'000, kStart);
  tally.skip_bytes(5000);
  run_a_second(tally, 0, 1000);
  EXPECT_EQ(tally.done_bytes(), 6000U);
  EXPECT_DOUBLE_EQ(tally.rate(kStart + seconds(1)), 1000);
  EXPECT_EQ(tally.time_left(kStart + seconds(1)), seconds(4));
}

TEST(Tally, CountsHolesAsDoneButNeitherForTheRateNorAsThereAlready) {
  Tally tally("disks", 0, 10'000, kStart);
  tally.pass_hole(5000);
  run_a_second(tally, 0, 1000);
  EXPECT_EQ(tally.done_bytes(), 6000U);
  EXPECT_EQ(tally.skipped_bytes(), 0U);
  EXPECT_EQ(tally.hole_bytes(), 5000U);
  EXPECT_DOUBLE_EQ(tally.rate(kStart + seconds(1)), 1000);
}

TEST(Tally, TakesTheFractionFromItemsWhereBytesAreNotKnown) {
  Tally tally("resolving", 4, 0, kStart);
  tally.add_item();
  EXPECT_EQ(tally.fraction(), 0.25);
  EXPECT_EQ(Tally("resolving", 0, 0, kStart).fraction(), std::nullopt);
}

TEST(Tally, StaysWithinTheWholeWhenMoreComesThanWasAnnounced) {
  Tally tally("pushing", 0, 100, kStart);
  run_a_second(tally, 0, 1000);
  EXPECT_EQ(tally.fraction(), 1);
  EXPECT_EQ(tally.time_left(kStart + seconds(1)), seconds(0));
}

TEST(Tally, MakesNoForecastOfDays) {
  Tally tally("pushing", 0, 1ULL << 60U, kStart);
  run_a_second(tally, 0, 10);
  EXPECT_EQ(tally.time_left(kStart + seconds(1)), std::nullopt);
}

TEST(ReadableTime, ShowsHoursOnlyWhereThereAreSome) {
  EXPECT_EQ(readable_time(seconds(7)), "0:07");
  EXPECT_EQ(readable_time(seconds(754)), "12:34");
  EXPECT_EQ(readable_time(seconds(3723)), "1:02:03");
  EXPECT_EQ(readable_time(seconds(360'000)), "100:00:00");
}

TEST(ReadableRate, ShowsNoRateAsDashes) {
  EXPECT_EQ(readable_rate(0), "--");
  EXPECT_EQ(readable_rate(1536), "1.50 KiB/s");
}

}  // namespace
}  // namespace seabag::cli
