// SPDX-License-Identifier: Apache-2.0
#include "base/arith.h"

#include <gtest/gtest.h>

namespace seabag {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

TEST(CheckedAdd, AddsUpToTheLargestNumber) {
  EXPECT_EQ(checked_add(kMax - 1, 1), kMax);
}

TEST(CheckedAdd, RefusesASumThatDoesNotFit) {
  EXPECT_THROW(checked_add(kMax, 1), Error);
  EXPECT_THROW(checked_add(1, kMax), Error);
}

TEST(RoundUp, RaisesToTheNextMultiple) {
  EXPECT_EQ(round_up(0, 512), 0U);
  EXPECT_EQ(round_up(1, 512), 512U);
  EXPECT_EQ(round_up(512, 512), 512U);
  EXPECT_EQ(round_up(513, 512), 1024U);
}

TEST(RoundUp, RefusesAMultipleThatDoesNotFit) {
  EXPECT_EQ(round_up(kMax - 511, 512), kMax - 511);
  EXPECT_THROW(round_up(kMax - 510, 512), Error);
}

TEST(Narrow, KeepsANumberThatFits) {
  EXPECT_EQ(narrow<std::uint8_t>(255), 255);
  EXPECT_EQ(narrow<std::int64_t>(kMax / 2), std::numeric_limits<std::int64_t>::max());
}

TEST(Narrow, RefusesANumberOutOfRange) {
  EXPECT_THROW(narrow<std::uint8_t>(256), Error);
  EXPECT_THROW(narrow<std::uint64_t>(-1), Error);
  EXPECT_THROW(narrow<std::int64_t>(kMax / 2 + 1), Error);
}

}  // namespace
}  // namespace seabag
