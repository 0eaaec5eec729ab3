// SPDX-License-Identifier: Apache-2.0
#include "vmdk/flat_writer.h"

#include "base/error.h"
#include "disk/raw_disk.h"
#include "vmdk/descriptor.h"
#include "vmdk/header.h"

namespace seabag::vmdk {

FlatWriter::FlatWriter(std::vector<std::unique_ptr<io::File>> files, std::uint64_t size,
                       const WriterOptions& options)
    : files_(std::move(files)), size_(size), options_(options) {
  check(files_.size() == 2, "a descriptor file and a file of data");
}

void FlatWriter::encode(disk::EncodedChunk& chunk) const {
  disk::encode_as_is(chunk);
}

void FlatWriter::place(disk::EncodedChunk& chunk) {
  for (disk::EncodedChunk::Piece& piece : chunk.pieces) {
    piece.file = 1;
    piece.offset = piece.disk_offset;
  }
}

void FlatWriter::finish(const disk::ContentDigest& content) {
  files_.back()->resize(size_);
  const std::string descriptor =
      descriptor_text({.create_type = "monolithicFlat",
                       .size = size_,
                       .adapter = options_.adapter,
                       .cid = options_.cid.value_or(cid_of(content)),
                       .content = content,
                       .extents = {{.sectors = size_ / kSectorBytes,
                                    .type = ExtentType::kFlat,
                                    .file = io::base_name_of(files_.back()->path())}}});
  files_.front()->write_at(0, io::bytes_of(descriptor));
}

}  // namespace seabag::vmdk
