// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace seabag::vhd {

/// Cylinders, heads and sectors per track, as a BIOS counts a disk.
struct Geometry {
  std::uint16_t cylinders = 0;
  std::uint8_t heads = 0;
  std::uint8_t sectors_per_track = 0;

  /// What the geometry reaches of the disk.
  std::uint64_t bytes() const;

  friend bool operator==(const Geometry&, const Geometry&) = default;
};

/// The most that the footer can say, which stands for "this or more".
inline constexpr Geometry kLargestGeometry = {65535, 16, 255};

/// The geometry of a disk of `size` bytes; it reaches at most that much, usually a little less.
/// Source: Microsoft Virtual Hard Disk Image Format Specification 1.0, appendix "CHS Calculation".
Geometry geometry_for(std::uint64_t size);

}  // namespace seabag::vhd
