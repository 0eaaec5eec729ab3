// SPDX-License-Identifier: Apache-2.0
#include "vhd/block_table.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/endian.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "disk/disk_source.h"
#include "io/bytes.h"

// Blocks are as long as each other and lie at any sector, so a bit for each sector (ClaimedRanges)
// would take 512 MiB for the largest file. Sorting the sectors that they begin at takes 4 bytes a
// block.

namespace seabag::vhd {
namespace {

using disk::kSectorBytes;

constexpr std::size_t kEntryBytes = sizeof(std::uint32_t);
// Entries that are read at once: 16 KiB, 8 GiB of a common disk.
constexpr std::uint64_t kBatchEntries = 4096;

}  // namespace

std::uint64_t bitmap_bytes_of(std::uint32_t block_bytes) {
  return round_up(round_up(block_bytes / kSectorBytes, 8) / 8, kSectorBytes);
}

BlockTable::BlockTable(const io::File& file, const DynamicHeader& header, std::uint64_t disk_size,
                       std::uint64_t end, std::vector<Metadata> others)
    : file_(file),
      offset_(header.table_offset),
      blocks_((disk_size - 1) / header.block_bytes + 1),
      stored_bytes_(bitmap_bytes_of(header.block_bytes) + header.block_bytes),
      end_(end) {
  const std::uint64_t entries = header.max_table_entries;
  const bool is_small = header.block_bytes < limits::kVhdCommonBlockBytes;
  const std::uint64_t max_blocks = is_small ? limits::kVhdSmallBlocks : limits::kVhdBlocks;
  if (blocks_ > max_blocks) {
    throw Error(Code::kUnsupported,
                fmt::format("{}: dynamic header: {} blocks of {} bytes are more than this build "
                            "reads (at most {} of that size)",
                            quoted(file.path()), blocks_, header.block_bytes, max_blocks))
        .add_next_step("convert the disk with the program that made it, to blocks of 2 MiB");
  }
  if (entries < blocks_) {
    throw Error(Code::kMalformed,
                fmt::format("{}: dynamic header: the BAT has {} entries, a disk of {} bytes has {} "
                            "blocks of {}",
                            quoted(file.path()), entries, disk_size, blocks_, header.block_bytes));
  }
  for (Metadata& metadata : others) add_metadata(std::move(metadata));
  add_metadata({offset_, entries * kEntryBytes, "BAT"});
  validate_blocks();
}

void BlockTable::add_metadata(Metadata metadata) {
  const auto& [offset, length, name] = metadata;
  if (offset % kSectorBytes != 0) {
    throw Error(Code::kMalformed, fmt::format("{}: {}: offset {} is no multiple of {}",
                                              quoted(file_.path()), name, offset, kSectorBytes));
  }
  if (offset > end_ || length > end_ - offset) {
    throw Error(Code::kMalformed,
                fmt::format("{}: {}: {} bytes at {}, but the footer or the file's "
                            "end is at {}",
                            quoted(file_.path()), name, length, offset, end_));
  }
  for (const Metadata& other : metadata_) {
    if (offset < other.offset + other.length && other.offset < offset + length) {
      throw Error(Code::kMalformed,
                  fmt::format("{}: {}: {} bytes at {} overlap the {} at {}", quoted(file_.path()),
                              name, length, offset, other.name, other.offset));
    }
  }
  metadata_.push_back(std::move(metadata));
}

std::optional<std::uint64_t> BlockTable::find_block(std::uint64_t block) const {
  check(block < blocks_, "a block of the disk");
  std::array<std::byte, kEntryBytes> bytes = {};
  file_.read_at(offset_ + block * kEntryBytes, bytes);
  const auto entry = load_big_endian<std::uint32_t>(bytes, 0);
  if (entry == kAbsentBlock) return std::nullopt;
  return validated(block, entry);
}

std::uint64_t BlockTable::absent_from(std::uint64_t block) const {
  for (std::uint64_t first = block; first < blocks_; first += kBatchEntries) {
    const auto entries = read_entries(first);
    const auto stored =
        std::ranges::find_if(entries, [](std::uint32_t entry) { return entry != kAbsentBlock; });
    if (stored != entries.end()) {
      return first - block + narrow<std::uint64_t>(stored - entries.begin());
    }
  }
  return blocks_ - block;
}

// Those of the blocks from `first` on, kBatchEntries at most.
std::vector<std::uint32_t> BlockTable::read_entries(std::uint64_t first) const {
  const std::uint64_t count = std::min(kBatchEntries, blocks_ - first);
  io::Bytes bytes(count * kEntryBytes);
  file_.read_at(offset_ + first * kEntryBytes, bytes);
  std::vector<std::uint32_t> entries(count);
  for (std::size_t i = 0; i < count; ++i) {
    entries[i] = load_big_endian<std::uint32_t>(bytes, i * kEntryBytes);
  }
  return entries;
}

void BlockTable::validate_blocks() const {
  std::vector<std::uint32_t> sectors;
  sectors.reserve(std::min(blocks_, end_ / stored_bytes_));  // more than fit must overlap
  for (std::uint64_t first = 0; first < blocks_; first += kBatchEntries) {
    const auto entries = read_entries(first);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i] == kAbsentBlock) continue;
      validated(first + i, entries[i]);
      sectors.push_back(entries[i]);
    }
  }
  require_disjoint(std::move(sectors));
}

void BlockTable::require_disjoint(std::vector<std::uint32_t> sectors) const {
  std::ranges::sort(sectors);
  const auto overlap =
      std::ranges::adjacent_find(sectors, [&](std::uint64_t one, std::uint64_t next) {
        return (next - one) * kSectorBytes < stored_bytes_;
      });
  if (overlap == sectors.end()) return;
  throw Error(Code::kMalformed,
              fmt::format("{}: BAT: two blocks overlap: their entries point to sectors {} and {}, "
                          "but each has {} bytes with its bitmap",
                          quoted(file_.path()), *overlap, *std::next(overlap), stored_bytes_));
}

std::uint64_t BlockTable::validated(std::uint64_t block, std::uint32_t entry) const {
  const std::uint64_t offset = std::uint64_t{entry} * kSectorBytes;
  for (const Metadata& metadata : metadata_) {
    if (offset < metadata.offset + metadata.length && metadata.offset < offset + stored_bytes_) {
      throw Error(
          Code::kMalformed,
          fmt::format("{}: BAT entry {}: sector {}: the {} bytes there overlap the {} at {}",
                      quoted(file_.path()), block, entry, stored_bytes_, metadata.name,
                      metadata.offset));
    }
  }
  if (offset > end_ || stored_bytes_ > end_ - offset) {
    throw Error(Code::kMalformed,
                fmt::format("{}: BAT entry {}: sector {}: expected {} bytes there, but the footer "
                            "or the file's end is at {}",
                            quoted(file_.path()), block, entry, stored_bytes_, end_));
  }
  return offset;
}

}  // namespace seabag::vhd
