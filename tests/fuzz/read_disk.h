// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "disk/disk_source.h"
#include "harness.h"
#include "io/bytes.h"
#include "testing/memory_file.h"

namespace seabag::fuzz {

// A few bytes may claim a disk of terabytes, all of it data: what is read of one is bounded.
inline constexpr std::uint64_t kRangeBytes = 64U << 20U;  // at the beginning, and at the end
inline constexpr std::uint64_t kDataBytes = 1U << 20U;    // in each of the two
inline constexpr int kExtents = 1000;                     // the same
inline constexpr std::uint64_t kPartBytes = 64U << 10U;   // that are read at once

inline std::unique_ptr<testing::MemoryFile> memory_file(std::span<const std::byte> bytes) {
  return std::make_unique<testing::MemoryFile>(io::Bytes(bytes.begin(), bytes.end()));
}

// By the C library, in which the fuzzer does not watch each comparison.
inline bool are_equal(std::span<const std::byte> one, std::span<const std::byte> other) {
  return one.size() == other.size() && std::memcmp(one.data(), other.data(), one.size()) == 0;
}

inline bool are_zeros(std::span<const std::byte> bytes) {
  return bytes.front() == std::byte{0} &&
         are_equal(bytes.subspan(1), bytes.first(bytes.size() - 1));
}

/// What all ways to ask for `length` bytes of an extent must agree on.
inline void read_part(const disk::DiskSource& disk, const disk::Extent& extent,
                      std::uint64_t offset, std::uint64_t length) {
  io::Bytes bytes(length, std::byte{0xEE});
  disk.read_at(offset, bytes);
  if (!extent.has_data) require(are_zeros(bytes), "what has no data reads as zeros");
  const auto stored = disk.stored_at(offset);
  if (stored) {
    require(stored->length > 0 && stored->length <= disk.size() - offset,
            "a stored range lies within the disk");
    io::Bytes in_file(std::min(stored->length, length));
    stored->file->read_at(stored->offset, in_file);
    require(are_equal(in_file, std::span(bytes).first(in_file.size())),
            "a stored range has the disk's bytes");
  }
  if (length < 3) return;
  io::Bytes inner(length - 2, std::byte{0xEE});  // begins and ends within a sector
  disk.read_at(offset + 1, inner);
  require(are_equal(inner, std::span(bytes).subspan(1, inner.size())),
          "a part reads as it does within the whole");
}

inline void read_range(const disk::DiskSource& disk, std::uint64_t begin, std::uint64_t end) {
  std::uint64_t data_bytes = 0;
  for (int extents = 0; begin < end && extents < kExtents && data_bytes < kDataBytes; ++extents) {
    const disk::Extent extent = disk.extent_at(begin);
    require(extent.offset == begin && extent.length > 0 && extent.length <= disk.size() - begin,
            "an extent begins where it was asked for and ends within the disk");
    const std::uint64_t length = std::min(extent.length, end - begin);
    read_part(disk, extent, begin, std::min(length, kPartBytes));
    if (length > kPartBytes) read_part(disk, extent, begin + length - kPartBytes, kPartBytes);
    if (extent.has_data) data_bytes += std::min(length, 2 * kPartBytes);
    begin += length;
  }
}

/// Reads the beginning and the end of a disk that was opened, and holds it to DiskSource's
/// promises.
inline void read_disk(const disk::DiskSource& disk) {
  require(disk.size() % disk::kSectorBytes == 0, "disks are whole sectors");
  for (const std::string& warning : disk.warnings()) {
    require(is_harmless(warning), "warnings are harmless text");
  }
  read_range(disk, 0, std::min(disk.size(), kRangeBytes));
  read_range(disk, disk.size() - std::min(disk.size(), kRangeBytes), disk.size());
}

}  // namespace seabag::fuzz
