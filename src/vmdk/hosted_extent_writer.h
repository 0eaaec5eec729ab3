// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "disk/disk_writer.h"
#include "io/file_system.h"
#include "vmdk/header.h"

namespace seabag::vmdk {

/// Where everything lies in a hosted sparse extent before the first grain: header, descriptor,
/// redundant directory and its tables, directory and its tables. Units: sectors.
/// Source: VMware Virtual Disk Format 5.0, "Hosted Sparse Extents".
struct HostedLayout {
  /// `descriptor_sectors`: 0 if the descriptor is a file of its own.
  HostedLayout(std::uint64_t capacity_sectors, std::uint64_t descriptor_sectors);

  std::uint64_t tables;
  std::uint64_t directory_sectors;
  std::uint64_t redundant_directory;
  std::uint64_t directory;
  std::uint64_t first_grain;  ///< a multiple of kGrainSectors

  /// The sector of table `number` of the directory at `directory_sector`.
  std::uint64_t table(std::uint64_t directory_sector, std::uint64_t number) const {
    return directory_sector + directory_sectors + number * kTableSectors;
  }
};

/// Writes one hosted sparse extent: grains in the order of the disk, and both copies of each table
/// when the disk has passed it. Tables without a grain stay holes.
class HostedExtentWriter {
 public:
  /// Requires: `file` outlives this.
  HostedExtentWriter(io::File& file, std::uint64_t capacity_sectors,
                     std::uint64_t descriptor_sectors);

  /// Says where a piece of this extent goes. Order: ascending; a piece may have many grains.
  /// `extent_begin`: in the disk, in bytes.
  void place(disk::EncodedChunk::Piece& piece, std::uint64_t extent_begin);
  /// Writes what place() has not written yet of the tables. Called once; nothing is placed after.
  void end_tables();
  /// Writes header, descriptor and directories, and sets the size of the file.
  void finish(std::string_view descriptor);

 private:
  void write_directory(std::uint64_t directory_sector);

  io::File& file_;
  std::uint64_t capacity_sectors_;
  std::uint64_t descriptor_sectors_;
  HostedLayout layout_;
  std::uint64_t next_sector_;         // for the next grain
  std::uint64_t table_number_ = 0;    // of `table_`
  std::vector<std::uint32_t> table_;  // empty: of no grain yet
};

}  // namespace seabag::vmdk
