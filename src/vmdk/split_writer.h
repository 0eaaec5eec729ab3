// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "disk/disk_writer.h"
#include "vmdk/hosted_extent_writer.h"
#include "vmdk/vmdk.h"

namespace seabag::vmdk {

/// Guest bytes of an extent, as VMware and VirtualBox split: with its metadata it stays below
/// 2 GiB.
inline constexpr std::uint64_t kSplitBytes = 2047ULL << 20U;

constexpr std::uint64_t split_extents(std::uint64_t size) {
  return size / kSplitBytes + (size % kSplitBytes == 0 ? 0 : 1);
}

/// Writes twoGbMaxExtentSparse: a descriptor file, and hosted sparse extents.
/// Source: VMware Virtual Disk Format 5.0, "The Extent Description".
class SplitWriter : public disk::DiskWriter {
 public:
  /// `files`: the descriptor file, then split_extents(size) extents.
  SplitWriter(std::vector<std::unique_ptr<io::File>> files, std::uint64_t size,
              const WriterOptions& options);
  void encode(disk::EncodedChunk& chunk) const override;
  void place(disk::EncodedChunk& chunk) override;
  void finish(const disk::ContentDigest& content) override;
  const std::vector<std::unique_ptr<io::File>>& files() const override { return files_; }

 private:
  std::uint64_t sectors_of(std::uint64_t extent) const;

  std::vector<std::unique_ptr<io::File>> files_;
  std::uint64_t size_;
  WriterOptions options_;
  std::vector<HostedExtentWriter> extents_;
  std::uint64_t current_ = 0;  // the extent that was placed in last
};

}  // namespace seabag::vmdk
