// SPDX-License-Identifier: Apache-2.0
#include "exporting/disk_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "index/disks.h"

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

TEST(ParseDisk, TakesWhatIdentifiesItsFiles) {
  EXPECT_EQ(parse_disk("disk:a.raw").identity, conversion::Identity{});
  const DiskRequest disk = parse_disk("disk:a.raw,adapter=ide,cid=0badcafe,name=os");
  EXPECT_EQ(conversion::text_of(disk.identity), "adapter=ide,cid=0badcafe");
  EXPECT_EQ(disk.name, "os");
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
  EXPECT_THAT(complaint("disk:a,cid=ffffffff"), HasSubstr("8 hexadecimal digits"));
  EXPECT_THAT(complaint("disk:a,boot=yes"), HasSubstr("adapter=, cid=, uuid= and timestamp="));
  EXPECT_THAT(complaint("disk:a,b.raw"), HasSubstr("unknown option \"b.raw\""));
  EXPECT_THAT(complaint("disk:/"), HasSubstr("is no name of a disk"));
}

TEST(Identifiers, SayOfEachDiskWhatIsGiven) {
  const auto identity_in = [](const std::string& text, const std::string& disk) {
    return identity_of(index::identifiers_in({{index::kIdentifiers, text}}, disk), disk);
  };
  const std::vector<DiskRequest> disks = {parse_disk("disk:web.raw,adapter=ide,cid=0badcafe"),
                                          parse_disk("disk:plain.raw"),
                                          parse_disk("disk:db.raw,format=vhd,"
                                                     "timestamp=2026-11-25T08:00:00Z")};
  const std::string text = identifiers_of(disks);
  EXPECT_EQ(text, "db:timestamp=2026-11-25T08:00:00Z web:adapter=ide,cid=0badcafe");
  for (const DiskRequest& disk : disks) EXPECT_EQ(identity_in(text, disk.name), disk.identity);
  EXPECT_EQ(identifiers_of({parse_disk("disk:a.raw")}), "");
  EXPECT_EQ(identity_in("", "a"), conversion::Identity{});
  EXPECT_THROW(identity_in("a:cid=1", "a"), Error);
}

}  // namespace
}  // namespace seabag::exporting
