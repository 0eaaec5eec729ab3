// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "vhd/footer.h"

namespace seabag::vhd {

inline constexpr std::size_t kDynamicHeaderBytes = 1024;
using DynamicHeaderBytes = std::array<std::byte, kDynamicHeaderBytes>;

/// What says where the block allocation table (BAT) is, and what its entries are about.
/// Source: Microsoft Virtual Hard Disk Image Format Specification 1.0, "Dynamic Disk Header
/// Format".
struct DynamicHeader {
  std::uint64_t table_offset = 0;  ///< of the BAT
  std::uint32_t version = 0x00010000;
  std::uint32_t max_table_entries = 0;  ///< of the BAT
  std::uint32_t block_bytes = 2U << 20U;
  UniqueId parent_id = {};  ///< zero: no parent
  std::string parent_name;  ///< UTF-8, not yet harmless

  friend bool operator==(const DynamicHeader&, const DynamicHeader&) = default;
};

/// Requires: no parent, which we never write.
DynamicHeaderBytes encode_dynamic_header(const DynamicHeader& header);

/// Why the bytes are no dynamic header: the cookie or the checksum; nothing if they are one.
std::optional<std::string> find_dynamic_header_fault(const DynamicHeaderBytes& bytes);

/// Whether they begin as a dynamic header does.
bool has_dynamic_header_cookie(std::span<const std::byte> bytes);

/// Requires: find_dynamic_header_fault() finds nothing. No value is validated.
DynamicHeader decode_dynamic_header(const DynamicHeaderBytes& bytes);

}  // namespace seabag::vhd
