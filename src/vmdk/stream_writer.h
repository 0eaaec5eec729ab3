// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "disk/disk_writer.h"
#include "vmdk/grain_codec.h"
#include "vmdk/header.h"
#include "vmdk/vmdk.h"

namespace seabag::vmdk {

/// Writes streamOptimized: header and descriptor, then for each 32 MiB that have data their
/// compressed grains and the grain table, then directory, footer and end of stream.
///
/// That is the layout that VMware's programs write and upload, which can be read from front to
/// back. Header and descriptor are written last, because the content id stands in them. Memory: 4
/// bytes for each 32 MiB of the disk, and 360 KiB for each thread that encodes. Errors: place()
/// also kUsage when the file would pass 2 TiB. Source: VMware Virtual Disk Format 5.0,
/// "Stream-Optimized Compressed Sparse Extents".
class StreamWriter : public disk::DiskWriter {
 public:
  StreamWriter(std::vector<std::unique_ptr<io::File>> files, std::uint64_t size,
               const WriterOptions& options);
  void encode(disk::EncodedChunk& chunk) const override;
  void place(disk::EncodedChunk& chunk) override;
  void finish(const disk::ContentDigest& content) override;
  const std::vector<std::unique_ptr<io::File>>& files() const override { return files_; }

 private:
  void end_table();
  void write_metadata(MarkerType type, std::span<const std::uint32_t> entries);
  void write(std::span<const std::byte> bytes);

  std::vector<std::unique_ptr<io::File>> files_;
  std::uint64_t size_;
  WriterOptions options_;
  mutable Pool<GrainEncoder> encoders_;
  std::uint64_t next_sector_;  // of the file
  std::vector<std::uint32_t> directory_;
  std::uint64_t table_number_ = 0;    // of `table_`
  std::vector<std::uint32_t> table_;  // empty: of no grain yet
};

}  // namespace seabag::vmdk
