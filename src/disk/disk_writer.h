// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "disk/content_digest.h"
#include "io/bytes.h"
#include "io/file_system.h"

namespace seabag::disk {

/// One chunk of a disk on its way into a container format.
struct EncodedChunk {
  /// Bytes to be written as they are.
  struct Piece {
    std::span<const std::byte> bytes;  ///< of `data` or of `buffer`
    std::uint64_t disk_offset = 0;     ///< of the first guest byte that they stand for
    std::uint32_t file = 0;            ///< position in DiskWriter::files(); set by place()
    std::uint64_t offset = 0;          ///< in that file; set by place()
  };

  std::uint64_t offset = 0;         ///< in the disk; a multiple of kChunkBytes
  std::span<const std::byte> data;  ///< what the guest sees: kChunkBytes, fewer in the last chunk
  io::Bytes buffer;                 ///< for formats that store other bytes than `data`
  std::vector<Piece> pieces;        ///< ascending by disk_offset
};

/// Writes one disk in one container format, in files that the caller created empty.
///
/// The bytes of the files depend on the disk alone, not on the number of threads: encode() has no
/// memory, and place() is called in the order of the disk.
///
/// Order:   for each chunk that is not all zeros: encode(), place() in ascending order of
///          `offset`, then its pieces are written to where place() said. finish() last, once.
///          Chunks of zeros may be left out.
/// Errors:  those of io::File.
/// Threads: encode() may run concurrently with everything; place() and finish() one at a time.
class DiskWriter {
 public:
  virtual ~DiskWriter() = default;
  /// Fills `pieces`, and `buffer` where the format needs it, from `data`.
  virtual void encode(EncodedChunk& chunk) const = 0;
  /// Says where each piece goes, and writes what the format has between chunks.
  virtual void place(EncodedChunk& chunk) = 0;
  /// Writes tables and headers, and sets the sizes of the files. Identifiers (UUID, CID) come from
  /// `content`. Does not sync.
  virtual void finish(const ContentDigest& content) = 0;
  virtual const std::vector<std::unique_ptr<io::File>>& files() const = 0;
};

}  // namespace seabag::disk
