// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace seabag::vhdx {

/// A GUID in the parts of its text form: time-low, two of 16 bits, and the last two groups as one.
struct Guid {
  std::uint32_t first = 0;
  std::uint16_t second = 0;
  std::uint16_t third = 0;
  std::uint64_t rest = 0;

  friend bool operator==(const Guid&, const Guid&) = default;
};

inline constexpr std::size_t kGuidBytes = 16;

/// Source: [MS-DTYP] 2.3.4.2: the first three parts are little-endian, the rest is a row of bytes.
Guid load_guid(std::span<const std::byte> bytes, std::size_t offset);

std::string text_of(const Guid& guid);  ///< "2dc27766-f623-4200-9d64-115e9bfd4a08"

}  // namespace seabag::vhdx
