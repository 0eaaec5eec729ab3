// SPDX-License-Identifier: Apache-2.0
#include "vmdk/split_writer.h"

#include <algorithm>

#include "base/arith.h"
#include "base/error.h"
#include "disk/raw_disk.h"
#include "vmdk/descriptor.h"

namespace seabag::vmdk {

static_assert(kSplitBytes % disk::kChunkBytes == 0, "a chunk lies in one extent");

SplitWriter::SplitWriter(std::vector<std::unique_ptr<io::File>> files, std::uint64_t size,
                         const WriterOptions& options)
    : files_(std::move(files)), size_(size), options_(options) {
  const std::uint64_t count = split_extents(size);
  check(files_.size() == count + 1, "a file for each extent");
  extents_.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) extents_.emplace_back(*files_[i + 1], sectors_of(i), 0);
}

std::uint64_t SplitWriter::sectors_of(std::uint64_t extent) const {
  return std::min(kSplitBytes, size_ - extent * kSplitBytes) / kSectorBytes;
}

void SplitWriter::encode(disk::EncodedChunk& chunk) const {
  disk::encode_as_is(chunk);
}

void SplitWriter::place(disk::EncodedChunk& chunk) {
  const std::uint64_t extent = chunk.offset / kSplitBytes;
  if (extent != current_) extents_[current_].end_tables();
  current_ = extent;
  for (disk::EncodedChunk::Piece& piece : chunk.pieces) {
    extents_[extent].place(piece, extent * kSplitBytes);
    piece.file = narrow<std::uint32_t>(extent + 1);
  }
}

void SplitWriter::finish(const disk::ContentDigest& content) {
  DescriptorFields fields{.create_type = "twoGbMaxExtentSparse",
                          .size = size_,
                          .adapter = options_.adapter,
                          .cid = options_.cid.value_or(cid_of(content)),
                          .content = content,
                          .extents = {}};
  for (std::size_t i = 0; i < extents_.size(); ++i) {
    extents_[i].finish({});
    fields.extents.push_back({.sectors = sectors_of(i),
                              .type = ExtentType::kSparse,
                              .file = io::base_name_of(files_[i + 1]->path())});
  }
  files_.front()->write_at(0, io::bytes_of(descriptor_text(fields)));
}

}  // namespace seabag::vmdk
