// SPDX-License-Identifier: Apache-2.0
#include "disk/zeros.h"

#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace seabag::disk {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<std::size_t, std::size_t>> runs_of(const std::vector<std::byte>& bytes) {
  std::vector<std::pair<std::size_t, std::size_t>> runs;
  for_each_data_run(
      bytes, 100, [&](std::size_t begin, std::size_t length) { runs.emplace_back(begin, length); });
  return runs;
}

TEST(IsZero, FindsASingleByteAnywhere) {
  for (std::size_t size = 0; size < 70; ++size) {
    std::vector<std::byte> bytes(size);
    EXPECT_TRUE(is_zero(bytes)) << size;
    for (std::size_t i = 0; i < size; ++i) {
      bytes[i] = std::byte{0x80};
      EXPECT_FALSE(is_zero(bytes)) << i << " of " << size;
      bytes[i] = std::byte{0};
    }
  }
}

TEST(ForEachDataRun, JoinsNeighboursAndLeavesOutZeros) {
  std::vector<std::byte> bytes(650);
  EXPECT_THAT(runs_of(bytes), IsEmpty());
  bytes[100] = bytes[299] = std::byte{1};
  EXPECT_THAT(runs_of(bytes), ElementsAre(Pair(100, 200)));
  bytes[649] = std::byte{1};
  EXPECT_THAT(runs_of(bytes), ElementsAre(Pair(100, 200), Pair(600, 50)));
  bytes[0] = std::byte{1};
  EXPECT_THAT(runs_of(bytes), ElementsAre(Pair(0, 300), Pair(600, 50)));
}

TEST(ForEachDataRun, GivesNothingForNothing) {
  EXPECT_THAT(runs_of({}), IsEmpty());
}

}  // namespace
}  // namespace seabag::disk
