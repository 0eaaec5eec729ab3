// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/endian.h"
#include "base/text.h"
#include "disk/disk_source.h"
#include "qcow2/cluster_map_internal.h"

namespace seabag::qcow2 {
namespace {

// Entries of L1 and of both kinds of L2 tables.
constexpr std::uint64_t kOffsetBits = 0x00FFFFFFFFFFFE00;  // 9 to 55
constexpr std::uint64_t kL1Reserved = 0x7F000000000001FF;
constexpr std::uint64_t kL2Reserved = 0x3F000000000001FE;
constexpr std::uint64_t kCompressedBit = 1ULL << 62U;
constexpr std::uint64_t kZeroBit = 1;
constexpr std::uint32_t kAllParts = 0xFFFFFFFF;
constexpr unsigned kParts = 32;  // of a cluster with an extended L2 entry
constexpr std::uint64_t kCompressedUnit = 512;

constexpr std::size_t kL1EntryBytes = 8;

bool continues(const Run& run, const Run& next) {
  if (run.storage != next.storage) return false;
  return run.storage == Storage::kZeros ||
         (run.storage == Storage::kPlain && run.host_offset + run.length == next.host_offset);
}

}  // namespace

ClusterMap::ClusterMap(const io::File& file, const Header& header)
    : file_(file),
      header_(header),
      file_size_(file.size()),
      disk_size_(round_up(header.disk_size, disk::kSectorBytes)) {
  const std::uint64_t needed =
      round_up(disk_size_, header_.l2_table_covers()) / header_.l2_table_covers();
  if (needed > header_.l1_entries) {
    throw Error(Code::kMalformed,
                fmt::format("{}: the L1 table has {} entries, {} are needed for {} bytes",
                            quoted(file.path()), header_.l1_entries, needed, disk_size_));
  }
  const std::uint64_t bytes = std::uint64_t{header_.l1_entries} * kL1EntryBytes;
  if (header_.l1_offset > file_size_ || bytes > file_size_ - header_.l1_offset) {
    throw Error(Code::kMalformed,
                fmt::format("{}: the L1 table has {} bytes at {}, the file has {} bytes",
                            quoted(file.path()), bytes, header_.l1_offset, file_size_));
  }
}

void ClusterMap::validate() const {
  // The last cluster may end with the file: what is not there reads as zeros.
  const std::uint64_t cluster = header_.cluster_bytes();
  disk::ClaimedRanges claims(file_.path(), round_up(file_size_, cluster), cluster);
  claims.claim(0, cluster, "header");
  claims.claim(header_.l1_offset, std::uint64_t{header_.l1_entries} * kL1EntryBytes, "L1 table");
  claims.claim(header_.refcount_table_offset, header_.refcount_table_bytes, "refcount table");
  TablePage page;
  for (std::uint64_t offset = 0; offset < disk_size_; offset = page.end) {
    load(offset, page);
    if (page.table != 0) claim(page, claims);
  }
}

void ClusterMap::claim(const TablePage& page, disk::ClaimedRanges& claims) const {
  // One text for all: a table has too many entries to write one for each.
  static const std::string kWhat = "data cluster";
  if (page.first_entry == 0) {
    claims.claim(page.table, header_.cluster_bytes(), fmt::format("L2 table for {}", page.begin));
  }
  for (std::uint64_t offset = page.begin; offset < page.end; offset += header_.cluster_bytes()) {
    const std::uint64_t position = (offset - page.begin) >> header_.cluster_bits;
    const Cluster cluster = cluster_at(position, page);
    if (cluster.host_offset == 0 || cluster.storage == Storage::kCompressed) continue;
    try {
      claims.claim(cluster.host_offset, header_.cluster_bytes(), kWhat);
    } catch (Error& error) {
      error.add_context(
          fmt::format("L2 entry {} of the table at {}", page.first_entry + position, page.table));
      throw;
    }
  }
}

void ClusterMap::load(std::uint64_t offset, TablePage& page) const {
  const std::uint64_t covers = header_.l2_table_covers();
  const std::uint64_t l1_index = offset / covers;
  const std::uint64_t count =
      std::min<std::uint64_t>(page.bytes.size() / kL1EntryBytes, header_.l1_entries - l1_index);
  file_.read_at(header_.l1_offset + l1_index * kL1EntryBytes,
                std::span(page.bytes).first(count * kL1EntryBytes));
  const auto table_at = [&](std::uint64_t i) {
    return l2_table_of(l1_index + i, load_big_endian<std::uint64_t>(page.bytes, i * kL1EntryBytes));
  };
  page.table = table_at(0);
  if (page.table == 0) {  // as are those that follow: passed over without a look at each cluster
    std::uint64_t absent = 1;
    while (absent < count && table_at(absent) == 0) ++absent;
    page.first_entry = 0;
    page.begin = l1_index * covers;
    page.end = std::min(page.begin + absent * covers, disk_size_);
    return;
  }
  const std::uint64_t entry_bytes = header_.l2_entry_bytes();
  const std::uint64_t entry = (offset % covers) >> header_.cluster_bits;
  page.begin = offset - offset % header_.cluster_bytes();
  const std::uint64_t entries =
      std::min(page.bytes.size() / entry_bytes, header_.cluster_bytes() / entry_bytes - entry);
  page.end = std::min(page.begin + (entries << header_.cluster_bits), disk_size_);
  page.first_entry = entry;
  file_.read_at(page.table + entry * entry_bytes,
                std::span(page.bytes).first(entries * entry_bytes));
}

std::uint64_t ClusterMap::l2_table_of(std::uint64_t l1_index, std::uint64_t entry) const {
  const auto refusal = [&](std::string_view reason) {
    return Error(Code::kMalformed, fmt::format("{}: L1 entry {} (0x{:016X}): {}",
                                               quoted(file_.path()), l1_index, entry, reason));
  };
  if ((entry & kL1Reserved) != 0) throw refusal("reserved bits are set");
  const std::uint64_t table = entry & kOffsetBits;
  if (table == 0) return 0;
  if (table % header_.cluster_bytes() != 0) {
    throw refusal(
        fmt::format("the L2 table does not begin at a multiple of {}", header_.cluster_bytes()));
  }
  if (table > file_size_ || header_.cluster_bytes() > file_size_ - table) {
    throw refusal(fmt::format("the L2 table ends beyond the file's {} bytes", file_size_));
  }
  return table;
}

Run ClusterMap::run_at(std::uint64_t offset, TablePage& page) const {
  check(offset < disk_size_, "runs are asked for within the disk");
  if (offset < page.begin || offset >= page.end) load(offset, page);
  Run run = piece_at(offset, page);
  while (run.offset + run.length < page.end) {
    const Run next = piece_at(run.offset + run.length, page);
    if (!continues(run, next)) break;
    run.length += next.length;
  }
  run.length = std::min(run.length, page.end - offset);
  return run;
}

Run ClusterMap::piece_at(std::uint64_t offset, const TablePage& page) const {
  if (page.table == 0) return {offset, page.end - offset};
  const Cluster cluster = cluster_at((offset - page.begin) >> header_.cluster_bits, page);
  const std::uint64_t within = offset % header_.cluster_bytes();
  Run run = {offset, header_.cluster_bytes() - within, cluster.storage, cluster.host_offset,
             cluster.host_length};
  if (cluster.storage != Storage::kPlain) return run;
  run.host_offset += within;
  if (cluster.stored_parts == kAllParts) return run;
  const std::uint64_t part_bytes = header_.cluster_bytes() / kParts;
  const auto is_stored = [&](std::uint64_t part) {
    return (cluster.stored_parts >> part & 1U) != 0;
  };
  const std::uint64_t first = within / part_bytes;
  std::uint64_t end = first + 1;
  while (end < kParts && is_stored(end) == is_stored(first)) ++end;
  run.length = end * part_bytes - within;
  if (!is_stored(first)) run.storage = Storage::kZeros;
  return run;
}

ClusterMap::Cluster ClusterMap::cluster_at(std::uint64_t position, const TablePage& page) const {
  const std::size_t at = position * header_.l2_entry_bytes();
  const auto entry = load_big_endian<std::uint64_t>(page.bytes, at);
  const auto bitmap =
      header_.has_extended_l2 ? load_big_endian<std::uint64_t>(page.bytes, at + 8) : 0;
  try {
    if ((entry & kCompressedBit) != 0) return compressed_cluster(entry);
    return standard_cluster(entry, bitmap);
  } catch (Error& error) {
    error.add_context(fmt::format("{}: L2 entry {} of the table at {} (0x{:016X})",
                                  quoted(file_.path()), page.first_entry + position, page.table,
                                  entry));
    throw;
  }
}

ClusterMap::Cluster ClusterMap::compressed_cluster(std::uint64_t entry) const {
  // The lower bits are an offset, the bits above the number of sectors after its own. Without bit
  // 62 and 63 (copied), both share 62.
  const unsigned offset_bits = 70 - header_.cluster_bits;
  const std::uint64_t offset = entry & ((1ULL << offset_bits) - 1);
  const std::uint64_t more_sectors = (entry & (kCompressedBit - 1)) >> offset_bits;
  if (offset >> 56U != 0) throw Error(Code::kMalformed, "reserved bits are set");
  if (offset < header_.cluster_bytes() || offset >= file_size_) {
    throw Error(Code::kMalformed, fmt::format("compressed data at {}, expected {} to {}", offset,
                                              header_.cluster_bytes(), file_size_));
  }
  // Its last sector may end beyond the file.
  const std::uint64_t length = (more_sectors + 1) * kCompressedUnit - offset % kCompressedUnit;
  return {Storage::kCompressed, offset, std::min(length, file_size_ - offset)};
}

ClusterMap::Cluster ClusterMap::standard_cluster(std::uint64_t entry, std::uint64_t bitmap) const {
  const bool may_be_zero = header_.version >= 3 && !header_.has_extended_l2;
  if ((entry & (kL2Reserved | (may_be_zero ? 0 : kZeroBit))) != 0) {
    throw Error(Code::kMalformed, "reserved bits are set");
  }
  Cluster cluster = {.host_offset = entry & kOffsetBits, .stored_parts = kAllParts};
  if (cluster.host_offset % header_.cluster_bytes() != 0) {
    throw Error(Code::kMalformed, fmt::format("the cluster does not begin at a multiple of {}",
                                              header_.cluster_bytes()));
  }
  if (cluster.host_offset >= file_size_) {
    throw Error(Code::kMalformed,
                fmt::format("the cluster lies beyond the file's {} bytes", file_size_));
  }
  if (header_.has_extended_l2) {
    const auto stored = static_cast<std::uint32_t>(bitmap);
    const auto zero = static_cast<std::uint32_t>(bitmap >> 32U);
    if ((stored & zero) != 0) {
      throw Error(Code::kMalformed,
                  fmt::format("bitmap 0x{:016X}: a part is both stored and zero", bitmap));
    }
    if (stored != 0 && cluster.host_offset == 0) {
      throw Error(Code::kMalformed,
                  fmt::format("bitmap 0x{:016X}: parts are stored, but nowhere", bitmap));
    }
    cluster.stored_parts = stored;
  }
  const bool is_zero = (entry & kZeroBit) != 0 || cluster.host_offset == 0;
  if (!is_zero && cluster.stored_parts != 0) cluster.storage = Storage::kPlain;
  return cluster;
}

}  // namespace seabag::qcow2
