// SPDX-License-Identifier: Apache-2.0
#include "conversion/destination.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::conversion {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;

std::string complaint(Destination destination, OutputFormat format, std::uint64_t size) {
  try {
    size_for(destination, format, size);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    return std::string(error.what()) + " | " + error.next_step();
  }
  return "";
}

struct Row {
  Destination destination;
  std::vector<OutputFormat> formats;  // the first is the default
  std::uint64_t smallest;
  std::uint64_t largest;
  std::uint64_t multiple;
};

class EveryDestination : public ::testing::TestWithParam<Row> {};

std::string name_of_row(const ::testing::TestParamInfo<Row>& row) {
  std::string name(name_of(row.param.destination));
  std::erase(name, '-');
  return name;
}

using enum OutputFormat;
INSTANTIATE_TEST_SUITE_P(
    SizeFor, EveryDestination,
    ::testing::Values(
        Row{Destination::kAzure, {kVhdFixed}, 20 * kMiB, 32767 * kGiB, kMiB},
        Row{Destination::kIbmClassic, {kVhd, kVhdFixed, kVmdk}, 512, 100 * kGiB, 512},
        Row{Destination::kXenServer, {kVhd}, 512, 2040 * kGiB, 512},
        Row{Destination::kAws, {kVmdk, kVhd, kVhdFixed, kRaw}, 512, 16 * 1024 * kGiB, 512},
        Row{Destination::kVsphere, {kVmdk}, 65536, 62 * 1024 * kGiB, 65536},
        Row{Destination::kHyperV, {kVhd, kVhdFixed}, 512, 2040 * kGiB, 512}),
    name_of_row);

TEST_P(EveryDestination, TakesItsOwnFormatsAloneAndSaysWhichTheyAre) {
  const Row& row = GetParam();
  EXPECT_EQ(default_format(row.destination), row.formats.front());
  for (const auto format : {kRaw, kVhd, kVhdFixed, kVmdk, kVmdkSparse, kVmdkFlat, kVmdk2Gb}) {
    SCOPED_TRACE(name_of(format));
    if (std::ranges::find(row.formats, format) != row.formats.end()) {
      EXPECT_EQ(complaint(row.destination, format, row.largest), "");
    } else {
      const std::string text = complaint(row.destination, format, row.smallest);
      EXPECT_THAT(text, HasSubstr(fmt::format("does not take {} disks | pass --disk-format {}",
                                              name_of(format), name_of(row.formats.front()))));
    }
  }
}

TEST_P(EveryDestination, TakesDisksUpToItsLargest) {
  const Row& row = GetParam();
  for (const auto format : row.formats) {
    EXPECT_EQ(size_for(row.destination, format, row.largest), row.largest);
    EXPECT_THAT(complaint(row.destination, format, row.largest + 512),
                HasSubstr(fmt::format("the disk has {} bytes, {} takes at most {}",
                                      row.largest + 512, name_of(row.destination), row.largest)));
  }
}

TEST_P(EveryDestination, SaysHowLongASmallerOneMustBe) {
  const Row& row = GetParam();
  const auto fitted = [&](std::uint64_t size) {
    return size_for(row.destination, row.formats.front(), size);
  };
  EXPECT_EQ(fitted(512), row.smallest);
  EXPECT_EQ(fitted(row.smallest), row.smallest);
  EXPECT_EQ(fitted(30 * kMiB), 30 * kMiB);
  EXPECT_EQ(fitted(30 * kMiB + 512), 30 * kMiB + row.multiple);
  EXPECT_EQ(fitted(row.largest - row.multiple), row.largest - row.multiple);
}

TEST(FindDestination, KnowsItsOwnNamesAlone) {
  for (const auto destination :
       {Destination::kAzure, Destination::kIbmClassic, Destination::kXenServer, Destination::kAws,
        Destination::kVsphere, Destination::kHyperV}) {
    EXPECT_EQ(find_destination(name_of(destination)), destination);
    EXPECT_THAT(destination_names(), HasSubstr(std::string(name_of(destination))));
  }
  EXPECT_FALSE(find_destination("Azure"));
}

}  // namespace
}  // namespace seabag::conversion
