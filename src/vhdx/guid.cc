// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/endian.h"
#include "vhdx/guid_internal.h"

namespace seabag::vhdx {

Guid load_guid(std::span<const std::byte> bytes, std::size_t offset) {
  return {load_little_endian<std::uint32_t>(bytes, offset),
          load_little_endian<std::uint16_t>(bytes, offset + 4),
          load_little_endian<std::uint16_t>(bytes, offset + 6),
          load_big_endian<std::uint64_t>(bytes, offset + 8)};
}

std::string text_of(const Guid& guid) {
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", guid.first, guid.second, guid.third,
                     guid.rest >> 48U, guid.rest & 0xFFFFFFFFFFFF);
}

}  // namespace seabag::vhdx
