// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "disk/disk_writer.h"
#include "vmdk/hosted_extent_writer.h"
#include "vmdk/vmdk.h"

namespace seabag::vmdk {

/// Writes monolithicSparse: one hosted sparse extent with the descriptor in it. Grains lie at
/// multiples of 64 KiB, in the order of the disk, so that file systems can share them.
/// Source: VMware Virtual Disk Format 5.0, "Hosted Sparse Extents".
class SparseWriter : public disk::DiskWriter {
 public:
  SparseWriter(std::vector<std::unique_ptr<io::File>> files, std::uint64_t size,
               const WriterOptions& options);
  void encode(disk::EncodedChunk& chunk) const override;
  void place(disk::EncodedChunk& chunk) override;
  void finish(const disk::ContentDigest& content) override;
  const std::vector<std::unique_ptr<io::File>>& files() const override { return files_; }

 private:
  std::vector<std::unique_ptr<io::File>> files_;
  std::uint64_t size_;
  WriterOptions options_;
  HostedExtentWriter extent_;
};

}  // namespace seabag::vmdk
