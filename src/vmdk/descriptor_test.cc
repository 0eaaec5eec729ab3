// SPDX-License-Identifier: Apache-2.0
#include "vmdk/descriptor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::vmdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What is refused is in tests/data/bad/vmdk.

constexpr std::string_view kBegin = "# Disk DescriptorFile\nversion=1\ncreateType=\"custom\"\n";

TEST(Descriptor, ReadsWhatVmwareWrites) {
  const Descriptor descriptor = parse_descriptor(
      "# Disk DescriptorFile\r\n"
      "version=3\r\n"
      "encoding=\"windows-1252\"\r\n"
      "CID=fffffffe\r\n"
      "parentCID=ffffffff\r\n"
      "isNativeSnapshot=\"no\"\r\n"
      "createType=\"twoGbMaxExtentSparse\"\r\n"
      "\r\n"
      "# Extent description\r\n"
      "RW 4192256 SPARSE \"web 01-s001.vmdk\"\r\n"
      "RW 2101248 SPARSE \"web 01-s002.vmdk\"\r\n"
      "# Change Tracking File\r\n"
      "changeTrackPath=\"web-ctk.vmdk\"\r\n"
      "\r\n"
      "ddb.toolsInstallType = \"4\"\r\n"
      "ddb.toolsInstallType = \"4\"\r\n"
      "ddb.adapterType = \"lsilogic\"\r\n");
  EXPECT_EQ(descriptor.create_type, "twoGbMaxExtentSparse");
  EXPECT_THAT(
      descriptor.extents,
      ElementsAre(
          ExtentLine{Access::kReadWrite, 4192256, ExtentType::kSparse, "web 01-s001.vmdk", 0},
          ExtentLine{Access::kReadWrite, 2101248, ExtentType::kSparse, "web 01-s002.vmdk", 0}));
  EXPECT_EQ(descriptor.sectors(), 4192256U + 2101248U);
}

TEST(Descriptor, TakesEveryAccessAndTypeInAnyCase) {
  const Descriptor descriptor = parse_descriptor(std::string(kBegin) +
                                                 "rw 8 flat \"a\" 3\n"
                                                 "RdOnly\t16  VMFS   \"b\"\n"
                                                 "NOACCESS 24 ZERO\n"
                                                 "RW 32 sparse \"c\"");
  EXPECT_THAT(descriptor.extents,
              ElementsAre(ExtentLine{Access::kReadWrite, 8, ExtentType::kFlat, "a", 3},
                          ExtentLine{Access::kReadOnly, 16, ExtentType::kFlat, "b", 0},
                          ExtentLine{Access::kNoAccess, 24, ExtentType::kZero, "", 0},
                          ExtentLine{Access::kReadWrite, 32, ExtentType::kSparse, "c", 0}));
}

TEST(Descriptor, ReadsEveryCreateTypeOfFiles) {
  for (const char* type :
       {"monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "2GbMaxExtentFlat",
        "streamOptimized", "vmfs", "vmfsThin", "vmfsPreallocated", "vmfsEagerZeroedThick"}) {
    const std::string text = std::string("version=1\nCREATETYPE=") + type + "\nRW 1 FLAT \"a\" 0\n";
    EXPECT_EQ(parse_descriptor(text).create_type, type);
  }
}

TEST(Descriptor, TakesNamesBeyondAsciiInUtf8) {
  const std::string line = "RW 1 FLAT \"s\xC3\xBC\xC3\x9F.vmdk\" 0\n";
  EXPECT_EQ(parse_descriptor(std::string(kBegin) + "encoding=\"UTF-8\"\n" + line).extents[0].file,
            "s\xC3\xBC\xC3\x9F.vmdk");
  EXPECT_THROW(parse_descriptor(std::string(kBegin) + line), Error);
}

TEST(Descriptor, SaysWhatToDoAboutASnapshot) {
  try {
    parse_descriptor(std::string(kBegin) + "parentCID=1\nRW 1 FLAT \"a\" 0\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnsupported);
    EXPECT_THAT(error.next_step(), HasSubstr("consolidate the snapshots"));
  }
}

TEST(Descriptor, OfOursIsReadAgain) {
  const ExtentLine flat{.sectors = 100, .file = "web01-flat.vmdk", .offset_sectors = 7};
  const ExtentLine sparse{.sectors = 200, .type = ExtentType::kSparse, .file = "web01-s001.vmdk"};
  const Descriptor descriptor =
      parse_descriptor(descriptor_text({.create_type = "custom",
                                        .size = 300ULL * 512,
                                        .content = disk::ContentDigest({}),
                                        .extents = {flat, sparse}}));
  EXPECT_THAT(descriptor.extents, ElementsAre(flat, sparse));
}

struct GeometryRow {
  Adapter adapter;
  std::uint64_t sectors;
  const char* cylinders;
};

TEST(Descriptor, HasAGeometryOfItsAdapter) {
  for (const GeometryRow& row :
       {GeometryRow{Adapter::kLsilogic, 1, "\"1\""},
        GeometryRow{Adapter::kLsilogic, 16065, "\"1\""},
        GeometryRow{Adapter::kBuslogic, 16066, "\"2\""},
        GeometryRow{Adapter::kLsilogic, 1ULL << 32U, "\"65535\""},
        GeometryRow{Adapter::kLegacyEsx, 16066, "\"2\""}, GeometryRow{Adapter::kIde, 1, "\"1\""},
        GeometryRow{Adapter::kIde, 2015, "\"1\""}, GeometryRow{Adapter::kIde, 2016, "\"2\""},
        GeometryRow{Adapter::kIde, 1ULL << 32U, "\"16383\""}}) {
    const std::string text = descriptor_text({.create_type = "custom",
                                              .size = row.sectors * 512,
                                              .adapter = row.adapter,
                                              .content = disk::ContentDigest({}),
                                              .extents = {}});
    EXPECT_THAT(text, HasSubstr(std::string("cylinders = ") + row.cylinders)) << row.sectors;
  }
}

TEST(Adapter, HasTheNameThatReadersTake) {
  for (const char* name : {"lsilogic", "buslogic", "ide", "legacyESX"}) {
    const auto adapter = find_adapter(name);
    ASSERT_TRUE(adapter) << name;
    const std::string text = descriptor_text({.create_type = "custom",
                                              .size = 512,
                                              .adapter = *adapter,
                                              .content = disk::ContentDigest({}),
                                              .extents = {}});
    EXPECT_THAT(text, HasSubstr(std::string("ddb.adapterType = \"") + name + "\"\n"));
  }
  EXPECT_FALSE(find_adapter("legacyesx"));
  EXPECT_EQ(adapter_names(), "lsilogic, buslogic, ide, legacyESX");
}

TEST(PlainName, IsOfAFileBesideTheDescriptor) {
  for (const char* name : {"a", "web01-s001.vmdk", "a b", "..a", "s\xC3\xBC\xC3\x9F"}) {
    EXPECT_TRUE(is_plain_name(name)) << name;
  }
  for (const char* name : {"", ".", "..", "a/b", "/a", "a\\b", "c:a", "a\nb", "a\x7F", "\xFF",
                           "a\xE2\x80\xAE"
                           "b"}) {
    EXPECT_FALSE(is_plain_name(name)) << name;
  }
  EXPECT_FALSE(is_plain_name(std::string(256, 'a')));
}

}  // namespace
}  // namespace seabag::vmdk
