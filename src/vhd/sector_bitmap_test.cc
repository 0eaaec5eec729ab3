// SPDX-License-Identifier: Apache-2.0
#include "vhd/sector_bitmap.h"

#include <gtest/gtest.h>

namespace seabag::vhd {
namespace {

io::Bytes bytes(std::initializer_list<int> values) {
  io::Bytes result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

TEST(SectorBitmap, CountsFromTheMostSignificantBit) {
  const SectorBitmap bitmap(bytes({0x81, 0x40}), 0, 16);
  EXPECT_TRUE(bitmap.is_stored(0));
  EXPECT_FALSE(bitmap.is_stored(1));
  EXPECT_TRUE(bitmap.is_stored(7));
  EXPECT_FALSE(bitmap.is_stored(8));
  EXPECT_TRUE(bitmap.is_stored(9));
}

TEST(SectorBitmap, BeginsWithinAByte) {
  const SectorBitmap bitmap(bytes({0x1F, 0xF0}), 3, 9);
  EXPECT_TRUE(bitmap.is_stored(0));
  EXPECT_EQ(bitmap.run_at(0), 9U);
  EXPECT_EQ(bitmap.run_at(8), 1U);
}

TEST(SectorBitmap, EndsRunsWhereTheStateChanges) {
  const SectorBitmap bitmap(bytes({0x00, 0x00, 0x01, 0xFF, 0xFF, 0x80, 0x00}), 0, 56);
  EXPECT_EQ(bitmap.run_at(0), 23U);
  EXPECT_EQ(bitmap.run_at(5), 18U);
  EXPECT_EQ(bitmap.run_at(23), 18U);
  EXPECT_EQ(bitmap.run_at(41), 15U);
}

TEST(SectorBitmap, EndsRunsWithTheRow) {
  const SectorBitmap bitmap(bytes({0xFF, 0xFF, 0xFF}), 4, 13);
  EXPECT_EQ(bitmap.run_at(0), 13U);
  EXPECT_EQ(bitmap.run_at(12), 1U);
}

// Every start in a pattern of many runs, against a count bit by bit.
TEST(SectorBitmap, CountsWholeBytesAsItCountsBits) {
  const SectorBitmap bitmap(bytes({0xF0, 0x00, 0x00, 0xFF, 0xFF, 0x0F, 0xA5, 0xFF, 0x00}), 2, 66);
  for (std::uint64_t sector = 0; sector < 66; ++sector) {
    std::uint64_t run = 1;
    while (sector + run < 66 && bitmap.is_stored(sector + run) == bitmap.is_stored(sector)) ++run;
    EXPECT_EQ(bitmap.run_at(sector), run) << sector;
  }
}

}  // namespace
}  // namespace seabag::vhd
