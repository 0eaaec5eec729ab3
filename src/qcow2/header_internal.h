// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "io/file_system.h"

namespace seabag::qcow2 {

enum class Compression { kDeflate, kZstd };

/// What an image's header says. Source: QEMU, docs/interop/qcow2.txt, "Header".
struct Header {
  std::uint32_t version = 0;
  std::uint32_t cluster_bits = 0;
  std::uint64_t disk_size = 0;  ///< as it stands there; need not be whole sectors
  std::uint64_t l1_offset = 0;
  std::uint32_t l1_entries = 0;
  std::uint64_t refcount_table_offset = 0;
  std::uint64_t refcount_table_bytes = 0;
  std::uint32_t snapshots = 0;
  bool is_dirty = false;
  bool has_extended_l2 = false;
  Compression compression = Compression::kDeflate;

  std::uint64_t cluster_bytes() const { return std::uint64_t{1} << cluster_bits; }
  std::uint64_t l2_entry_bytes() const { return has_extended_l2 ? 16 : 8; }
  /// What one L2 table maps; a table fills a cluster.
  std::uint64_t l2_table_covers() const {
    return (cluster_bytes() / l2_entry_bytes()) << cluster_bits;
  }
};

/// Reads the header with its extensions, and refuses what we do not read. Where the tables lie is
/// not looked at.
/// Errors: kUnsupported, kMalformed.
Header read_header(const io::File& file);

}  // namespace seabag::qcow2
