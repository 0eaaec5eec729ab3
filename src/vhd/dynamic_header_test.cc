// SPDX-License-Identifier: Apache-2.0
#include "vhd/dynamic_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/hex.h"

namespace seabag::vhd {
namespace {

using ::testing::HasSubstr;

DynamicHeader sample() {
  DynamicHeader header;
  header.table_offset = 1536;
  header.max_table_entries = 4;
  return header;
}

DynamicHeaderBytes with_parent_name(const std::vector<std::uint16_t>& units) {
  DynamicHeaderBytes bytes = encode_dynamic_header(sample());
  for (std::size_t i = 0; i < units.size(); ++i) store_big_endian(bytes, 64 + 2 * i, units[i]);
  store_big_endian(bytes, 36, checksum_of(bytes, 36));
  return bytes;
}

TEST(EncodeDynamicHeader, PutsEachFieldInItsPlace) {
  const DynamicHeaderBytes bytes = encode_dynamic_header(sample());
  EXPECT_EQ(to_hex(std::span(bytes).first(40)),
            "6378737061727365"
            "ffffffffffffffff"
            "0000000000000600"
            "00010000"
            "00000004"
            "00200000"
            "fffff473");
  EXPECT_EQ(to_hex(std::span(bytes).subspan(40)), std::string(1968, '0'));
}

TEST(EncodeDynamicHeader, WritesNoParent) {
  DynamicHeader header = sample();
  header.parent_name = "base.vhd";
  EXPECT_THROW(encode_dynamic_header(header), Error);
}

TEST(DecodeDynamicHeader, GivesBackAllThatWasEncoded) {
  const DynamicHeaderBytes bytes = encode_dynamic_header(sample());
  EXPECT_FALSE(find_dynamic_header_fault(bytes).has_value());
  EXPECT_EQ(decode_dynamic_header(bytes), sample());
}

TEST(DecodeDynamicHeader, ReadsTheParentsNameAsUtf16) {
  const auto bytes = with_parent_name({'b', 0xE4, 0x20AC, 0xD83D, 0xDCBE, 0, 'x'});
  EXPECT_FALSE(find_dynamic_header_fault(bytes).has_value());
  EXPECT_EQ(decode_dynamic_header(bytes).parent_name, "b\u00E4\u20AC\U0001F4BE");
}

TEST(DecodeDynamicHeader, ReplacesHalvesOfCharacters) {
  EXPECT_EQ(decode_dynamic_header(with_parent_name({0xDCBE, 'a', 0xD83D})).parent_name,
            "\uFFFDa\uFFFD");
  EXPECT_EQ(decode_dynamic_header(with_parent_name({0xD83D, 0xD83D, 0xDCBE})).parent_name,
            "\uFFFD\U0001F4BE");
}

TEST(DecodeDynamicHeader, EndsANameThatHasNoEnd) {
  std::vector<std::uint16_t> units(256, 'n');
  units.back() = 0xD83D;
  std::string expected(255, 'n');
  expected += "\uFFFD";
  EXPECT_EQ(decode_dynamic_header(with_parent_name(units)).parent_name, expected);
}

TEST(FindDynamicHeaderFault, TellsTheCookieFromTheChecksum) {
  DynamicHeaderBytes bytes = encode_dynamic_header(sample());
  bytes[1023] = std::byte{1};
  EXPECT_EQ(find_dynamic_header_fault(bytes), "checksum 0xfffff473, expected 0xfffff472");
  bytes[0] = std::byte{'C'};
  EXPECT_THAT(find_dynamic_header_fault(bytes).value(), HasSubstr("no \"cxsparse\""));
}

}  // namespace
}  // namespace seabag::vhd
