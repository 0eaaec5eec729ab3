// SPDX-License-Identifier: Apache-2.0
#include "base/endian.h"

#include <array>
#include <cstdint>

#include <gtest/gtest.h>

namespace seabag {
namespace {

constexpr std::array kBytes = {std::byte{0x00}, std::byte{0x01}, std::byte{0x02},
                               std::byte{0x83}, std::byte{0x04}, std::byte{0x05},
                               std::byte{0x06}, std::byte{0x87}, std::byte{0xFF}};

TEST(Endian, LoadsNumbersOfEveryWidthAtAnyOffset) {
  EXPECT_EQ(load_big_endian<std::uint8_t>(kBytes, 3), 0x83U);
  EXPECT_EQ(load_big_endian<std::uint16_t>(kBytes, 1), 0x0102U);
  EXPECT_EQ(load_big_endian<std::uint32_t>(kBytes, 0), 0x00010283U);
  EXPECT_EQ(load_big_endian<std::uint64_t>(kBytes, 1), 0x01028304050687FFU);
  EXPECT_EQ(load_little_endian<std::uint16_t>(kBytes, 1), 0x0201U);
  EXPECT_EQ(load_little_endian<std::uint32_t>(kBytes, 0), 0x83020100U);
  EXPECT_EQ(load_little_endian<std::uint64_t>(kBytes, 1), 0xFF87060504830201U);
}

TEST(Endian, LoadsWhatItStored) {
  std::array<std::byte, 9> bytes = {};
  store_big_endian<std::uint64_t>(bytes, 1, 0x01028304050687FFU);
  EXPECT_EQ(load_big_endian<std::uint64_t>(bytes, 1), 0x01028304050687FFU);
  EXPECT_EQ(bytes[1], std::byte{0x01});
  store_little_endian<std::uint32_t>(bytes, 0, 0x83020100U);
  EXPECT_EQ(load_little_endian<std::uint32_t>(bytes, 0), 0x83020100U);
  EXPECT_EQ(bytes[3], std::byte{0x83});
  store_little_endian<std::uint8_t>(bytes, 8, 0x7FU);
  EXPECT_EQ(bytes[8], std::byte{0x7F});
}

TEST(Endian, RefusesANumberThatStandsOutOfTheBytes) {
  std::array<std::byte, 9> bytes = {};
  EXPECT_THROW(load_big_endian<std::uint64_t>(bytes, 2), Error);
  EXPECT_THROW(load_little_endian<std::uint16_t>(bytes, 8), Error);
  EXPECT_THROW(store_big_endian<std::uint32_t>(bytes, 6, 1U), Error);
  EXPECT_THROW(store_little_endian<std::uint8_t>(bytes, 9, std::uint8_t{1}), Error);
}

}  // namespace
}  // namespace seabag
