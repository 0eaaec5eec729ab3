// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/text.h"
#include "vhdx/block_map_internal.h"

namespace seabag::vhdx {
namespace {

constexpr std::size_t kBlockEntryBytes = 8;
constexpr std::uint64_t kStateBits = 7;
constexpr std::uint64_t kReservedBits = 0xFFFF8;  // 3 to 19; a place follows in MiB
constexpr std::uint64_t kPlaceBits = ~std::uint64_t{0xFFFFF};

enum BlockState : std::uint64_t {
  kNotPresent = 0,
  kUndefined = 1,
  kZero = 2,
  kUnmapped = 3,
  kUnmapped095 = 5,  // the draft of the format, version 0.95
  kFullyPresent = 6,
  kPartiallyPresent = 7,
};

}  // namespace

BlockMap::BlockMap(const io::File& file, const Region& table, const Geometry& geometry)
    : file_(file),
      table_(table),
      geometry_(geometry),
      file_size_(file.size()),
      blocks_(geometry.blocks()),
      chunk_ratio_(geometry.chunk_ratio()),
      entries_(blocks_ == 0 ? 0 : entry_of(blocks_ - 1) + 1) {
  if (entries_ > table_.length / kBlockEntryBytes) {
    throw Error(Code::kMalformed,
                fmt::format("{}: the block table has {} entries, {} are needed for {} bytes",
                            quoted(file.path()), table_.length / kBlockEntryBytes, entries_,
                            geometry.disk_size));
  }
}

void BlockMap::validate(disk::ClaimedRanges& claims) const {
  // One text for all: there may be millions of blocks.
  const std::string what = "data block";
  TablePage page;
  for (std::uint64_t block = 0; block < blocks_; ++block) {
    const std::uint64_t place = place_of(block, page);
    if (place == 0) continue;
    try {
      claims.claim(place, disk_bytes_of(block), what);
    } catch (Error& error) {
      error.add_context(fmt::format("block table entry {}", entry_of(block)));
      throw;
    }
  }
}

// The last block of a fixed disk ends in the file where the disk ends.
std::uint64_t BlockMap::disk_bytes_of(std::uint64_t block) const {
  return std::min<std::uint64_t>(geometry_.block_bytes,
                                 geometry_.disk_size - block * geometry_.block_bytes);
}

bool BlockMap::is_in(const TablePage& page, std::uint64_t block) const {
  const std::uint64_t entry = entry_of(block);
  return entry >= page.first_entry && entry - page.first_entry < page.entries;
}

void BlockMap::load(std::uint64_t block, TablePage& page) const {
  page.entries = 0;
  const std::uint64_t entry = entry_of(block);
  const std::uint64_t entries =
      std::min<std::uint64_t>(page.bytes.size() / kBlockEntryBytes, entries_ - entry);
  file_.read_at(table_.offset + entry * kBlockEntryBytes,
                std::span(page.bytes).first(entries * kBlockEntryBytes));
  page.first_entry = entry;
  page.entries = entries;
}

// Where a block lies in the file; 0: nowhere, it is zeros. The entries of sector bitmaps are passed
// over: they say something in differencing disks only, and qemu before 8.0 leaves rubbish in them.
std::uint64_t BlockMap::place_of(std::uint64_t block, TablePage& page) const {
  if (!is_in(page, block)) load(block, page);
  const auto entry = load_little_endian<std::uint64_t>(
      page.bytes, (entry_of(block) - page.first_entry) * kBlockEntryBytes);
  const auto refusal = [&](Code code, std::string_view reason) {
    return Error(code, fmt::format("{}: block table entry {} (0x{:016X}): {}", quoted(file_.path()),
                                   entry_of(block), entry, reason));
  };
  if ((entry & kReservedBits) != 0) throw refusal(Code::kMalformed, "reserved bits are set");
  switch (entry & kStateBits) {
    case kNotPresent:
    case kUndefined:
    case kZero:
    case kUnmapped:
    case kUnmapped095:
      return 0;
    case kFullyPresent:
      return stored_place(block, entry);
    case kPartiallyPresent:
      throw refusal(Code::kUnsupported, "the block is in part in a parent")
          .add_next_step("merge it with its parents first: Merge-VHD in Hyper-V");
    default:
      throw refusal(Code::kMalformed, fmt::format("state {} is reserved", entry & kStateBits));
  }
}

std::uint64_t BlockMap::stored_place(std::uint64_t block, std::uint64_t entry) const {
  const std::uint64_t place = entry & kPlaceBits;
  if (place < kUnitBytes || place > file_size_ || disk_bytes_of(block) > file_size_ - place) {
    throw Error(Code::kMalformed,
                fmt::format("{}: block table entry {} (0x{:016X}): {} bytes at {}, expected within "
                            "{} to {}",
                            quoted(file_.path()), entry_of(block), entry, disk_bytes_of(block),
                            place, kUnitBytes, file_size_));
  }
  return place;
}

Run BlockMap::run_at(std::uint64_t offset, TablePage& page) const {
  check(offset < geometry_.disk_size, "runs are asked for within the disk");
  std::uint64_t block = offset / geometry_.block_bytes;
  const std::uint64_t within = offset % geometry_.block_bytes;
  const std::uint64_t place = place_of(block, page);
  Run run = {offset, disk_bytes_of(block) - within, place != 0, place == 0 ? 0 : place + within};
  while (++block < blocks_ && is_in(page, block)) {
    const std::uint64_t next = place_of(block, page);
    const std::uint64_t expected = run.is_stored ? run.host_offset + run.length : 0;
    if (next != expected) break;
    run.length += disk_bytes_of(block);
  }
  return run;
}

}  // namespace seabag::vhdx
