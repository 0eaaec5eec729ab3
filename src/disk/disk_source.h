// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/blob_source.h"
#include "io/file_system.h"

namespace seabag::disk {

inline constexpr std::uint32_t kSectorBytes = 512;

/// Disks are read, hashed, encoded and written in chunks of so many bytes, each at a multiple of
/// it. format-spec/disk.md fixes the number: a chunk is a leaf of the content digest.
inline constexpr std::uint32_t kChunkBytes = 1U << 20U;

/// A run of a disk. Without data it reads as zeros, and need not be read.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool has_data = false;

  friend bool operator==(const Extent&, const Extent&) = default;
};

/// Where a run of a disk lies unchanged in a file, so that a file system may share it.
struct StoredRange {
  const io::File* file = nullptr;
  std::uint64_t offset = 0;  ///< in the file
  std::uint64_t length = 0;  ///< from the asked offset on
};

/// A virtual disk as its guest sees it, whatever the container format.
///
/// Shapes:  size() is a multiple of kSectorBytes. read_at() gives zeros where nothing is stored.
/// Errors:  read_at() also kMalformed, naming the file, the structure and the value, when the
///          container turns out to be damaged there.
/// Threads: const methods may run concurrently.
class DiskSource : public io::BlobSource {
 public:
  /// The run that begins at `offset`, as long as is cheap to tell. Requires: offset < size().
  /// What has data may still be all zeros; what has none reads as zeros.
  virtual Extent extent_at(std::uint64_t offset) const = 0;
  /// Where the bytes from `offset` on lie as they are; nothing if they are stored in another form.
  virtual std::optional<StoredRange> stored_at(std::uint64_t /*offset*/) const {
    return std::nullopt;
  }
  /// What the user should know about the container, a sentence each; harmless text.
  virtual std::vector<std::string> warnings() const { return {}; }
};

}  // namespace seabag::disk
