// SPDX-License-Identifier: Apache-2.0
#include "vmdk/header.h"

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/bytes.h"

namespace seabag::vmdk {
namespace {

constexpr std::string_view kMagic = "KDMV";
constexpr std::string_view kNewlineBytes = "\n \r\n";

// Field offsets. Source: VMware Virtual Disk Format 5.0, "Hosted Sparse Extent Header".
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kFlagsAt = 8;
constexpr std::size_t kCapacityAt = 12;
constexpr std::size_t kGrainSectorsAt = 20;
constexpr std::size_t kDescriptorSectorAt = 28;
constexpr std::size_t kDescriptorSectorsAt = 36;
constexpr std::size_t kTableEntriesAt = 44;
constexpr std::size_t kRedundantDirectoryAt = 48;
constexpr std::size_t kDirectoryAt = 56;
constexpr std::size_t kOverheadAt = 64;
constexpr std::size_t kUncleanAt = 72;
constexpr std::size_t kNewlineAt = 73;
constexpr std::size_t kCompressionAt = 77;

// Bits 3 to 15 are said to be harmless to who does not know them (open-vmdk).
constexpr std::uint32_t kIncompatibleFlags = 0xFFFC0000;
constexpr std::uint32_t kMaxVersion = 3;
constexpr std::uint16_t kDeflate = 1;

void require_known_flags(const SparseHeader& header, std::uint16_t compression) {
  if ((header.flags & kIncompatibleFlags) != 0) {
    throw Error(
        Code::kUnsupported,
        fmt::format("header: flags {:#010x} have bits that this build does not know ({:#x})",
                    header.flags, header.flags & kIncompatibleFlags));
  }
  const bool is_compressed = header.has(kIsCompressed);
  if (header.has(kHasMarkers) && !is_compressed) {
    throw Error(
        Code::kMalformed,
        fmt::format("header: flags {:#010x} say markers without compression", header.flags));
  }
  if (is_compressed && !header.has(kHasMarkers)) {
    throw Error(
        Code::kUnsupported,
        fmt::format("header: flags {:#010x} say compressed grains without markers", header.flags));
  }
  if (compression > kDeflate) {
    throw Error(Code::kUnsupported, fmt::format("header: compression algorithm {}, expected 0 "
                                                "(none) or 1 (deflate)",
                                                compression));
  }
  if (is_compressed != (compression == kDeflate)) {
    // QEMU goes by the algorithm, others by the flag: they would read two different disks.
    throw Error(Code::kMalformed,
                fmt::format("header: compression algorithm {} contradicts the flags {:#010x}",
                            compression, header.flags));
  }
}

void require_readable_sizes(const SparseHeader& header, std::uint32_t table_entries) {
  const std::uint64_t grain = header.grain_sectors;
  if (!std::has_single_bit(grain)) {
    throw Error(Code::kMalformed,
                fmt::format("header: grains of {} sectors, expected a power of two", grain));
  }
  if (grain > limits::kVmdkGrainSectors ||
      (header.has(kIsCompressed) && header.grain_bytes() > limits::kVmdkCompressedGrainBytes)) {
    throw Error(Code::kUnsupported,
                fmt::format("header: grains of {} sectors are larger than this build reads "
                            "(at most {}, compressed {})",
                            grain, limits::kVmdkGrainSectors,
                            limits::kVmdkCompressedGrainBytes / kSectorBytes));
  }
  if (table_entries != kTableEntries) {
    throw Error(Code::kMalformed, fmt::format("header: {} entries in a grain table, expected {}",
                                              table_entries, kTableEntries));
  }
  if (header.capacity == 0) {
    throw Error(Code::kMalformed, "header: a capacity of 0 sectors");
  }
  if (header.capacity > limits::kVmdkDiskBytes / kSectorBytes ||
      header.tables() > limits::kVmdkTables) {
    throw Error(Code::kUnsupported,
                fmt::format("header: a capacity of {} sectors in grains of {} is more than this "
                            "build reads (at most {} sectors in {} grain tables)",
                            header.capacity, grain, limits::kVmdkDiskBytes / kSectorBytes,
                            limits::kVmdkTables));
  }
}

}  // namespace

Signature signature_of(std::span<const std::byte> begin) {
  const std::string_view text = io::text_of(begin);
  if (text.starts_with(kMagic)) return Signature::kSparse;
  if (text.starts_with("COWD")) return Signature::kCowd;
  if (text.starts_with("\xBE\xBA\xFE\xCA")) return Signature::kSeSparse;
  // VirtualBox knows four spellings of the first line, which differ in their blanks.
  std::string line;
  for (const char c : text.substr(0, text.find_first_of("\r\n"))) {
    if (c != ' ') line += c;
  }
  if (to_lower(line) == "#diskdescriptorfile") return Signature::kText;
  return Signature::kUnknown;
}

SectorBytes encode_header(const SparseHeader& header) {
  SectorBytes sector = {};
  std::ranges::copy(io::bytes_of(kMagic), sector.begin());
  store_little_endian(sector, kVersionAt, header.version);
  store_little_endian(sector, kFlagsAt, header.flags);
  store_little_endian(sector, kCapacityAt, header.capacity);
  store_little_endian(sector, kGrainSectorsAt, header.grain_sectors);
  store_little_endian(sector, kDescriptorSectorAt, header.descriptor_sector);
  store_little_endian(sector, kDescriptorSectorsAt, header.descriptor_sectors);
  store_little_endian(sector, kTableEntriesAt, kTableEntries);
  store_little_endian(sector, kRedundantDirectoryAt, header.redundant_directory_sector);
  store_little_endian(sector, kDirectoryAt, header.directory_sector);
  store_little_endian(sector, kOverheadAt, header.overhead_sectors);
  sector[kUncleanAt] = std::byte{static_cast<unsigned char>(header.is_unclean ? 1 : 0)};
  std::ranges::copy(io::bytes_of(kNewlineBytes), sector.begin() + kNewlineAt);
  store_little_endian(sector, kCompressionAt,
                      header.has(kIsCompressed) ? kDeflate : std::uint16_t{0});
  return sector;
}

SparseHeader decode_header(std::span<const std::byte> sector) {
  check(sector.size() == kSectorBytes, "a header is one sector");
  if (signature_of(sector) != Signature::kSparse) {
    throw Error(Code::kMalformed, "no sparse extent: does not begin with \"KDMV\"");
  }
  SparseHeader header;
  header.version = load_little_endian<std::uint32_t>(sector, kVersionAt);
  header.flags = load_little_endian<std::uint32_t>(sector, kFlagsAt);
  header.capacity = load_little_endian<std::uint64_t>(sector, kCapacityAt);
  header.grain_sectors = load_little_endian<std::uint64_t>(sector, kGrainSectorsAt);
  header.descriptor_sector = load_little_endian<std::uint64_t>(sector, kDescriptorSectorAt);
  header.descriptor_sectors = load_little_endian<std::uint64_t>(sector, kDescriptorSectorsAt);
  header.redundant_directory_sector =
      load_little_endian<std::uint64_t>(sector, kRedundantDirectoryAt);
  header.directory_sector = load_little_endian<std::uint64_t>(sector, kDirectoryAt);
  header.overhead_sectors = load_little_endian<std::uint64_t>(sector, kOverheadAt);
  header.is_unclean = sector[kUncleanAt] != std::byte{0};

  if (header.version == 0 || header.version > kMaxVersion) {
    throw Error(Code::kUnsupported, fmt::format("header: version {}, this build reads 1 to {}",
                                                header.version, kMaxVersion));
  }
  const std::string_view newline = io::text_of(sector.subspan(kNewlineAt, kNewlineBytes.size()));
  if (header.has(kHasNewlineBytes) && newline != kNewlineBytes) {
    throw Error(Code::kMalformed,
                "header: damaged by a transfer as text: its newline bytes changed")
        .add_next_step("copy the file again in binary mode");
  }
  require_known_flags(header, load_little_endian<std::uint16_t>(sector, kCompressionAt));
  require_readable_sizes(header, load_little_endian<std::uint32_t>(sector, kTableEntriesAt));
  return header;
}

SectorBytes encode_marker(MarkerType type, std::uint64_t sectors) {
  SectorBytes sector = {};
  store_little_endian(sector, 0, sectors);
  store_little_endian(sector, GrainMarker::kBytes, static_cast<std::uint32_t>(type));
  return sector;
}

bool is_marker(std::span<const std::byte> sector, MarkerType type, std::uint64_t sectors) {
  const auto expected = encode_marker(type, sectors);
  constexpr std::size_t kUsedBytes = GrainMarker::kBytes + sizeof(MarkerType);
  return std::ranges::equal(sector.first(kUsedBytes), std::span(expected).first(kUsedBytes));
}

void encode_grain_marker(const GrainMarker& marker, std::span<std::byte> out) {
  store_little_endian(out, 0, marker.guest_sector);
  store_little_endian(out, 8, marker.length);
}

GrainMarker decode_grain_marker(std::span<const std::byte> bytes) {
  return {.guest_sector = load_little_endian<std::uint64_t>(bytes, 0),
          .length = load_little_endian<std::uint32_t>(bytes, 8)};
}

}  // namespace seabag::vmdk
