// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "disk/disk_source.h"
#include "io/file_system.h"
#include "vhd/block_table.h"
#include "vhd/dynamic_header.h"
#include "vhd/sector_bitmap.h"

namespace seabag::vhd {

/// A disk in blocks, of which some are stored; of those, some sectors.
class DynamicDisk : public disk::DiskSource {
 public:
  /// As BlockTable.
  DynamicDisk(std::unique_ptr<io::File> file, const DynamicHeader& header, std::uint64_t size,
              std::uint64_t end, std::vector<BlockTable::Metadata> metadata,
              std::vector<std::string> warnings);

  std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;
  disk::Extent extent_at(std::uint64_t offset) const override;
  std::optional<disk::StoredRange> stored_at(std::uint64_t offset) const override;
  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  // A run of bytes within one block that are stored, or are not.
  struct Run {
    std::uint64_t offset = 0;  // in the file
    std::uint64_t length = 0;
    bool is_stored = false;
  };

  void read_in_block(std::uint64_t offset, std::span<std::byte> out) const;
  SectorBitmap read_bitmap(std::uint64_t block_offset, std::uint64_t within,
                           std::uint64_t length) const;
  std::optional<Run> find_run(std::uint64_t offset) const;

  std::unique_ptr<io::File> file_;
  std::uint64_t size_;
  std::uint64_t block_bytes_;
  std::uint64_t bitmap_bytes_;
  BlockTable table_;
  std::vector<std::string> warnings_;
};

}  // namespace seabag::vhd
