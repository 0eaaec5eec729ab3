// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "disk/disk_source.h"
#include "io/file_system.h"
#include "vmdk/header.h"
#include "vmdk/metadata_ranges.h"

namespace seabag::vmdk {

/// Errors: kMalformed if the file, which need not be whole sectors long, ends before that range.
void require_in_file(const io::File& file, const std::string& what, std::uint64_t sector,
                     std::uint64_t sectors);

/// Where the grains of a sparse extent are. The directory is held in memory; tables, which take 128
/// times that, are read again when they are asked for.
///
/// Units:   sectors of the extent's file, unless said otherwise.
/// Threads: const methods may run concurrently.
class GrainTables {
 public:
  /// Reads all tables once. `header`: of a stream with a footer, the footer.
  ///
  /// Requires: `file` outlives this.
  /// Errors: kMalformed if a table or a grain does not lie in the file, lies where metadata are, or
  ///         overlaps another one. Of compressed grains, whose length stands before their bytes,
  ///         the last is not found out here: their markers say which grain they are of, and whoever
  ///         reads one compares.
  GrainTables(const io::File& file, const SparseHeader& header);

  /// The sectors of the grains from `first` on; 0: it reads as zeros. Each has been held against
  /// the size of the file. Requires: they lie in the extent.
  void find(std::uint64_t first, std::span<std::uint32_t> sectors) const;

  /// The run of the extent that begins at byte `offset`, to the end of its table or beyond: tables
  /// without a grain are passed without being read.
  disk::Extent extent_at(std::uint64_t offset) const;

  /// What the user should know about the tables.
  std::vector<std::string> warnings() const;

 private:
  using Directory = std::vector<std::uint32_t>;
  using Table = std::array<std::uint32_t, kTableEntries>;
  struct CachedTable {
    std::optional<std::uint64_t> number;
    Table entries = {};
  };
  class Validation;

  Error malformed(const std::string& what) const;
  Directory read_directory(std::uint64_t sector, const std::string& what) const;
  /// Of table `number`, from its entry `first` on, as they are stored.
  void copy_entries(std::uint64_t number, std::size_t first, std::span<std::uint32_t> out) const;
  /// 0 or where the grain is. Errors: kMalformed.
  std::uint32_t validated(std::uint64_t grain, std::uint32_t entry) const;
  bool is_stored(std::uint32_t entry) const;
  /// Of the guest, in this grain: the last one may be short.
  std::uint64_t sectors_of(std::uint64_t grain) const;

  const io::File& file_;
  std::uint64_t file_size_;
  SparseHeader header_;
  Directory directory_;
  MetadataRanges metadata_;
  std::vector<bool> has_grains_;  // of each table
  bool agrees_with_copy_ = true;  // with the redundant tables, if there are any

  // A 1 MiB chunk needs 16 entries of one table, and threads work near each other.
  mutable std::mutex mutex_;  // guards what follows
  mutable std::array<CachedTable, 4> cache_;
};

}  // namespace seabag::vmdk
