// SPDX-License-Identifier: Apache-2.0
#include "vhd/dynamic_disk.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace seabag::vhd {

using disk::kSectorBytes;

DynamicDisk::DynamicDisk(std::unique_ptr<io::File> file, const DynamicHeader& header,
                         std::uint64_t size, std::uint64_t end,
                         std::vector<BlockTable::Metadata> metadata,
                         std::vector<std::string> warnings)
    : file_(std::move(file)),
      size_(size),
      block_bytes_(header.block_bytes),
      bitmap_bytes_(bitmap_bytes_of(header.block_bytes)),
      table_(*file_, header, size, end, std::move(metadata)),
      warnings_(std::move(warnings)) {}

void DynamicDisk::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  check(offset <= size_ && out.size() <= size_ - offset, "reads stay within the disk");
  while (!out.empty()) {
    const auto length = std::min<std::uint64_t>(out.size(), block_bytes_ - offset % block_bytes_);
    read_in_block(offset, out.first(length));
    offset += length;
    out = out.subspan(length);
  }
}

void DynamicDisk::read_in_block(std::uint64_t offset, std::span<std::byte> out) const {
  const auto block = table_.find_block(offset / block_bytes_);
  if (!block) {
    std::ranges::fill(out, std::byte{0});
    return;
  }
  const std::uint64_t within = offset % block_bytes_;
  file_->read_at(*block + bitmap_bytes_ + within, out);
  const SectorBitmap bitmap = read_bitmap(*block, within, out.size());
  const std::uint64_t begin = within % kSectorBytes;  // of `out` in its first sector
  for (std::uint64_t at = 0, sector = 0; at < out.size();) {
    const bool is_stored = bitmap.is_stored(sector);
    sector += bitmap.run_at(sector);
    const std::uint64_t end = std::min<std::uint64_t>(sector * kSectorBytes - begin, out.size());
    if (!is_stored) std::ranges::fill(out.subspan(at, end - at), std::byte{0});
    at = end;
  }
}

// For the sectors that `length` bytes at `within` a block are in.
SectorBitmap DynamicDisk::read_bitmap(std::uint64_t block_offset, std::uint64_t within,
                                      std::uint64_t length) const {
  const std::uint64_t first = within / kSectorBytes;
  const std::uint64_t last = (within + length - 1) / kSectorBytes;
  io::Bytes bytes(last / 8 - first / 8 + 1);
  file_->read_at(block_offset + first / 8, bytes);
  return {std::move(bytes), first % 8, last - first + 1};
}

// Up to the end of the block; nothing if that is not stored at all.
std::optional<DynamicDisk::Run> DynamicDisk::find_run(std::uint64_t offset) const {
  const auto block = table_.find_block(offset / block_bytes_);
  if (!block) return std::nullopt;
  const std::uint64_t within = offset % block_bytes_;
  const std::uint64_t rest = std::min(block_bytes_ - within, size_ - offset);
  const SectorBitmap bitmap = read_bitmap(*block, within, rest);
  const std::uint64_t run = bitmap.run_at(0) * kSectorBytes - within % kSectorBytes;
  return Run{*block + bitmap_bytes_ + within, std::min(run, rest), bitmap.is_stored(0)};
}

disk::Extent DynamicDisk::extent_at(std::uint64_t offset) const {
  const auto run = find_run(offset);
  if (!run) {
    const std::uint64_t block = offset / block_bytes_;
    const std::uint64_t end = (block + table_.absent_from(block)) * block_bytes_;
    return {offset, std::min(end, size_) - offset, false};
  }
  if (!run->is_stored) return {offset, run->length, false};
  // Writers that know of holes leave some within blocks.
  const io::FileExtent stored = file_->extent_at(run->offset);
  return {offset, std::min(run->length, stored.length), stored.is_stored};
}

std::optional<disk::StoredRange> DynamicDisk::stored_at(std::uint64_t offset) const {
  if (offset >= size_) return std::nullopt;
  const auto run = find_run(offset);
  if (!run || !run->is_stored) return std::nullopt;
  return disk::StoredRange{file_.get(), run->offset, run->length};
}

}  // namespace seabag::vhd
