// SPDX-License-Identifier: Apache-2.0
#include "vhdx/crc32c.h"

#include <gtest/gtest.h>

#include "io/bytes.h"

namespace seabag::vhdx {
namespace {

TEST(Crc32c, IsCastagnolis) {
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c(io::bytes_of("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(io::Bytes(32)), 0x8A9136AAU);  // RFC 3720 B.4
  EXPECT_EQ(crc32c(io::Bytes(32, std::byte{0xFF})), 0x62A8AB43U);
}

TEST(Crc32c, GoesOnWhereItStopped) {
  EXPECT_EQ(crc32c(io::bytes_of("56789"), crc32c(io::bytes_of("1234"))), 0xE3069283U);
}

}  // namespace
}  // namespace seabag::vhdx
