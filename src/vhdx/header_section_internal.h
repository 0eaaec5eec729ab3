// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "disk/claimed_ranges.h"
#include "io/file_system.h"
#include "vhdx/guid_internal.h"

namespace seabag::vhdx {

/// What everything but the header section lies at a multiple of.
inline constexpr std::uint64_t kUnitBytes = 1U << 20U;

/// A range of the file. Its offset and length are multiples of kUnitBytes.
struct Region {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// What the header that counts says of the log.
struct LogPlace {
  Guid guid;  ///< zeros: the log is empty
  Region region;
};

/// The first MiB of the file. Source: [MS-VHDX] 2.2.
struct HeaderSection {
  LogPlace log;
  Region block_table;
  Region metadata;
  std::vector<std::string> warnings;
};

/// Reads and validates it; claims the header section, the log and all regions.
/// Errors: kMalformed, kUnsupported.
HeaderSection read_header_section(const io::File& file, disk::ClaimedRanges& claims);

}  // namespace seabag::vhdx
