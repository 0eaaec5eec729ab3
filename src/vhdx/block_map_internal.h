// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "disk/claimed_ranges.h"
#include "io/file_system.h"
#include "vhdx/header_section_internal.h"
#include "vhdx/metadata_internal.h"

namespace seabag::vhdx {

/// A run of the disk that is stored in one piece, or not at all.
struct Run {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool is_stored = false;         ///< else zeros
  std::uint64_t host_offset = 0;  ///< if stored: of `offset` in the file
};

/// The piece of the block table that was read last: neighbouring blocks are found without reading
/// again.
struct TablePage {
  std::uint64_t first_entry = 0;
  std::uint64_t entries = 0;
  std::array<std::byte, 4096> bytes = {};
};

/// Where the blocks of a disk are: the block allocation table (BAT). Holds none of it: each
/// question reads what it needs, and trusts it no more than the first time.
///
/// Errors:  kMalformed, naming the entry, where the table is damaged; kUnsupported for blocks that
///          are in part in a parent.
/// Threads: const methods may run concurrently.
/// Source:  [MS-VHDX] 2.5.
class BlockMap {
 public:
  /// `file` outlives this. Errors: kMalformed if the table is too small for the disk.
  BlockMap(const io::File& file, const Region& table, const Geometry& geometry);

  /// Reads the table once, and claims what the blocks take in the file.
  void validate(disk::ClaimedRanges& claims) const;
  /// The run that begins at `offset`, as far as one page of the table tells. Requires: offset
  /// within the disk.
  Run run_at(std::uint64_t offset, TablePage& page) const;

 private:
  std::uint64_t entry_of(std::uint64_t block) const { return block + block / chunk_ratio_; }
  std::uint64_t disk_bytes_of(std::uint64_t block) const;
  bool is_in(const TablePage& page, std::uint64_t block) const;
  void load(std::uint64_t block, TablePage& page) const;
  std::uint64_t place_of(std::uint64_t block, TablePage& page) const;
  std::uint64_t stored_place(std::uint64_t block, std::uint64_t entry) const;

  const io::File& file_;
  Region table_;
  Geometry geometry_;
  std::uint64_t file_size_;
  std::uint64_t blocks_;
  std::uint64_t chunk_ratio_;
  std::uint64_t entries_;
};

}  // namespace seabag::vhdx
