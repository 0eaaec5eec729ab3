// SPDX-License-Identifier: Apache-2.0
#include "vmdk/header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/bytes.h"

namespace seabag::vmdk {
namespace {

// What is refused is in tests/data/bad/vmdk.

SparseHeader stream_header() {
  return {.version = 3,
          .flags = kHasNewlineBytes | kIsCompressed | kHasMarkers,
          .capacity = 0x0000000102030405,
          .descriptor_sector = 1,
          .descriptor_sectors = 20,
          .redundant_directory_sector = 0x1112131415161718,
          .directory_sector = kDirectoryAtEnd,
          .overhead_sectors = 128,
          .is_unclean = true};
}

TEST(Header, LiesInItsSectorAsVmwareHasIt) {
  const SectorBytes sector = encode_header(stream_header());
  const std::string_view text = io::text_of(sector);
  EXPECT_EQ(text.substr(0, 12), std::string_view("KDMV\3\0\0\0\1\0\3\0", 12));
  EXPECT_EQ(text.substr(12, 8), std::string_view("\5\4\3\2\1\0\0\0", 8));
  EXPECT_EQ(text.substr(20, 8), std::string_view("\x80\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(text.substr(28, 16), std::string_view("\1\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(text.substr(44, 4), std::string_view("\0\2\0\0", 4));
  EXPECT_EQ(text.substr(48, 8), "\x18\x17\x16\x15\x14\x13\x12\x11");
  EXPECT_EQ(text.substr(56, 8), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
  EXPECT_EQ(text.substr(64, 8), std::string_view("\x80\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(text.substr(72, 7), std::string_view("\1\n \r\n\1\0", 7));
  EXPECT_EQ(text.find_first_not_of('\0', 79), std::string_view::npos);
}

TEST(Header, IsReadAsItWasWritten) {
  EXPECT_EQ(decode_header(encode_header(stream_header())), stream_header());
}

TEST(Header, CountsGrainsAndTablesUpwards) {
  SparseHeader header{.capacity = 128 * 512};
  EXPECT_EQ(header.grains(), 512U);
  EXPECT_EQ(header.tables(), 1U);
  header.capacity += 1;
  EXPECT_EQ(header.grains(), 513U);
  EXPECT_EQ(header.tables(), 2U);
}

TEST(Header, MayLackTheNewlineBytesIfItsFlagsSaySo) {
  SparseHeader header{.flags = 0, .capacity = 1};
  SectorBytes sector = encode_header(header);
  sector[73] = std::byte{'x'};
  EXPECT_EQ(decode_header(sector), header);
}

TEST(Signature, TellsWhatAFileIs) {
  EXPECT_EQ(signature_of(io::bytes_of("KDMV....")), Signature::kSparse);
  EXPECT_EQ(signature_of(io::bytes_of("COWD....")), Signature::kCowd);
  EXPECT_EQ(signature_of(io::bytes_of("\xBE\xBA\xFE\xCA")), Signature::kSeSparse);
  for (const char* line : {"# Disk DescriptorFile\nversion=1", "# Disk Descriptor File\r\n",
                           "#Disk DescriptorFile\n", "# DISK DESCRIPTORFILE"}) {
    EXPECT_EQ(signature_of(io::bytes_of(line)), Signature::kText) << line;
  }
  for (const char* line : {"", "KDM", "# Disk Descriptor", "version=1\n# Disk DescriptorFile"}) {
    EXPECT_EQ(signature_of(io::bytes_of(line)), Signature::kUnknown) << line;
  }
}

TEST(Marker, IsASectorOfItsOwn) {
  const SectorBytes marker = encode_marker(MarkerType::kGrainTable, 4);
  EXPECT_EQ(io::text_of(marker).substr(0, 16),
            std::string_view("\4\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 16));
  EXPECT_TRUE(is_marker(marker, MarkerType::kGrainTable, 4));
  EXPECT_FALSE(is_marker(marker, MarkerType::kGrainTable, 5));
  EXPECT_FALSE(is_marker(marker, MarkerType::kGrainDirectory, 4));
}

TEST(GrainMarker, IsReadAsItWasWritten) {
  std::array<std::byte, GrainMarker::kBytes> bytes = {};
  encode_grain_marker({.guest_sector = 0x0102030405060708, .length = 0x11121314}, bytes);
  EXPECT_EQ(io::text_of(bytes), "\x08\x07\x06\x05\x04\x03\x02\x01\x14\x13\x12\x11");
  EXPECT_EQ(decode_grain_marker(bytes).guest_sector, 0x0102030405060708U);
  EXPECT_EQ(decode_grain_marker(bytes).length, 0x11121314U);
}

// 129 sectors: what open-vmdk and VirtualBox have room for.
TEST(GrainMarker, HasRoomForASectorMoreThanAGrain) {
  EXPECT_EQ(max_record_bytes(kGrainBytes), 66048U);
}

}  // namespace
}  // namespace seabag::vmdk
