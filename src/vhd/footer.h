// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "vhd/geometry.h"

namespace seabag::vhd {

inline constexpr std::size_t kFooterBytes = 512;
using FooterBytes = std::array<std::byte, kFooterBytes>;

using UniqueId = std::array<std::byte, 16>;

/// As stored; foreign files may have other numbers.
enum class DiskType : std::uint32_t { kFixed = 2, kDynamic = 3, kDifferencing = 4 };

/// A data offset that points nowhere.
inline constexpr std::uint64_t kNoOffset = ~std::uint64_t{0};

/// What is at the end of every VHD, and at the beginning of dynamic ones, too. The defaults are
/// what we write: "win ", of all creators, is taken by every reader met for a disk whose size is
/// current_size.
///
/// Source: Microsoft Virtual Hard Disk Image Format Specification 1.0, "Hard Disk Footer Format".
struct Footer {
  static constexpr std::uint32_t kTemporary = 1;  ///< a bit of `features`

  std::uint32_t features = 2;  ///< bit 1 is always set
  std::uint32_t version = 0x00010000;
  std::uint64_t data_offset = kNoOffset;  ///< of the dynamic header
  std::uint32_t timestamp = 0;            ///< seconds since 2000-01-01T00:00:00Z
  std::array<char, 4> creator = {'w', 'i', 'n', ' '};
  std::uint32_t creator_version = 0x000A0000;  ///< Hyper-V's
  std::array<char, 4> creator_os = {'W', 'i', '2', 'k'};
  std::uint64_t original_size = 0;
  std::uint64_t current_size = 0;  ///< of the disk
  Geometry geometry;
  DiskType type = DiskType::kFixed;
  UniqueId unique_id = {};
  bool has_saved_state = false;

  friend bool operator==(const Footer&, const Footer&) = default;
};

FooterBytes encode_footer(const Footer& footer);

/// Why the bytes are no footer: the cookie or the checksum; nothing if they are one.
std::optional<std::string> find_footer_fault(const FooterBytes& bytes);

/// Requires: find_footer_fault() finds nothing. No value is validated.
Footer decode_footer(const FooterBytes& bytes);

/// The complement of the sum of all bytes but the four at `checksum_offset`, where it is stored:
/// the checksum of footers and dynamic headers.
std::uint32_t checksum_of(std::span<const std::byte> bytes, std::size_t checksum_offset);

}  // namespace seabag::vhd
