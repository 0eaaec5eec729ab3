// SPDX-License-Identifier: Apache-2.0
#include "exporting/disk_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::exporting {
namespace {

using ::testing::HasSubstr;

std::string complaint(std::string_view text) {
  try {
    parse_disk(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    return std::string(error.what()) + " | " + error.next_step();
  }
  return "";
}

TEST(ParseDisk, TakesAPathAlone) {
  const DiskRequest disk = parse_disk("disk:/srv/vm/web01.qcow2");
  EXPECT_EQ(disk.path, "/srv/vm/web01.qcow2");
  EXPECT_EQ(disk.name, "web01");
  EXPECT_EQ(disk.uri(), "disk:/srv/vm/web01.qcow2");
  EXPECT_FALSE(disk.boots);
  EXPECT_FALSE(disk.format || disk.source_format);
}

TEST(ParseDisk, TakesEveryOption) {
  const DiskRequest disk = parse_disk(
      "disk:a.img,name=os,server=web01,boot,format=vhd-fixed,source-format=qcow2,config=a,,b.json");
  EXPECT_EQ(disk.name, "os");
  EXPECT_EQ(disk.server, "web01");
  EXPECT_TRUE(disk.boots);
  EXPECT_EQ(disk.format, conversion::OutputFormat::kVhdFixed);
  EXPECT_EQ(disk.source_format, conversion::SourceFormat::kQcow2);
  EXPECT_EQ(disk.config, "a,b.json");
}

TEST(ParseDisk, TakesTwoCommasForOneInAPath) {
  EXPECT_EQ(parse_disk("disk:a,,b.raw").path, "a,b.raw");
}

TEST(ParseDisk, MakesANameThatEveryFileSystemTakes) {
  EXPECT_EQ(parse_disk("disk:/dev/sda").name, "sda");
  EXPECT_EQ(parse_disk("disk:/x/my disk (1).raw").name, "my-disk--1-");
  EXPECT_EQ(parse_disk("disk:.hidden.raw").name, "hidden");
  EXPECT_EQ(parse_disk("disk:" + std::string(90, 'a') + ".raw").name, std::string(64, 'a'));
}

TEST(ParseDisk, SaysWhatIsWrong) {
  EXPECT_THAT(complaint("disk:"), HasSubstr("expected a path"));
  EXPECT_THAT(complaint("disk:a,name=../b"), HasSubstr("\"../b\" is no name"));
  EXPECT_THAT(complaint("disk:a,server=-x"), HasSubstr("\"-x\" is no name"));
  EXPECT_THAT(complaint("disk:a,format=qcow2"), HasSubstr("expected one of raw, vhd"));
  EXPECT_THAT(complaint("disk:a,b.raw"), HasSubstr("unknown option \"b.raw\""));
  EXPECT_THAT(complaint("disk:/"), HasSubstr("is no name of a disk"));
}

}  // namespace
}  // namespace seabag::exporting
