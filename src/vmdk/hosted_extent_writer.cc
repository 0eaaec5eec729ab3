// SPDX-License-Identifier: Apache-2.0
#include "vmdk/hosted_extent_writer.h"

#include <algorithm>

#include "base/arith.h"
#include "base/endian.h"
#include "base/error.h"
#include "io/bytes.h"

namespace seabag::vmdk {

HostedLayout::HostedLayout(std::uint64_t capacity_sectors, std::uint64_t descriptor_sectors) {
  const SparseHeader header{.capacity = capacity_sectors};
  tables = header.tables();
  directory_sectors = (tables * sizeof(std::uint32_t) + kSectorBytes - 1) / kSectorBytes;
  redundant_directory = 1 + descriptor_sectors;
  directory = table(redundant_directory, tables);
  first_grain = round_up(table(directory, tables), kGrainSectors);
}

HostedExtentWriter::HostedExtentWriter(io::File& file, std::uint64_t capacity_sectors,
                                       std::uint64_t descriptor_sectors)
    : file_(file),
      capacity_sectors_(capacity_sectors),
      descriptor_sectors_(descriptor_sectors),
      layout_(capacity_sectors, descriptor_sectors),
      next_sector_(layout_.first_grain) {}

void HostedExtentWriter::place(disk::EncodedChunk::Piece& piece, std::uint64_t extent_begin) {
  const std::uint64_t begin = piece.disk_offset - extent_begin;
  const std::uint64_t first = begin / kGrainBytes;
  const std::uint64_t last = (begin + piece.bytes.size() - 1) / kGrainBytes;
  check(first / kTableEntries == last / kTableEntries, "a piece lies in the reach of one table");
  if (first / kTableEntries != table_number_) end_tables();
  table_number_ = first / kTableEntries;
  table_.resize(kTableEntries);
  for (std::uint64_t grain = first; grain <= last; ++grain) {
    // Of two pieces in one grain the first has given it its place.
    std::uint32_t& entry = table_[grain % kTableEntries];
    if (entry != 0) continue;
    entry = narrow<std::uint32_t>(next_sector_);
    next_sector_ += kGrainSectors;
  }
  piece.offset = table_[first % kTableEntries] * std::uint64_t{kSectorBytes} + begin % kGrainBytes;
}

void HostedExtentWriter::end_tables() {
  if (table_.empty()) return;
  io::Bytes bytes(std::size_t{kTableSectors} * kSectorBytes);
  for (std::size_t i = 0; i < table_.size(); ++i) store_little_endian(bytes, i * 4, table_[i]);
  for (const std::uint64_t directory : {layout_.redundant_directory, layout_.directory}) {
    file_.write_at(layout_.table(directory, table_number_) * kSectorBytes, bytes);
  }
  table_ = std::vector<std::uint32_t>();  // of thousands of extents one has a table at a time
}

void HostedExtentWriter::write_directory(std::uint64_t directory_sector) {
  io::Bytes bytes(layout_.directory_sectors * kSectorBytes);
  for (std::uint64_t i = 0; i < layout_.tables; ++i) {
    store_little_endian(bytes, i * sizeof(std::uint32_t),
                        narrow<std::uint32_t>(layout_.table(directory_sector, i)));
  }
  file_.write_at(directory_sector * kSectorBytes, bytes);
}

void HostedExtentWriter::finish(std::string_view descriptor) {
  check(descriptor.size() <= descriptor_sectors_ * kSectorBytes, "room for the descriptor");
  end_tables();
  write_directory(layout_.redundant_directory);
  write_directory(layout_.directory);
  if (!descriptor.empty()) file_.write_at(kSectorBytes, io::bytes_of(descriptor));
  file_.write_at(0, encode_header({.flags = kHasNewlineBytes | kHasRedundantDirectory,
                                   .capacity = capacity_sectors_,
                                   .descriptor_sector = descriptor_sectors_ == 0 ? 0U : 1U,
                                   .descriptor_sectors = descriptor_sectors_,
                                   .redundant_directory_sector = layout_.redundant_directory,
                                   .directory_sector = layout_.directory,
                                   .overhead_sectors = layout_.first_grain}));
  file_.resize(next_sector_ * kSectorBytes);
}

}  // namespace seabag::vmdk
