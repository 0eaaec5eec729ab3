// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/bytes.h"
#include "vhdx/crc32c.h"
#include "vhdx/header_section_internal.h"

namespace seabag::vhdx {
namespace {

constexpr std::uint64_t kHeaderOffsets[] = {64U << 10U, 128U << 10U};
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::uint64_t kRegionTableOffsets[] = {192U << 10U, 256U << 10U};
constexpr std::size_t kRegionTableBytes = 64U << 10U;
constexpr std::size_t kRegionTableHeadBytes = 16;
constexpr std::size_t kRegionEntryBytes = 32;

constexpr Guid kBlockTableRegion = {0x2DC27766, 0xF623, 0x4200, 0x9D64115E9BFD4A08};
constexpr Guid kMetadataRegion = {0x8B7CA206, 0x4790, 0x4B9A, 0xB8FE575F050F886E};

// Both structures have a signature of 4 bytes, and after it a checksum over all, itself as zero.
bool is_intact(io::Bytes& bytes, std::string_view signature) {
  if (!io::text_of(bytes).starts_with(signature)) return false;
  const auto stored = load_little_endian<std::uint32_t>(bytes, 4);
  store_little_endian(std::span(bytes), 4, std::uint32_t{0});
  const bool matches = crc32c(bytes) == stored;
  store_little_endian(std::span(bytes), 4, stored);
  return matches;
}

class HeaderSectionReader {
 public:
  HeaderSectionReader(const io::File& file, disk::ClaimedRanges& claims)
      : file_(file), claims_(claims) {}

  HeaderSection read() {
    if (file_.size() < kUnitBytes) {
      throw malformed(
          fmt::format("has {} bytes, the header section alone has {}", file_.size(), kUnitBytes));
    }
    std::array<std::byte, 8> mark = {};
    file_.read_at(0, mark);
    if (io::text_of(mark) != "vhdxfile") {
      throw malformed("does not begin with the mark of a VHDX, \"vhdxfile\"");
    }
    claims_.claim(0, kUnitBytes, "header section");
    read_header(current_header());
    read_regions(first_intact_region_table());
    return std::move(section_);
  }

 private:
  [[nodiscard]] Error malformed(std::string_view text) const {
    return {Code::kMalformed, fmt::format("{}: {}", quoted(file_.path()), text)};
  }
  [[nodiscard]] Error unsupported(std::string_view text) const {
    return {Code::kUnsupported, fmt::format("{}: {}", quoted(file_.path()), text)};
  }

  std::optional<io::Bytes> read_intact(std::uint64_t offset, std::size_t size,
                                       std::string_view signature) const {
    io::Bytes bytes(size);
    file_.read_at(offset, bytes);
    if (!is_intact(bytes, signature)) return std::nullopt;
    return bytes;
  }

  // Headers are written in turn, so that one is whole at any time; the later one counts.
  io::Bytes current_header() const {
    auto first = read_intact(kHeaderOffsets[0], kHeaderBytes, "head");
    auto second = read_intact(kHeaderOffsets[1], kHeaderBytes, "head");
    if (!first && !second) {
      throw malformed(
          fmt::format("neither the header at {} nor the one at {} is intact (signature "
                      "or checksum)",
                      kHeaderOffsets[0], kHeaderOffsets[1]));
    }
    if (!first) return *std::move(second);
    if (!second) return *std::move(first);
    const auto first_number = load_little_endian<std::uint64_t>(*first, 8);
    const auto second_number = load_little_endian<std::uint64_t>(*second, 8);
    if (first_number == second_number && *first != *second) {
      throw malformed(
          fmt::format("both headers have sequence number {}, but they differ", first_number));
    }
    return first_number >= second_number ? *std::move(first) : *std::move(second);
  }

  void read_header(const io::Bytes& bytes) {
    const auto log_version = load_little_endian<std::uint16_t>(bytes, 64);
    const auto version = load_little_endian<std::uint16_t>(bytes, 66);
    if (version != 1 || log_version != 0) {
      throw unsupported(
          fmt::format("version {} with a log of version {}, this build reads 1 with 0", version,
                      log_version))
          .add_next_step("convert it with the program that wrote it, to VHD or VHDX version 1");
    }
    section_.log.guid = load_guid(bytes, 48);
    section_.log.region = {load_little_endian<std::uint64_t>(bytes, 72),
                           load_little_endian<std::uint32_t>(bytes, 68)};
    if (section_.log.region.length > 0) claim(section_.log.region, "log");
  }

  void claim(const Region& region, const std::string& what) {
    if (region.offset < kUnitBytes || region.offset % kUnitBytes != 0 || region.length == 0 ||
        region.length % kUnitBytes != 0) {
      throw malformed(
          fmt::format("{}: {} bytes at {}, expected multiples of 1 MiB behind the first", what,
                      region.length, region.offset));
    }
    claims_.claim(region.offset, region.length, what);
  }

  io::Bytes first_intact_region_table() {
    auto table = read_intact(kRegionTableOffsets[0], kRegionTableBytes, "regi");
    if (table) return *std::move(table);
    table = read_intact(kRegionTableOffsets[1], kRegionTableBytes, "regi");
    if (!table) {
      throw malformed(
          fmt::format("neither the region table at {} nor the one at {} is intact "
                      "(signature or checksum)",
                      kRegionTableOffsets[0], kRegionTableOffsets[1]));
    }
    section_.warnings.push_back(
        fmt::format("{}: the region table at {} is damaged, its copy at {} is used",
                    quoted(file_.path()), kRegionTableOffsets[0], kRegionTableOffsets[1]));
    return *std::move(table);
  }

  void read_regions(const io::Bytes& table) {
    const auto count = load_little_endian<std::uint32_t>(table, 8);
    if (count > limits::kVhdxTableEntries) {
      throw malformed(fmt::format("a region table of {} entries, at most {} are allowed", count,
                                  limits::kVhdxTableEntries));
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      read_region(table, kRegionTableHeadBytes + i * kRegionEntryBytes);
    }
    if (section_.block_table.length == 0) throw malformed("has no region of the block table");
    if (section_.metadata.length == 0) throw malformed("has no region of the metadata");
  }

  void read_region(const io::Bytes& table, std::size_t at) {
    const Guid guid = load_guid(table, at);
    const Region region = {load_little_endian<std::uint64_t>(table, at + 16),
                           load_little_endian<std::uint32_t>(table, at + 24)};
    Region* known = guid == kBlockTableRegion ? &section_.block_table
                    : guid == kMetadataRegion ? &section_.metadata
                                              : nullptr;
    const bool is_required = (load_little_endian<std::uint32_t>(table, at + 28) & 1U) != 0;
    if (known == nullptr && is_required) {
      throw unsupported(
          fmt::format("needs the region {}, which this build does not know", text_of(guid)))
          .add_next_step("convert it with the program that wrote it");
    }
    if (known != nullptr && known->length != 0) {
      throw malformed(fmt::format("has the region {} twice", text_of(guid)));
    }
    claim(region, fmt::format("region {}", text_of(guid)));
    if (known != nullptr) *known = region;
  }

  const io::File& file_;
  disk::ClaimedRanges& claims_;
  HeaderSection section_;
};

}  // namespace

HeaderSection read_header_section(const io::File& file, disk::ClaimedRanges& claims) {
  return HeaderSectionReader(file, claims).read();
}

}  // namespace seabag::vhdx
