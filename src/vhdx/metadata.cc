// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <bit>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/bytes.h"
#include "vhdx/metadata_internal.h"

namespace seabag::vhdx {
namespace {

constexpr std::size_t kMetadataTableBytes = 64U << 10U;
constexpr std::size_t kMetadataEntryBytes = 32;  // as is the table's head
constexpr std::uint32_t kRequiredItem = 4;
constexpr std::uint32_t kHasParent = 2;
constexpr std::uint32_t kMinBlockBytes = 1U << 20U;
constexpr std::uint32_t kMaxBlockBytes = 256U << 20U;

constexpr Guid kFileParameters = {0xCAA16737, 0xFA36, 0x4D43, 0xB3B633F0AA44E76B};
constexpr Guid kDiskSize = {0x2FA54224, 0xCD1B, 0x4876, 0xB2115DBED83BF4B8};
constexpr Guid kLogicalSector = {0x8141BF1D, 0xA96F, 0x4709, 0xBA47F233A8FAAB5F};
constexpr Guid kParentLocator = {0xA8D35F2D, 0xB30B, 0x454D, 0xABF7D3D84834AB0C};
// Known, but not needed to read: the SCSI page 83 identifier and the physical sector size.
constexpr Guid kUnneeded[] = {{0xBECA12AB, 0xB2E6, 0x4523, 0x93EFC309E000C746},
                              {0xCDA348C7, 0x445D, 0x4471, 0x9CC9E9885251C556}};

constexpr std::string_view kMerge =
    "merge it with its parents first: Merge-VHD in Hyper-V, or Convert-VHD to a dynamic disk";

class MetadataReader {
 public:
  MetadataReader(const io::File& file, const Region& region) : file_(file), region_(region) {}

  Geometry read() {
    io::Bytes table(kMetadataTableBytes);
    file_.read_at(region_.offset, table);
    if (!io::text_of(table).starts_with("metadata")) {
      throw malformed(fmt::format("no metadata table at {}", region_.offset));
    }
    const auto count = load_little_endian<std::uint16_t>(table, 10);
    if (count > limits::kVhdxTableEntries) {
      throw malformed(fmt::format("a metadata table of {} entries, at most {} are allowed", count,
                                  limits::kVhdxTableEntries));
    }
    for (std::size_t i = 1; i <= count; ++i) {
      const auto entry = std::span(table).subspan(i * kMetadataEntryBytes, kMetadataEntryBytes);
      read_item(entry);
    }
    require_all();
    return geometry_;
  }

 private:
  [[nodiscard]] Error malformed(std::string_view text) const {
    return {Code::kMalformed, fmt::format("{}: {}", quoted(file_.path()), text)};
  }
  [[nodiscard]] Error unsupported(std::string_view text) const {
    return {Code::kUnsupported, fmt::format("{}: {}", quoted(file_.path()), text)};
  }

  void read_item(std::span<const std::byte> entry) {
    const Guid guid = load_guid(entry, 0);
    if (guid == kParentLocator) {
      throw unsupported("has a parent (parent locator): it is only what changed since")
          .add_next_step(kMerge);
    }
    const auto offset = load_little_endian<std::uint32_t>(entry, 16);
    const auto length = load_little_endian<std::uint32_t>(entry, 20);
    if (offset > region_.length || length > region_.length - offset ||
        (length > 0 && offset < kMetadataTableBytes)) {
      throw malformed(fmt::format("metadata item {}: {} bytes at {}, expected within {} to {}",
                                  text_of(guid), length, offset, kMetadataTableBytes,
                                  region_.length));
    }
    if (std::ranges::find(seen_, guid) != seen_.end()) {
      throw malformed(fmt::format("has the metadata item {} twice", text_of(guid)));
    }
    if (guid == kFileParameters) {
      read_file_parameters(item(guid, offset, length, 8));
    } else if (guid == kDiskSize) {
      geometry_.disk_size = load_little_endian<std::uint64_t>(item(guid, offset, length, 8), 0);
    } else if (guid == kLogicalSector) {
      geometry_.logical_sector_bytes =
          load_little_endian<std::uint32_t>(item(guid, offset, length, 4), 0);
    } else if (std::ranges::find(kUnneeded, guid) == std::end(kUnneeded)) {
      refuse_if_required(guid, load_little_endian<std::uint32_t>(entry, 24));
      return;
    }
    seen_.push_back(guid);
  }

  // The largest item that we read has 8 bytes.
  std::array<std::byte, 8> item(const Guid& guid, std::uint32_t offset, std::uint32_t length,
                                std::uint32_t expected) const {
    if (length != expected) {
      throw malformed(fmt::format("metadata item {} has {} bytes, expected {}", text_of(guid),
                                  length, expected));
    }
    std::array<std::byte, 8> bytes = {};
    file_.read_at(region_.offset + offset, std::span(bytes).first(expected));
    return bytes;
  }

  void read_file_parameters(const std::array<std::byte, 8>& bytes) {
    if ((load_little_endian<std::uint32_t>(bytes, 4) & kHasParent) != 0) {
      throw unsupported("has a parent (file parameters): it is only what changed since")
          .add_next_step(kMerge);
    }
    geometry_.block_bytes = load_little_endian<std::uint32_t>(bytes, 0);
  }

  void refuse_if_required(const Guid& guid, std::uint32_t flags) const {
    if ((flags & kRequiredItem) == 0) return;
    throw unsupported(
        fmt::format("needs the metadata item {}, which this build does not know", text_of(guid)))
        .add_next_step("convert it with the program that wrote it");
  }

  void require_all() const {
    for (const Guid& guid : {kFileParameters, kDiskSize, kLogicalSector}) {
      if (std::ranges::find(seen_, guid) == seen_.end()) {
        throw malformed(fmt::format("lacks the metadata item {}", text_of(guid)));
      }
    }
    if (!std::has_single_bit(geometry_.block_bytes) || geometry_.block_bytes < kMinBlockBytes ||
        geometry_.block_bytes > kMaxBlockBytes) {
      throw malformed(fmt::format("blocks of {} bytes, expected a power of two from {} to {}",
                                  geometry_.block_bytes, kMinBlockBytes, kMaxBlockBytes));
    }
    if (geometry_.logical_sector_bytes != 512 && geometry_.logical_sector_bytes != 4096) {
      throw malformed(fmt::format("logical sectors of {} bytes, expected 512 or 4096",
                                  geometry_.logical_sector_bytes));
    }
    if (geometry_.disk_size > limits::kVhdxDiskBytes ||
        geometry_.disk_size % geometry_.logical_sector_bytes != 0) {
      throw malformed(fmt::format("a disk of {} bytes, expected whole sectors of {} up to {}",
                                  geometry_.disk_size, geometry_.logical_sector_bytes,
                                  limits::kVhdxDiskBytes));
    }
  }

  const io::File& file_;
  Region region_;
  Geometry geometry_;
  std::vector<Guid> seen_;  // three to five of the items above
};

}  // namespace

Geometry read_metadata(const io::File& file, const Region& region) {
  return MetadataReader(file, region).read();
}

}  // namespace seabag::vhdx
