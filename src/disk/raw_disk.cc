// SPDX-License-Identifier: Apache-2.0
#include "disk/raw_disk.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/text.h"
#include "disk/zeros.h"

namespace seabag::disk {
namespace {

class RawDisk : public DiskSource {
 public:
  RawDisk(std::unique_ptr<io::File> file, std::optional<std::uint64_t> size)
      : file_(std::move(file)),
        stored_(size.value_or(file_->size())),
        size_(round_up(stored_, kSectorBytes)) {}

  std::uint64_t size() const override { return size_; }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    check(offset <= size_ && out.size() <= size_ - offset, "reads stay within the disk");
    const std::uint64_t there =
        std::min<std::uint64_t>(stored_ - std::min(offset, stored_), out.size());
    if (there > 0) file_->read_at(offset, out.first(there));
    std::ranges::fill(out.subspan(there), std::byte{0});
  }

  Extent extent_at(std::uint64_t offset) const override {
    if (offset >= stored_) return {offset, size_ - offset, false};
    const io::FileExtent extent = file_->extent_at(offset);
    return {offset, std::min(extent.length, stored_ - offset), extent.is_stored};
  }

  std::optional<StoredRange> stored_at(std::uint64_t offset) const override {
    if (offset >= stored_) return std::nullopt;
    return StoredRange{file_.get(), offset, stored_ - offset};
  }

  std::vector<std::string> warnings() const override {
    if (size_ == stored_) return {};
    return {fmt::format("{}: {} bytes are no whole number of sectors: the disk ends with {} zeros",
                        quoted(file_->path()), stored_, size_ - stored_)};
  }

 private:
  std::unique_ptr<io::File> file_;
  std::uint64_t stored_;
  std::uint64_t size_;
};

}  // namespace

std::unique_ptr<DiskSource> open_raw(std::unique_ptr<io::File> file,
                                     std::optional<std::uint64_t> size) {
  return std::make_unique<RawDisk>(std::move(file), size);
}

RawWriter::RawWriter(std::unique_ptr<io::File> file, std::uint64_t size, Size file_size)
    : size_(size), file_size_(file_size) {
  files_.push_back(std::move(file));
}

void RawWriter::encode(EncodedChunk& chunk) const {
  encode_as_is(chunk);
}

void RawWriter::place(EncodedChunk& chunk) {
  for (EncodedChunk::Piece& piece : chunk.pieces) piece.offset = piece.disk_offset;
}

void RawWriter::finish(const ContentDigest& /*content*/) {
  if (file_size_ == Size::kToBeSet) files_.front()->resize(size_);
}

void encode_as_is(EncodedChunk& chunk, std::uint32_t block) {
  for_each_data_run(chunk.data, block, [&](std::size_t begin, std::size_t length) {
    chunk.pieces.push_back({chunk.data.subspan(begin, length), chunk.offset + begin});
  });
}

}  // namespace seabag::disk
