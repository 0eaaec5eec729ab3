// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "io/file_system.h"
#include "vhdx/header_section_internal.h"

namespace seabag::vhdx {

/// What the metadata say of the disk.
struct Geometry {
  std::uint64_t disk_size = 0;
  std::uint32_t block_bytes = 0;           ///< a power of two, 1 MiB to 256 MiB
  std::uint32_t logical_sector_bytes = 0;  ///< 512 or 4096

  std::uint64_t blocks() const {
    return disk_size / block_bytes + (disk_size % block_bytes == 0 ? 0 : 1);
  }
  /// Payload blocks for which one sector bitmap block has bits; [MS-VHDX] 2.5.
  std::uint64_t chunk_ratio() const {
    return (std::uint64_t{1} << 23U) * logical_sector_bytes / block_bytes;
  }
};

/// Reads and validates the metadata region, which lies in the file.
/// Errors: kUnsupported for differencing disks and required items that we do not know; kMalformed.
/// Source: [MS-VHDX] 2.6.
Geometry read_metadata(const io::File& file, const Region& region);

}  // namespace seabag::vhdx
