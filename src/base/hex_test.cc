// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"

#include <array>

#include <gtest/gtest.h>

namespace seabag {
namespace {

TEST(ToHex, WritesTwoLowerCaseDigitsAByte) {
  const std::array bytes = {std::byte{0x00}, std::byte{0x7f}, std::byte{0xff}};
  EXPECT_EQ(to_hex(bytes), "007fff");
  EXPECT_EQ(to_hex({}), "");
}

TEST(FromHex, ReadsWhatToHexWrites) {
  std::array<std::byte, 3> bytes = {};
  ASSERT_TRUE(from_hex("007fff", bytes));
  EXPECT_EQ(to_hex(bytes), "007fff");
}

TEST(FromHex, RefusesAnythingElse) {
  std::array<std::byte, 2> bytes = {};
  for (const char* text : {"", "00f", "00ff0", "00fF", "00f ", "0x0f", "00fg", "00f/", "00f:"}) {
    EXPECT_FALSE(from_hex(text, bytes)) << text;
  }
}

}  // namespace
}  // namespace seabag
