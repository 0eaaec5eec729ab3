// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "vhd/dynamic_header.h"

namespace seabag::vhd {

/// A BAT entry of a block that is not stored.
inline constexpr std::uint32_t kAbsentBlock = 0xFFFFFFFF;

/// The bitmap in front of a block: a bit for each of its sectors, in whole sectors.
std::uint64_t bitmap_bytes_of(std::uint32_t block_bytes);

/// The block allocation table of a dynamic disk: validated as a whole, then read from the file
/// again wherever it is needed, since it may have 16 MiB, and held against the file's bounds again.
///
/// Threads: const methods may run concurrently.
class BlockTable {
 public:
  /// What is there beside the blocks, and must not be one.
  struct Metadata {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::string name;
  };

  /// `disk_size`: not 0. `header`: with a valid block size. `end`: of the file, or of what comes
  /// before the footer at its end. `others`: metadata beside the table.
  ///
  /// Errors: kMalformed if the table does not fit, or a block meets metadata, another block or the
  ///         end; kUnsupported if there are more blocks than limits::kVhdBlocks, or more small ones
  ///         than limits::kVhdSmallBlocks.
  BlockTable(const io::File& file, const DynamicHeader& header, std::uint64_t disk_size,
             std::uint64_t end, std::vector<Metadata> others);

  /// Where in the file block number `block` is, its bitmap first; nothing if it is not stored.
  std::optional<std::uint64_t> find_block(std::uint64_t block) const;
  /// How many blocks from `block` on are not stored.
  std::uint64_t absent_from(std::uint64_t block) const;

 private:
  void add_metadata(Metadata metadata);
  void validate_blocks() const;
  void require_disjoint(std::vector<std::uint32_t> sectors) const;
  std::uint64_t validated(std::uint64_t block, std::uint32_t entry) const;
  std::vector<std::uint32_t> read_entries(std::uint64_t first) const;

  const io::File& file_;
  std::uint64_t offset_;
  std::uint64_t blocks_;
  std::uint64_t stored_bytes_;  // of a block and its bitmap
  std::uint64_t end_;
  std::vector<Metadata> metadata_;
};

}  // namespace seabag::vhd
