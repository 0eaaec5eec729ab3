// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "disk/disk_source.h"
#include "disk/disk_writer.h"
#include "disk/zeros.h"
#include "io/bytes.h"

namespace seabag::vhd {

/// Writes `content` as copy_disk() does: chunks of zeros are left out. Its digest is made up.
inline void write_disk(disk::DiskWriter& writer, const io::Bytes& content) {
  for (std::size_t at = 0; at < content.size(); at += disk::kChunkBytes) {
    disk::EncodedChunk chunk;
    chunk.offset = at;
    chunk.data = std::span(content).subspan(
        at, std::min<std::size_t>(disk::kChunkBytes, content.size() - at));
    if (disk::is_zero(chunk.data)) continue;
    writer.encode(chunk);
    writer.place(chunk);
    for (const auto& piece : chunk.pieces) {
      writer.files()[piece.file]->write_at(piece.offset, piece.bytes);
    }
  }
  disk::ContentDigest::Raw digest = {};
  digest.fill(std::byte{0xD1});
  writer.finish(disk::ContentDigest(digest));
}

/// What the guest sees, read in parts that fit neither sectors nor blocks.
inline io::Bytes content_of(const disk::DiskSource& disk) {
  constexpr std::size_t kPart = 100'003;
  io::Bytes content(disk.size(), std::byte{0xEE});
  for (std::size_t at = 0; at < content.size(); at += kPart) {
    disk.read_at(at, std::span(content).subspan(at, std::min(kPart, content.size() - at)));
  }
  return content;
}

/// From the beginning of the disk to its end.
inline std::vector<disk::Extent> extents_of(const disk::DiskSource& disk) {
  std::vector<disk::Extent> extents;
  for (std::uint64_t at = 0; at < disk.size(); at += extents.back().length) {
    extents.push_back(disk.extent_at(at));
    if (extents.back().offset != at || extents.back().length == 0) break;
  }
  return extents;
}

/// A disk with bytes of its own at both ends, in the middle and around each MiB, all else zeros.
inline io::Bytes sparse_content(std::size_t size) {
  io::Bytes content(size);
  const auto mark = [&](std::size_t begin, std::size_t length) {
    for (std::size_t i = begin; i < std::min(begin + length, size); ++i) {
      content[i] = static_cast<std::byte>((7 * i + i / 512) % 255 + 1);
    }
  };
  mark(0, 100);
  mark(size / 2, 10'000);
  mark(size - std::min<std::size_t>(size, 700), 700);
  for (std::size_t at = 3U << 20U; at < size; at += 3U << 20U) mark(at - 300, 600);
  return content;
}

}  // namespace seabag::vhd
