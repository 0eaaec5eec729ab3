// SPDX-License-Identifier: Apache-2.0
#include "vmdk/sparse_writer.h"

#include "disk/raw_disk.h"
#include "vmdk/descriptor.h"

namespace seabag::vmdk {

SparseWriter::SparseWriter(std::vector<std::unique_ptr<io::File>> files, std::uint64_t size,
                           const WriterOptions& options)
    : files_(std::move(files)),
      size_(size),
      options_(options),
      extent_(*files_.front(), size / kSectorBytes, kDescriptorSectors) {}

void SparseWriter::encode(disk::EncodedChunk& chunk) const {
  disk::encode_as_is(chunk);
}

void SparseWriter::place(disk::EncodedChunk& chunk) {
  for (disk::EncodedChunk::Piece& piece : chunk.pieces) extent_.place(piece, 0);
}

void SparseWriter::finish(const disk::ContentDigest& content) {
  extent_.finish(
      descriptor_text({.create_type = "monolithicSparse",
                       .size = size_,
                       .adapter = options_.adapter,
                       .cid = options_.cid.value_or(cid_of(content)),
                       .content = content,
                       .extents = {{.sectors = size_ / kSectorBytes,
                                    .type = ExtentType::kSparse,
                                    .file = io::base_name_of(files_.front()->path())}}}));
}

}  // namespace seabag::vmdk
