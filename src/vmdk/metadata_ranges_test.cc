// SPDX-License-Identifier: Apache-2.0
#include "vmdk/metadata_ranges.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"

namespace seabag::vmdk {
namespace {

TEST(MetadataRanges, TellsWhatOverlaps) {
  MetadataRanges ranges;
  ranges.add(100, 10);
  ranges.add(0, 1);
  ranges.add(20, 4);
  ranges.seal();
  EXPECT_TRUE(ranges.overlaps(0, 1));
  EXPECT_FALSE(ranges.overlaps(1, 19));
  EXPECT_TRUE(ranges.overlaps(1, 20));
  EXPECT_TRUE(ranges.overlaps(23, 1));
  EXPECT_FALSE(ranges.overlaps(24, 76));
  EXPECT_TRUE(ranges.overlaps(24, 77));
  EXPECT_TRUE(ranges.overlaps(50, 100));
  EXPECT_TRUE(ranges.overlaps(109, 8));
  EXPECT_FALSE(ranges.overlaps(110, 8));
}

TEST(MetadataRanges, JoinsWhatOverlapsItself) {
  MetadataRanges ranges;
  ranges.add(10, 100);
  ranges.add(20, 5);
  ranges.add(50, 100);
  ranges.seal();
  EXPECT_TRUE(ranges.overlaps(30, 1));
  EXPECT_TRUE(ranges.overlaps(149, 1));
  EXPECT_FALSE(ranges.overlaps(150, 1));
}

TEST(MetadataRanges, IsBounded) {
  MetadataRanges ranges;
  for (std::uint64_t i = 0; i < limits::kVmdkMetadataRuns; ++i) ranges.add(2 * i, 1);
  EXPECT_NO_THROW(ranges.add(2 * limits::kVmdkMetadataRuns - 1, 1));  // goes on with the last
  EXPECT_THROW(ranges.add(4 * limits::kVmdkMetadataRuns, 1), Error);
}

}  // namespace
}  // namespace seabag::vmdk
