// SPDX-License-Identifier: Apache-2.0
#include "conversion/destination.h"

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

TEST(SizeFor, AzureWantsFixedVhdsOfWholeMebibytes) {
  EXPECT_EQ(default_format(Destination::kAzure), OutputFormat::kVhdFixed);
  EXPECT_EQ(size_for(Destination::kAzure, OutputFormat::kVhdFixed, 30 * kMiB), 30 * kMiB);
  EXPECT_EQ(size_for(Destination::kAzure, OutputFormat::kVhdFixed, 30 * kMiB + 512), 31 * kMiB);
  EXPECT_EQ(size_for(Destination::kAzure, OutputFormat::kVhdFixed, 512), 20 * kMiB);
  EXPECT_THAT(complaint(Destination::kAzure, OutputFormat::kVhd, kGiB),
              HasSubstr("azure does not take vhd disks | pass --disk-format vhd-fixed"));
  EXPECT_THAT(complaint(Destination::kAzure, OutputFormat::kVhdFixed, (32ULL << 40U) + 512),
              HasSubstr("azure takes at most 35184372088832"));
}

TEST(SizeFor, OthersKeepTheSizeUpToTheirLimit) {
  EXPECT_EQ(size_for(Destination::kIbmClassic, OutputFormat::kVhd, 100 * kGiB), 100 * kGiB);
  EXPECT_THAT(complaint(Destination::kIbmClassic, OutputFormat::kVhd, 100 * kGiB + 512),
              HasSubstr("ibm-classic takes at most"));
  EXPECT_EQ(size_for(Destination::kXenServer, OutputFormat::kVhd, 1536), 1536U);
  EXPECT_THAT(complaint(Destination::kXenServer, OutputFormat::kVhdFixed, kGiB), HasSubstr("vhd"));
  EXPECT_EQ(size_for(Destination::kAws, OutputFormat::kRaw, 512), 512U);
  EXPECT_THAT(complaint(Destination::kVsphere, OutputFormat::kVmdkSparse, kGiB),
              HasSubstr("pass --disk-format vmdk"));
  EXPECT_THAT(complaint(Destination::kHyperV, OutputFormat::kVhd, 2041 * kGiB),
              HasSubstr("at most"));
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
