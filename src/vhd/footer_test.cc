// SPDX-License-Identifier: Apache-2.0
#include "vhd/footer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hex.h"

namespace seabag::vhd {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kEightMib = 8U << 20U;

Footer sample(DiskType type) {
  Footer footer;
  footer.type = type;
  if (type == DiskType::kDynamic) footer.data_offset = 512;
  footer.original_size = footer.current_size = kEightMib;
  footer.geometry = geometry_for(kEightMib);
  for (std::size_t i = 0; i < footer.unique_id.size(); ++i) {
    footer.unique_id[i] = static_cast<std::byte>(i);
  }
  return footer;
}

std::string hex(const FooterBytes& bytes, std::size_t offset, std::size_t length) {
  return to_hex(std::span(bytes).subspan(offset, length));
}

TEST(EncodeFooter, PutsEachFieldInItsPlace) {
  const FooterBytes bytes = encode_footer(sample(DiskType::kFixed));
  EXPECT_EQ(hex(bytes, 0, 16),
            "636f6e6563746978"
            "00000002"
            "00010000");
  EXPECT_EQ(hex(bytes, 16, 12),
            "ffffffffffffffff"
            "00000000");
  EXPECT_EQ(hex(bytes, 28, 12),
            "77696e20"
            "000a0000"
            "5769326b");
  EXPECT_EQ(hex(bytes, 40, 16),
            "0000000000800000"
            "0000000000800000");
  EXPECT_EQ(hex(bytes, 56, 8),
            "00f00411"
            "00000002");
  EXPECT_EQ(hex(bytes, 64, 4), "ffffef53");
  EXPECT_EQ(hex(bytes, 68, 17),
            "000102030405060708090a0b0c0d0e0f"
            "00");
  EXPECT_EQ(hex(bytes, 85, 427), std::string(854, '0'));
}

TEST(EncodeFooter, SaysWhereTheDynamicHeaderIs) {
  const FooterBytes bytes = encode_footer(sample(DiskType::kDynamic));
  EXPECT_EQ(hex(bytes, 16, 8), "0000000000000200");
  EXPECT_EQ(hex(bytes, 60, 8),
            "00000003"
            "fffff748");
}

TEST(DecodeFooter, GivesBackAllThatWasEncoded) {
  Footer footer = sample(DiskType::kDifferencing);
  footer.features = 3;
  footer.version = 0x00010002;
  footer.timestamp = 0x12345678;
  footer.creator = {'v', 'b', 'o', 'x'};
  footer.creator_version = 7;
  footer.creator_os = {'M', 'a', 'c', ' '};
  footer.original_size = 512;
  footer.has_saved_state = true;
  const FooterBytes bytes = encode_footer(footer);
  EXPECT_FALSE(find_footer_fault(bytes).has_value());
  EXPECT_EQ(decode_footer(bytes), footer);
}

TEST(FindFooterFault, TellsTheCookieFromTheChecksum) {
  FooterBytes bytes = encode_footer(sample(DiskType::kFixed));
  bytes[511] = std::byte{1};
  EXPECT_EQ(find_footer_fault(bytes), "checksum 0xffffef53, expected 0xffffef52");
  bytes[0] = std::byte{'C'};
  EXPECT_THAT(find_footer_fault(bytes).value(), HasSubstr("no \"conectix\""));
}

TEST(ChecksumOf, LeavesOutTheChecksumItself) {
  std::array<std::byte, 16> bytes = {};
  bytes[0] = bytes[15] = std::byte{0x80};
  EXPECT_EQ(checksum_of(bytes, 4), 0xFFFFFEFFU);
  bytes[4] = bytes[7] = std::byte{0xFF};
  EXPECT_EQ(checksum_of(bytes, 4), 0xFFFFFEFFU);
  bytes[8] = std::byte{1};
  EXPECT_EQ(checksum_of(bytes, 4), 0xFFFFFEFEU);
}

}  // namespace
}  // namespace seabag::vhd
