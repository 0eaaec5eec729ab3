// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "disk/disk_source.h"
#include "disk/disk_writer.h"
#include "io/file_system.h"
#include "vhd/footer.h"

namespace seabag::vhd {

/// Opens a fixed or dynamic VHD. The size of the disk is the footer's current size, whoever
/// created it. Of a dynamic disk the footer at the end counts, and its copy at the beginning where
/// that one is damaged.
///
/// A sector whose bit in its block's bitmap is clear reads as zeros, as in VirtualBox and libvhdi.
/// QEMU ignores the bitmap; that a sector is clear but not zero is not looked for, since it would
/// cost a read of the whole disk.
///
/// warnings() tells: footers that are damaged or differ, a fixed disk followed by more bytes than
/// its footer, a BAT that is too long, a temporary disk, a saved state, a parent of a disk that is
/// not differencing, geometries that other programs take for the size, and a fixed disk that begins
/// like a VHD.
///
/// Memory: 4 bytes for each stored block while it is opened, 16 MiB at most; a bitmap for each
///         thread that reads, 64 KiB at most.
/// Errors: kMalformed; kUnsupported: differencing disks (the parent is named, and not looked for),
///         versions other than 1, and what is beyond limits::kVhd*; those of `file`.
/// Source: Microsoft Virtual Hard Disk Image Format Specification 1.0.
std::unique_ptr<disk::DiskSource> open(std::unique_ptr<io::File> file);

/// What we write.
enum class Subformat {
  kDynamic,  ///< blocks of 2 MiB, of which those of zeros are left out
  kFixed,    ///< the disk as it is, and a footer
};

/// Errors: kUsage, with a format that can, if that subformat cannot hold a disk of `size` bytes.
void require_fits(Subformat subformat, std::uint64_t size);

/// What tells one disk from another.
struct Identity {
  std::optional<UniqueId> unique_id;  ///< not zero; without it, from the content
  std::uint32_t timestamp = 0;        ///< seconds since 2000-01-01T00:00:00Z
};

/// Writes a fixed VHD: the disk at its place, holes for zeros, the footer behind it.
class FixedWriter : public disk::DiskWriter {
 public:
  /// Requires: `file` is new and empty; require_fits(); `size` is a multiple of kSectorBytes.
  FixedWriter(std::unique_ptr<io::File> file, std::uint64_t size, const Identity& identity = {});
  void encode(disk::EncodedChunk& chunk) const override;
  void place(disk::EncodedChunk& chunk) override;
  void finish(const disk::ContentDigest& content) override;
  const std::vector<std::unique_ptr<io::File>>& files() const override { return files_; }

 private:
  std::vector<std::unique_ptr<io::File>> files_;
  std::uint64_t size_;
  Identity identity_;
};

/// Writes a dynamic VHD: footer, dynamic header, BAT, blocks in the order of the disk, footer.
/// Blocks of zeros are left out; other zeros are holes. The data of each block lie at a multiple of
/// 4096 bytes, so that a file system can share them; all readers met take the gap in front.
///
/// Memory: a bit for each block, 128 KiB at most.
class DynamicWriter : public disk::DiskWriter {
 public:
  /// Requires: `file` is new and empty; require_fits(); `size` is a multiple of kSectorBytes.
  DynamicWriter(std::unique_ptr<io::File> file, std::uint64_t size, const Identity& identity = {});
  void encode(disk::EncodedChunk& chunk) const override;
  void place(disk::EncodedChunk& chunk) override;
  void finish(const disk::ContentDigest& content) override;
  const std::vector<std::unique_ptr<io::File>>& files() const override { return files_; }

 private:
  std::uint64_t bitmap_offset(std::uint64_t rank) const;
  void add_block(std::uint64_t block);
  void write_table() const;

  std::vector<std::unique_ptr<io::File>> files_;
  std::uint64_t size_;
  Identity identity_;
  std::vector<bool> is_stored_;  // each block of the disk
  std::uint64_t stored_ = 0;     // how many of them
};

}  // namespace seabag::vhd
