// SPDX-License-Identifier: Apache-2.0

// Blocks come in the order of the disk, so the place of each follows from how many came before: the
// BAT is not held in memory, it is computed when it is written.

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/endian.h"
#include "base/error.h"
#include "base/limits.h"
#include "disk/raw_disk.h"
#include "vhd/block_table.h"
#include "vhd/dynamic_header.h"
#include "vhd/vhd.h"

namespace seabag::vhd {
namespace {

using disk::kSectorBytes;

// The only size that XenServer's tools read.
constexpr std::uint32_t kBlockBytes = 2U << 20U;
constexpr std::uint64_t kBitmapBytes = 512;
constexpr std::uint64_t kAlignment = 4096;  // of data
constexpr std::uint64_t kStride = kBlockBytes + kAlignment;

constexpr std::uint64_t kHeaderOffset = kFooterBytes;
constexpr std::uint64_t kTableOffset = kHeaderOffset + kDynamicHeaderBytes;

// Azure's largest disk. The format has no bound, but Hyper-V and QEMU stop at limits::
// kVhdDynamicBytes here, too.
constexpr std::uint64_t kMaxFixedBytes = 32ULL << 40U;

// A UUID of version 8, whose bits are for the maker to choose. Source: RFC 9562 section 5.8.
UniqueId unique_id_from(const disk::ContentDigest& content) {
  UniqueId id = {};
  std::copy_n(content.raw().begin(), id.size(), id.begin());
  id[6] = (id[6] & std::byte{0x0F}) | std::byte{0x80};
  id[8] = (id[8] & std::byte{0x3F}) | std::byte{0x80};
  return id;
}

FooterBytes footer_of(DiskType type, std::uint64_t size, const Identity& identity,
                      const disk::ContentDigest& content) {
  Footer footer;
  footer.type = type;
  if (type == DiskType::kDynamic) footer.data_offset = kHeaderOffset;
  footer.timestamp = identity.timestamp;
  // libvhdi goes by the original size, all others by the current one.
  footer.original_size = size;
  footer.current_size = size;
  // Not the largest geometry, as QEMU's force_size has it: XenServer refuses it for a small disk.
  footer.geometry = geometry_for(size);
  footer.unique_id = identity.unique_id.value_or(unique_id_from(content));
  return encode_footer(footer);
}

std::uint64_t blocks_of(std::uint64_t size) {
  return round_up(size, kBlockBytes) / kBlockBytes;
}

std::uint64_t table_bytes_of(std::uint64_t blocks) {
  return round_up(blocks * sizeof(std::uint32_t), kSectorBytes);
}

void require_writable(std::uint64_t size) {
  check(size > 0 && size % kSectorBytes == 0, "a disk of whole sectors, and not none");
}

}  // namespace

void require_fits(Subformat subformat, std::uint64_t size) {
  if (size == 0) {
    throw Error(Code::kUsage, "a VHD cannot hold a disk of 0 bytes")
        .add_next_step("leave the disk out");
  }
  if (subformat == Subformat::kDynamic && size > limits::kVhdDynamicBytes) {
    throw Error(Code::kUsage, fmt::format("a dynamic VHD holds at most {} bytes (2040 GiB), the "
                                          "disk has {}",
                                          limits::kVhdDynamicBytes, size))
        .add_next_step("choose vmdk, raw, or vhd-fixed for Azure");
  }
  if (subformat == Subformat::kFixed && size > kMaxFixedBytes) {
    throw Error(Code::kUsage, fmt::format("a fixed VHD of more than {} bytes (32 TiB) has no "
                                          "reader, the disk has {}",
                                          kMaxFixedBytes, size))
        .add_next_step("choose vmdk or raw");
  }
}

FixedWriter::FixedWriter(std::unique_ptr<io::File> file, std::uint64_t size,
                         const Identity& identity)
    : size_(size), identity_(identity) {
  require_writable(size);
  files_.push_back(std::move(file));
}

void FixedWriter::encode(disk::EncodedChunk& chunk) const {
  disk::encode_as_is(chunk);
}

void FixedWriter::place(disk::EncodedChunk& chunk) {
  for (disk::EncodedChunk::Piece& piece : chunk.pieces) piece.offset = piece.disk_offset;
}

void FixedWriter::finish(const disk::ContentDigest& content) {
  files_.front()->write_at(size_, footer_of(DiskType::kFixed, size_, identity_, content));
}

DynamicWriter::DynamicWriter(std::unique_ptr<io::File> file, std::uint64_t size,
                             const Identity& identity)
    : size_(size), identity_(identity), is_stored_(blocks_of(size)) {
  require_writable(size);
  check(size <= limits::kVhdDynamicBytes, "require_fits() comes first");
  files_.push_back(std::move(file));
}

void DynamicWriter::encode(disk::EncodedChunk& chunk) const {
  disk::encode_as_is(chunk);
}

void DynamicWriter::place(disk::EncodedChunk& chunk) {
  if (chunk.pieces.empty()) return;
  static_assert(kBlockBytes % disk::kChunkBytes == 0, "a chunk lies in one block");
  const std::uint64_t block = chunk.offset / kBlockBytes;
  if (!is_stored_[block]) add_block(block);
  const std::uint64_t data = bitmap_offset(stored_ - 1) + kBitmapBytes;
  for (disk::EncodedChunk::Piece& piece : chunk.pieces) {
    piece.offset = data + piece.disk_offset % kBlockBytes;
  }
}

// Of the block that comes after `rank` others.
std::uint64_t DynamicWriter::bitmap_offset(std::uint64_t rank) const {
  const std::uint64_t table_end = kTableOffset + table_bytes_of(is_stored_.size());
  return round_up(table_end + kBitmapBytes, kAlignment) - kBitmapBytes + rank * kStride;
}

void DynamicWriter::add_block(std::uint64_t block) {
  is_stored_[block] = true;
  // All sectors, whatever they hold and even beyond the disk's end: QEMU ignores the bitmap, 7-Zip
  // refuses any other.
  std::array<std::byte, kBitmapBytes> bitmap = {};
  bitmap.fill(std::byte{0xFF});
  files_.front()->write_at(bitmap_offset(stored_++), bitmap);
}

void DynamicWriter::write_table() const {
  std::array<std::byte, 64U << 10U> bytes = {};
  const std::uint64_t size = table_bytes_of(is_stored_.size());
  std::uint64_t rank = 0;
  std::uint64_t block = 0;
  for (std::uint64_t at = 0; at < size; at += bytes.size()) {
    const auto part = std::span(bytes).first(std::min<std::uint64_t>(bytes.size(), size - at));
    for (std::size_t i = 0; i < part.size(); i += sizeof(std::uint32_t), ++block) {
      const bool is_stored = block < is_stored_.size() && is_stored_[block];
      store_big_endian(
          part, i,
          is_stored ? narrow<std::uint32_t>(bitmap_offset(rank++) / kSectorBytes) : kAbsentBlock);
    }
    files_.front()->write_at(kTableOffset + at, part);
  }
}

void DynamicWriter::finish(const disk::ContentDigest& content) {
  io::File& file = *files_.front();
  write_table();
  DynamicHeader header;
  header.table_offset = kTableOffset;
  header.max_table_entries = narrow<std::uint32_t>(is_stored_.size());
  header.block_bytes = kBlockBytes;
  file.write_at(kHeaderOffset, encode_dynamic_header(header));
  const std::uint64_t end = stored_ == 0 ? kTableOffset + table_bytes_of(is_stored_.size())
                                         : bitmap_offset(stored_ - 1) + kBitmapBytes + kBlockBytes;
  const FooterBytes footer = footer_of(DiskType::kDynamic, size_, identity_, content);
  file.write_at(end, footer);
  file.write_at(0, footer);
}

}  // namespace seabag::vhd
