// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "disk/disk_writer.h"
#include "vmdk/vmdk.h"

namespace seabag::vmdk {

/// Writes monolithicFlat: a descriptor file, and the disk as it is, with holes for zeros.
/// Source: VMware Virtual Disk Format 5.0, "Simple Extents".
class FlatWriter : public disk::DiskWriter {
 public:
  /// `files`: the descriptor file, the data.
  FlatWriter(std::vector<std::unique_ptr<io::File>> files, std::uint64_t size,
             const WriterOptions& options);
  void encode(disk::EncodedChunk& chunk) const override;
  void place(disk::EncodedChunk& chunk) override;
  void finish(const disk::ContentDigest& content) override;
  const std::vector<std::unique_ptr<io::File>>& files() const override { return files_; }

 private:
  std::vector<std::unique_ptr<io::File>> files_;
  std::uint64_t size_;
  WriterOptions options_;
};

}  // namespace seabag::vmdk
