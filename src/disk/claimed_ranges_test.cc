// SPDX-License-Identifier: Apache-2.0
#include "disk/claimed_ranges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::disk {
namespace {

using ::testing::HasSubstr;

std::string refusal(ClaimedRanges& ranges, std::uint64_t offset, std::uint64_t length) {
  try {
    ranges.claim(offset, length, "BAT entry 7");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kMalformed);
    return error.what();
  }
  return "";
}

TEST(ClaimedRanges, LetsNeighboursPass) {
  ClaimedRanges ranges("a.vhd", 4096, 512);
  EXPECT_EQ(refusal(ranges, 1024, 1024), "");
  EXPECT_EQ(refusal(ranges, 0, 1024), "");
  EXPECT_EQ(refusal(ranges, 2048, 2048), "");
}

TEST(ClaimedRanges, RefusesWhatOverlapsNamingTheEntry) {
  ClaimedRanges ranges("a.vhd", 4096, 512);
  EXPECT_EQ(refusal(ranges, 1024, 1024), "");
  EXPECT_EQ(refusal(ranges, 1536, 512),
            "\"a.vhd\": BAT entry 7: the 512 bytes at 1536 overlap what another entry points to");
  EXPECT_THAT(refusal(ranges, 0, 1025), HasSubstr("overlap"));
}

TEST(ClaimedRanges, RefusesWhatLiesBeyondTheFile) {
  ClaimedRanges ranges("a.vhd", 4000, 512);
  EXPECT_THAT(refusal(ranges, 3584, 417), HasSubstr("the file has 4000 bytes"));
  EXPECT_THAT(refusal(ranges, ~std::uint64_t{0} - 511, 1024), HasSubstr("the file has 4000 bytes"));
  EXPECT_EQ(refusal(ranges, 3584, 416), "");
}

TEST(ClaimedRanges, RefusesWhatBeginsBetweenUnits) {
  ClaimedRanges ranges("a.vhd", 4096, 512);
  EXPECT_THAT(refusal(ranges, 100, 10), HasSubstr("offset 100 is no multiple of 512"));
}

TEST(ClaimedRanges, TakesNoMoreMemoryThanItsLimit) {
  EXPECT_THROW(ClaimedRanges("a.vhd", 1ULL << 40U, 512), Error);
  EXPECT_NO_THROW(ClaimedRanges("a.vhd", 1ULL << 40U, 65536));
}

}  // namespace
}  // namespace seabag::disk
