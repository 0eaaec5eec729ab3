// SPDX-License-Identifier: Apache-2.0
#include "vhd/geometry.h"

#include <algorithm>

#include "disk/disk_source.h"

namespace seabag::vhd {

using disk::kSectorBytes;

std::uint64_t Geometry::bytes() const {
  return std::uint64_t{cylinders} * heads * sectors_per_track * kSectorBytes;
}

Geometry geometry_for(std::uint64_t size) {
  const std::uint64_t sectors = std::min(size, kLargestGeometry.bytes()) / kSectorBytes;
  std::uint64_t per_track = 17;
  std::uint64_t tracks = sectors / per_track;
  std::uint64_t heads = std::max<std::uint64_t>((tracks + 1023) / 1024, 4);
  if (sectors >= 65535ULL * 16 * 63) {
    per_track = 255;
    heads = 16;
    tracks = sectors / per_track;
  } else {
    if (heads > 16 || tracks >= heads * 1024) {
      per_track = 31;
      heads = 16;
      tracks = sectors / per_track;
    }
    if (tracks >= heads * 1024) {
      per_track = 63;
      heads = 16;
      tracks = sectors / per_track;
    }
  }
  return {static_cast<std::uint16_t>(tracks / heads), static_cast<std::uint8_t>(heads),
          static_cast<std::uint8_t>(per_track)};
}

}  // namespace seabag::vhd
