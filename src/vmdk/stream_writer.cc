// SPDX-License-Identifier: Apache-2.0
#include "vmdk/stream_writer.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/endian.h"
#include "base/error.h"
#include "base/text.h"
#include "disk/zeros.h"
#include "io/bytes.h"
#include "vmdk/descriptor.h"

namespace seabag::vmdk {
namespace {

constexpr std::uint64_t kFirstMarkerSector = kGrainSectors;
constexpr std::size_t kMaxRecordBytes = max_record_bytes(kGrainBytes);

// One grain behind its marker, to the end of a sector; the bytes that it takes of `out`, of which
// it may use more.
std::size_t encode_record(GrainEncoder& encoder, std::uint64_t disk_offset,
                          std::span<const std::byte> grain, std::span<std::byte> out) {
  const std::size_t length = encoder.encode(grain, out.subspan(GrainMarker::kBytes));
  encode_grain_marker(
      {.guest_sector = disk_offset / kSectorBytes, .length = narrow<std::uint32_t>(length)}, out);
  const std::size_t used = GrainMarker::kBytes + length;
  const std::size_t record = round_up(used, kSectorBytes);
  std::ranges::fill(out.subspan(used, record - used), std::byte{0});
  return record;
}

}  // namespace

StreamWriter::StreamWriter(std::vector<std::unique_ptr<io::File>> files, std::uint64_t size,
                           const WriterOptions& options)
    : files_(std::move(files)),
      size_(size),
      options_(options),
      next_sector_(kFirstMarkerSector),
      directory_(SparseHeader{.capacity = size / kSectorBytes}.tables()) {}

void StreamWriter::encode(disk::EncodedChunk& chunk) const {
  const std::size_t grains = (chunk.data.size() + kGrainBytes - 1) / kGrainBytes;
  chunk.buffer.resize(grains * kMaxRecordBytes);
  encoders_.with([&](GrainEncoder& encoder) {
    std::size_t used = 0;
    for (std::size_t at = 0; at < chunk.data.size(); at += kGrainBytes) {
      auto grain =
          chunk.data.subspan(at, std::min<std::size_t>(kGrainBytes, chunk.data.size() - at));
      if (disk::is_zero(grain)) continue;
      io::Bytes padded;
      if (grain.size() < kGrainBytes) {
        // VirtualBox and 7-Zip want the last grain whole, too.
        padded.assign(grain.begin(), grain.end());
        padded.resize(kGrainBytes);
        grain = padded;
      }
      const auto out = std::span(chunk.buffer).subspan(used, kMaxRecordBytes);
      const std::size_t record = encode_record(encoder, chunk.offset + at, grain, out);
      chunk.pieces.push_back({.bytes = out.first(record), .disk_offset = chunk.offset + at});
      used += record;
    }
    return used;
  });
}

void StreamWriter::place(disk::EncodedChunk& chunk) {
  for (disk::EncodedChunk::Piece& piece : chunk.pieces) {
    const std::uint64_t number = piece.disk_offset / kTableReach;
    if (number != table_number_) end_table();
    table_number_ = number;
    table_.resize(kTableEntries);
    if (next_sector_ > std::numeric_limits<std::uint32_t>::max()) {
      throw Error(Code::kUsage,
                  fmt::format("{}: the compressed disk passes the 2 TiB that tables of VMDK reach",
                              quoted(files_.front()->path())))
          .add_next_step("choose vmdk-2gb, vmdk-flat, or vhd-fixed");
    }
    table_[piece.disk_offset / kGrainBytes % kTableEntries] =
        static_cast<std::uint32_t>(next_sector_);
    piece.file = 0;
    piece.offset = next_sector_ * kSectorBytes;
    next_sector_ += piece.bytes.size() / kSectorBytes;
  }
}

void StreamWriter::write(std::span<const std::byte> bytes) {
  files_.front()->write_at(next_sector_ * kSectorBytes, bytes);
  next_sector_ += bytes.size() / kSectorBytes;
}

void StreamWriter::write_metadata(MarkerType type, std::span<const std::uint32_t> entries) {
  write(encode_marker(type, (entries.size_bytes() + kSectorBytes - 1) / kSectorBytes));
  // In parts: the directory of the largest disk has 8 MiB.
  constexpr std::size_t kPartEntries = 16384;
  while (!entries.empty()) {
    const auto part = entries.first(std::min(entries.size(), kPartEntries));
    entries = entries.subspan(part.size());
    io::Bytes bytes(round_up(part.size_bytes(), kSectorBytes));
    for (std::size_t i = 0; i < part.size(); ++i) {
      store_little_endian(bytes, i * sizeof(std::uint32_t), part[i]);
    }
    write(bytes);
  }
}

void StreamWriter::end_table() {
  if (table_.empty()) return;
  directory_[table_number_] = narrow<std::uint32_t>(next_sector_ + 1);  // behind its marker
  write_metadata(MarkerType::kGrainTable, table_);
  table_.clear();
}

void StreamWriter::finish(const disk::ContentDigest& content) {
  end_table();
  SparseHeader header{.version = 3,
                      .flags = kHasNewlineBytes | kIsCompressed | kHasMarkers,
                      .capacity = size_ / kSectorBytes,
                      .descriptor_sector = 1,
                      .descriptor_sectors = kDescriptorSectors,
                      .directory_sector = next_sector_ + 1,  // behind its marker
                      .overhead_sectors = kFirstMarkerSector};
  write_metadata(MarkerType::kGrainDirectory, directory_);
  write(encode_marker(MarkerType::kFooter, 1));
  write(encode_header(header));
  // Nothing may follow the end of the stream: who reads from front to back stops there.
  write(encode_marker(MarkerType::kEndOfStream, 0));

  const std::string descriptor =
      descriptor_text({.create_type = "streamOptimized",
                       .size = size_,
                       .adapter = options_.adapter,
                       .cid = options_.cid.value_or(cid_of(content)),
                       .content = content,
                       .extents = {{.sectors = size_ / kSectorBytes,
                                    .type = ExtentType::kSparse,
                                    .file = io::base_name_of(files_.front()->path())}}});
  check(descriptor.size() <= kDescriptorSectors * kSectorBytes, "room for the descriptor");
  files_.front()->write_at(kSectorBytes, io::bytes_of(descriptor));
  header.directory_sector = kDirectoryAtEnd;
  files_.front()->write_at(0, encode_header(header));
}

}  // namespace seabag::vmdk
