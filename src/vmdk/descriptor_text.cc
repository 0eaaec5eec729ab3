// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/endian.h"
#include "base/hex.h"
#include "vmdk/descriptor.h"

namespace seabag::vmdk {
namespace {

struct Geometry {
  std::uint64_t cylinders = 0;
  std::uint32_t heads = 0;
  std::uint32_t sectors = 0;
};

// IDE: as QEMU and VirtualBox have it; SCSI: as open-vmdk.
Geometry geometry_of(Adapter adapter, std::uint64_t size) {
  const std::uint64_t sectors = size / disk::kSectorBytes;
  if (adapter == Adapter::kIde) {
    constexpr std::uint64_t kTrack = 16ULL * 63;
    return {std::clamp<std::uint64_t>(sectors / kTrack, 1, 16383), 16, 63};
  }
  constexpr std::uint64_t kTrack = 255ULL * 63;
  return {std::min<std::uint64_t>((sectors + kTrack - 1) / kTrack, 65535), 255, 63};
}

struct AdapterName {
  Adapter adapter;
  std::string_view name;
};

constexpr std::array kAdapterNames = {
    AdapterName{Adapter::kLsilogic, "lsilogic"}, AdapterName{Adapter::kBuslogic, "buslogic"},
    AdapterName{Adapter::kIde, "ide"}, AdapterName{Adapter::kLegacyEsx, "legacyESX"}};

std::string line_of(const ExtentLine& extent) {
  if (extent.type == ExtentType::kFlat) {
    return fmt::format("RW {} FLAT \"{}\" {}\n", extent.sectors, extent.file,
                       extent.offset_sectors);
  }
  return fmt::format("RW {} SPARSE \"{}\"\n", extent.sectors, extent.file);
}

}  // namespace

std::string_view name_of(Adapter adapter) {
  return std::ranges::find(kAdapterNames, adapter, &AdapterName::adapter)->name;
}

std::optional<Adapter> find_adapter(std::string_view name) {
  const auto* found = std::ranges::find(kAdapterNames, name, &AdapterName::name);
  if (found == kAdapterNames.end()) return std::nullopt;
  return found->adapter;
}

std::string adapter_names() {
  std::vector<std::string_view> names;
  for (const AdapterName& row : kAdapterNames) names.push_back(row.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

// QEMU finds a descriptor file by "version=" behind the comments, and VirtualBox wants the keys
// before the extents before the data base.
std::string descriptor_text(const DescriptorFields& fields) {
  std::string extents;
  for (const ExtentLine& extent : fields.extents) extents += line_of(extent);
  const Geometry geometry = geometry_of(fields.adapter, fields.size);
  // 32 digits of which the last 8 are the CID, as open-vmdk writes it.
  const auto& content = fields.content.raw();
  const std::string long_id =
      to_hex(std::span(content).subspan(4, 12)) + fmt::format("{:08x}", fields.cid);
  return fmt::format(
      "# Disk DescriptorFile\n"
      "version=1\n"
      "encoding=\"UTF-8\"\n"
      "CID={:08x}\n"
      "parentCID=ffffffff\n"
      "createType=\"{}\"\n"
      "\n"
      "# Extent description\n"
      "{}"
      "\n"
      "# The Disk Data Base\n"
      "#DDB\n"
      "\n"
      "ddb.adapterType = \"{}\"\n"
      "ddb.geometry.cylinders = \"{}\"\n"
      "ddb.geometry.heads = \"{}\"\n"
      "ddb.geometry.sectors = \"{}\"\n"
      "ddb.longContentID = \"{}\"\n"
      "ddb.virtualHWVersion = \"4\"\n",
      fields.cid, fields.create_type, extents, name_of(fields.adapter), geometry.cylinders,
      geometry.heads, geometry.sectors, long_id);
}

std::uint32_t cid_of(const disk::ContentDigest& content) {
  const auto cid = load_big_endian<std::uint32_t>(content.raw(), 0);
  return is_cid(cid) ? cid : cid & 0x7FFFFFFFU;
}

}  // namespace seabag::vmdk
