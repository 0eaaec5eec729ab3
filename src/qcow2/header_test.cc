// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "qcow2/header_internal.h"
#include "qcow2/test_image_internal.h"

namespace seabag::qcow2 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Of an image that must be refused.
Error refusal_of(const TestImage& image) {
  try {
    read_header(*image.file());
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "was not refused";
  return {Code::kInternal, ""};
}

TEST(Qcow2Header, OfVersion2HasNoFeatures) {
  TestImage image(2, 16, 1U << 30U);
  image.set_incompatible(~std::uint64_t{0} << 32U);  // in the first extension: type -1, length 0
  const Header header = read_header(*image.file());
  EXPECT_EQ(header.version, 2U);
  EXPECT_EQ(header.cluster_bytes(), 65536U);
  EXPECT_EQ(header.disk_size, 1U << 30U);
  EXPECT_EQ(header.l2_table_covers(), 512U << 20U);
  EXPECT_FALSE(header.is_dirty);
}

TEST(Qcow2Header, OfVersion3TellsItsFeatures) {
  TestImage image(3, 16);
  image.set_incompatible(1U | 8U | 16U);
  image.set_u32(104, 1U << 24U);  // the compression type is the first byte
  const Header header = read_header(*image.file());
  EXPECT_TRUE(header.is_dirty);
  EXPECT_TRUE(header.has_extended_l2);
  EXPECT_EQ(header.compression, Compression::kZstd);
  EXPECT_EQ(header.l2_table_covers(), 256U << 20U);
}

TEST(Qcow2Header, WithoutCompressionTypeIsDeflate) {
  TestImage image;
  image.set_u32(100, 104);
  image.set_u32(104, 0);  // end of extensions
  EXPECT_EQ(read_header(*image.file()).compression, Compression::kDeflate);
}

TEST(Qcow2Header, PassesOverExtensionsThatOnlyInform) {
  TestImage image;
  image.set_u32(112, 0xE2792ACA);  // format of the backing file
  image.set_u32(116, 5);
  image.set_u32(128, 0x23852875);  // bitmaps: after padding to 8
  image.set_u32(132, 24);
  EXPECT_EQ(read_header(*image.file()).disk_size, 4096U);
}

TEST(Qcow2Header, RefusesBackingFilesSayingHowToFlatten) {
  TestImage image;
  image.set_u64(8, 200);
  const Error error = refusal_of(image);
  EXPECT_EQ(error.code(), Code::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("\"a.qcow2\": has a backing file"));
  EXPECT_THAT(error.next_step(), AllOf(HasSubstr("qemu-img convert"), HasSubstr("rebase")));
}

TEST(Qcow2Header, NamesFeaturesAsTheImageDoes) {
  TestImage image;
  image.set_incompatible(1ULL << 7U | 1ULL << 40U);
  image.set_u32(112, 0x6803F857);
  image.set_u32(116, 96);
  image.set_u64(120, 0x0107'6175'746F'0000);  // bit 7 of another kind
  image.set_u64(168, 0x0007'7369'1B5B6D00);   // "si", escape, "[m"
  EXPECT_THAT(refusal_of(image).what(), HasSubstr("bit 7 (\"si\\x1b[m\"), bit 40"));
}

TEST(Qcow2Header, RefusesBitsThatItDoesNotKnowWithoutNames) {
  TestImage image;
  image.set_incompatible(1ULL << 63U);
  const Error error = refusal_of(image);
  EXPECT_EQ(error.code(), Code::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("does not know: bit 63"));
}

}  // namespace
}  // namespace seabag::qcow2
