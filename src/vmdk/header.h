// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "disk/disk_source.h"

namespace seabag::vmdk {

using disk::kSectorBytes;
using SectorBytes = std::array<std::byte, kSectorBytes>;

/// Entries of a grain table, and its sectors: no writer uses another number.
inline constexpr std::uint32_t kTableEntries = 512;
inline constexpr std::uint32_t kTableSectors = kTableEntries * 4 / kSectorBytes;
/// What we write: grains of 64 KiB, so that a table covers 32 MiB.
inline constexpr std::uint64_t kGrainSectors = 128;
inline constexpr std::uint64_t kGrainBytes = kGrainSectors * kSectorBytes;
inline constexpr std::uint64_t kTableReach = kTableEntries * kGrainBytes;
/// Room for an embedded descriptor, as QEMU and VMware leave it: VirtualBox adds lines in place.
inline constexpr std::uint64_t kDescriptorSectors = 20;

/// Source: VMware Virtual Disk Format 5.0, "Hosted Sparse Extent Header"; zero grains: open-vmdk.
inline constexpr std::uint32_t kHasNewlineBytes = 1U << 0U;
inline constexpr std::uint32_t kHasRedundantDirectory = 1U << 1U;
inline constexpr std::uint32_t kHasZeroGrains = 1U << 2U;
inline constexpr std::uint32_t kIsCompressed = 1U << 16U;
inline constexpr std::uint32_t kHasMarkers = 1U << 17U;

/// Directory sector of a header whose directory stands in the footer at the end of the stream.
inline constexpr std::uint64_t kDirectoryAtEnd = ~0ULL;

/// The header of a sparse extent, and the footer of a stream. Units: sectors of the extent.
struct SparseHeader {
  std::uint32_t version = 1;
  std::uint32_t flags = 0;
  std::uint64_t capacity = 0;  ///< of the guest's sectors
  std::uint64_t grain_sectors = kGrainSectors;
  std::uint64_t descriptor_sector = 0;
  std::uint64_t descriptor_sectors = 0;  ///< 0: none is embedded
  std::uint64_t redundant_directory_sector = 0;
  std::uint64_t directory_sector = 0;
  std::uint64_t overhead_sectors = 0;
  bool is_unclean = false;

  bool has(std::uint32_t flag) const { return (flags & flag) != 0; }
  std::uint64_t grain_bytes() const { return grain_sectors * kSectorBytes; }
  std::uint64_t grains() const { return (capacity + grain_sectors - 1) / grain_sectors; }
  std::uint64_t tables() const { return (grains() + kTableEntries - 1) / kTableEntries; }
  friend bool operator==(const SparseHeader&, const SparseHeader&) = default;
};

/// What a file begins with; its first kSignatureBytes tell.
inline constexpr std::size_t kSignatureBytes = 64;
enum class Signature { kSparse, kText, kCowd, kSeSparse, kUnknown };
Signature signature_of(std::span<const std::byte> begin);

SectorBytes encode_header(const SparseHeader& header);

/// Everything that a header alone can be held against; what it points to is the caller's.
/// Requires: kSectorBytes bytes.
/// Errors: kMalformed; kUnsupported for versions, flags and sizes that this build does not read.
SparseHeader decode_header(std::span<const std::byte> sector);

/// Record types of a stream. Source: VMware Virtual Disk Format 5.0, "Markers".
enum class MarkerType : std::uint32_t {
  kEndOfStream = 0,
  kGrainTable = 1,
  kGrainDirectory = 2,
  kFooter = 3,
};

/// The sector before `sectors` sectors of metadata.
SectorBytes encode_marker(MarkerType type, std::uint64_t sectors);
/// Is `sector` just that marker? Requires: kSectorBytes bytes.
bool is_marker(std::span<const std::byte> sector, MarkerType type, std::uint64_t sectors);

/// What precedes the bytes of a compressed grain.
struct GrainMarker {
  static constexpr std::size_t kBytes = 12;

  std::uint64_t guest_sector = 0;
  std::uint32_t length = 0;  ///< of the zlib stream
};
void encode_grain_marker(const GrainMarker& marker, std::span<std::byte> out);
GrainMarker decode_grain_marker(std::span<const std::byte> bytes);

/// Bytes that a compressed grain may take with its marker: a sector more than the grain, which are
/// the 129 sectors that open-vmdk and VirtualBox have room for.
constexpr std::uint64_t max_record_bytes(std::uint64_t grain_bytes) {
  return grain_bytes + kSectorBytes;
}

}  // namespace seabag::vmdk
