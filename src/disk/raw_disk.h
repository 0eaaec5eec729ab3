// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "disk/disk_source.h"
#include "disk/disk_writer.h"

namespace seabag::disk {

/// A raw image or a block device. Nothing in its content is looked at. A size that is no multiple
/// of kSectorBytes is raised to one with zeros, with a warning. With `size`, which the file has at
/// least, only so many bytes of its front.
std::unique_ptr<DiskSource> open_raw(std::unique_ptr<io::File> file,
                                     std::optional<std::uint64_t> size = std::nullopt);

/// Writes a disk as it is, with holes for zeros: raw files and the flat extents of other formats.
class RawWriter : public DiskWriter {
 public:
  /// What finish() does about the file's size: a device has its own.
  enum class Size { kToBeSet, kIsRight };

  /// `size`: of the disk.
  RawWriter(std::unique_ptr<io::File> file, std::uint64_t size, Size file_size = Size::kToBeSet);
  void encode(EncodedChunk& chunk) const override;
  void place(EncodedChunk& chunk) override;
  void finish(const ContentDigest& content) override;
  const std::vector<std::unique_ptr<io::File>>& files() const override { return files_; }

 private:
  std::vector<std::unique_ptr<io::File>> files_;
  std::uint64_t size_;
  Size file_size_;
};

/// Zeros in whole blocks of so many bytes become holes in files that hold data as it is: one
/// file-system block and memory page.
inline constexpr std::uint32_t kHoleBytes = 4096;

/// encode() of the formats that store data as it is: a piece for each run of `block` bytes that are
/// not all zeros.
void encode_as_is(EncodedChunk& chunk, std::uint32_t block = kHoleBytes);

}  // namespace seabag::disk
