// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "io/blob_source.h"
#include "io/file_system.h"

namespace seabag::io {

/// A range of an open file as a blob. The file outlives this. Holes are not read from the file.
/// Requires: what was written there is synced: file systems may call it a hole before.
class FileBlob : public BlobSource {
 public:
  FileBlob(const File& file, std::uint64_t offset, std::uint64_t size)
      : file_(file), offset_(offset), size_(size) {}
  std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  const File& file_;
  std::uint64_t offset_;  // of the blob's first byte, from the start of the file
  std::uint64_t size_;
  // Up to here from where the file system was last asked there is no hole. A hint: reading is never
  // wrong.
  mutable std::atomic<std::uint64_t> stored_until_ = 0;
};

}  // namespace seabag::io
