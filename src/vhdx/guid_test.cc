// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "io/bytes.h"
#include "vhdx/guid_internal.h"

namespace seabag::vhdx {
namespace {

TEST(VhdxGuid, MixesByteOrders) {
  const auto bytes =
      io::bytes_of("..\x66\x77\xC2\x2D\x23\xF6\x20\x42\x9D\x64\x11\x5E\x9B\xFD\x4A\x08");
  const Guid guid = load_guid(bytes, 2);
  EXPECT_EQ(guid, (Guid{0x2DC27766, 0xF623, 0x4220, 0x9D64115E9BFD4A08}));
  EXPECT_EQ(text_of(guid), "2dc27766-f623-4220-9d64-115e9bfd4a08");
}

}  // namespace
}  // namespace seabag::vhdx
