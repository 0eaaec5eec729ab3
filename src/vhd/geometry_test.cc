// SPDX-License-Identifier: Apache-2.0
#include "vhd/geometry.h"

#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace seabag::vhd {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;

struct Row {
  std::string name;
  std::uint64_t size = 0;
  Geometry geometry;

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
};

// QEMU, VirtualBox and XenServer's tools agree on these.
const Row kRows[] = {
    {"OneSector", 512, {0, 4, 17}},
    {"OneMib", kMiB, {30, 4, 17}},
    {"EightMib", 8 * kMiB, {240, 4, 17}},
    {"HundredMib", 100 * kMiB, {1003, 12, 17}},
    {"OneGib", kGiB, {2080, 16, 63}},
    {"FourGib", 4 * kGiB, {8322, 16, 63}},
    {"TenGib", 10 * kGiB, {20805, 16, 63}},
    {"ThirtyTwoGib", 32 * kGiB, {16448, 16, 255}},
    {"FortyGib", 40 * kGiB, {20560, 16, 255}},
    {"HundredGib", 100 * kGiB, {51400, 16, 255}},
    {"HundredTwentySevenGib", 127 * kGiB, {65278, 16, 255}},
    {"HundredTwentyEightGib", 128 * kGiB, kLargestGeometry},
    {"LargestDynamicDisk", 2040 * kGiB, kLargestGeometry},
    {"SixtyFourTib", 65536 * kGiB, kLargestGeometry},
};

class GeometryOf : public ::testing::TestWithParam<Row> {};

TEST_P(GeometryOf, IsWhatAllProgramsCompute) {
  const Geometry geometry = geometry_for(GetParam().size);
  EXPECT_EQ(geometry.cylinders, GetParam().geometry.cylinders);
  EXPECT_EQ(geometry.heads, GetParam().geometry.heads);
  EXPECT_EQ(geometry.sectors_per_track, GetParam().geometry.sectors_per_track);
}

INSTANTIATE_TEST_SUITE_P(, GeometryOf, ::testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

TEST(GeometryFor, NeverReachesBeyondTheDisk) {
  for (std::uint64_t size = 512; size < 300 * kGiB; size += size / 97 / 512 * 512 + 512) {
    ASSERT_LE(geometry_for(size).bytes(), size);
  }
}

TEST(Geometry, CountsItsBytes) {
  EXPECT_EQ((Geometry{2080, 16, 63}).bytes(), 2096640ULL * 512);
  EXPECT_EQ(kLargestGeometry.bytes(), 267382800ULL * 512);
}

}  // namespace
}  // namespace seabag::vhd
