// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "disk/claimed_ranges.h"
#include "io/file_system.h"
#include "qcow2/header_internal.h"

namespace seabag::qcow2 {

enum class Storage { kZeros, kPlain, kCompressed };

/// A run of the disk that is stored in one way.
struct Run {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  Storage storage = Storage::kZeros;
  std::uint64_t host_offset = 0;  ///< kPlain: of `offset`. kCompressed: where its cluster begins
  std::uint64_t host_length = 0;  ///< kCompressed: bytes that may belong to it
};

/// The piece of the tables that was read last: neighbouring runs are found without reading again.
struct TablePage {
  std::uint64_t begin = 0;  ///< of the part of the disk that it maps
  std::uint64_t end = 0;
  std::uint64_t table = 0;        ///< offset of the L2 table in the file; 0: there is none, zeros
  std::uint64_t first_entry = 0;  ///< position in that table of the first entry here
  std::array<std::byte, 4096> bytes = {};
};

/// Where the clusters of a disk are. Holds no table: each question reads what it needs, and trusts
/// it no more than the first time.
///
/// Errors:  kMalformed, naming the entry, where the tables are damaged.
/// Threads: const methods may run concurrently.
/// Source:  QEMU, docs/interop/qcow2.txt, "Cluster mapping".
class ClusterMap {
 public:
  /// `file` outlives this.
  ClusterMap(const io::File& file, const Header& header);

  std::uint64_t disk_size() const { return disk_size_; }  ///< in whole sectors
  /// Reads all tables once: nothing points out of the file or overlaps, except that compressed
  /// clusters share host clusters.
  void validate() const;
  /// The run that begins at `offset`, as far as one page of the tables tells. Requires: offset <
  /// disk_size().
  Run run_at(std::uint64_t offset, TablePage& page) const;

 private:
  struct Cluster {
    Storage storage = Storage::kZeros;
    std::uint64_t host_offset = 0;   // 0: no place in the file. kZeros may have one, too
    std::uint64_t host_length = 0;   // kCompressed
    std::uint32_t stored_parts = 0;  // kPlain with extended L2 entries: a bit for each 32nd
  };

  void load(std::uint64_t offset, TablePage& page) const;
  std::uint64_t l2_table_of(std::uint64_t l1_index, std::uint64_t entry) const;
  Run piece_at(std::uint64_t offset, const TablePage& page) const;
  Cluster cluster_at(std::uint64_t position, const TablePage& page) const;
  Cluster compressed_cluster(std::uint64_t entry) const;
  Cluster standard_cluster(std::uint64_t entry, std::uint64_t bitmap) const;
  void claim(const TablePage& page, disk::ClaimedRanges& claims) const;

  const io::File& file_;
  Header header_;
  std::uint64_t file_size_;
  std::uint64_t disk_size_;
};

}  // namespace seabag::qcow2
