// SPDX-License-Identifier: Apache-2.0
#include "conversion/formats.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "disk/raw_disk.h"
#include "vhd/vhd.h"
#include "vmdk/vmdk.h"

namespace seabag::conversion {
namespace {

struct SourceName {
  SourceFormat format;
  std::string_view name;
};

constexpr std::array kSourceNames = {
    SourceName{SourceFormat::kRaw, "raw"}, SourceName{SourceFormat::kQcow2, "qcow2"},
    SourceName{SourceFormat::kVhd, "vhd"}, SourceName{SourceFormat::kVhdx, "vhdx"},
    SourceName{SourceFormat::kVmdk, "vmdk"}};

struct OutputName {
  OutputFormat format;
  std::string_view name;
};

constexpr std::array kOutputNames = {OutputName{OutputFormat::kRaw, "raw"},
                                     OutputName{OutputFormat::kVhd, "vhd"},
                                     OutputName{OutputFormat::kVhdFixed, "vhd-fixed"},
                                     OutputName{OutputFormat::kVmdk, "vmdk"},
                                     OutputName{OutputFormat::kVmdkSparse, "vmdk-sparse"},
                                     OutputName{OutputFormat::kVmdkFlat, "vmdk-flat"},
                                     OutputName{OutputFormat::kVmdk2Gb, "vmdk-2gb"}};

template <class Rows>
std::string names_in(const Rows& rows) {
  std::vector<std::string_view> names;
  for (const auto& row : rows) names.push_back(row.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

vmdk::Subformat subformat_of(OutputFormat format) {
  switch (format) {
    case OutputFormat::kVmdkSparse:
      return vmdk::Subformat::kMonolithicSparse;
    case OutputFormat::kVmdkFlat:
      return vmdk::Subformat::kMonolithicFlat;
    case OutputFormat::kVmdk2Gb:
      return vmdk::Subformat::kTwoGbMaxExtentSparse;
    default:
      return vmdk::Subformat::kStreamOptimized;
  }
}

}  // namespace

std::string_view name_of(SourceFormat format) {
  return std::ranges::find(kSourceNames, format, &SourceName::format)->name;
}

std::optional<SourceFormat> find_source_format(std::string_view name) {
  const auto* found = std::ranges::find(kSourceNames, name, &SourceName::name);
  if (found == kSourceNames.end()) return std::nullopt;
  return found->format;
}

std::string_view name_of(OutputFormat format) {
  return std::ranges::find(kOutputNames, format, &OutputName::format)->name;
}

std::optional<OutputFormat> find_output_format(std::string_view name) {
  const auto* found = std::ranges::find(kOutputNames, name, &OutputName::name);
  if (found == kOutputNames.end()) return std::nullopt;
  return found->format;
}

SourceFormat source_format_of(OutputFormat format) {
  switch (format) {
    case OutputFormat::kRaw:
      return SourceFormat::kRaw;
    case OutputFormat::kVhd:
    case OutputFormat::kVhdFixed:
      return SourceFormat::kVhd;
    default:
      return SourceFormat::kVmdk;
  }
}

std::string output_format_names() {
  return names_in(kOutputNames);
}

std::string source_format_names() {
  return names_in(kSourceNames);
}
void require_fits(OutputFormat format, std::uint64_t size) {
  switch (format) {
    case OutputFormat::kRaw:
      return;
    case OutputFormat::kVhd:
      return vhd::require_fits(vhd::Subformat::kDynamic, size);
    case OutputFormat::kVhdFixed:
      return vhd::require_fits(vhd::Subformat::kFixed, size);
    default:
      return vmdk::require_fits(subformat_of(format), size);
  }
}

void require_holds(OutputFormat format, const Identity& identity) {
  const SourceFormat holder = source_format_of(format);
  for (const auto& [key, value] : options_of(identity)) {
    const bool is_of_vmdk = key == "adapter" || key == "cid";
    if (holder == (is_of_vmdk ? SourceFormat::kVmdk : SourceFormat::kVhd)) continue;
    throw Error(Code::kUsage, fmt::format("{} has no place for {}={}", name_of(format), key, value))
        .add_next_step(fmt::format(
            "leave out {}=, or pass format={}", key,
            is_of_vmdk ? "vmdk, vmdk-sparse, vmdk-flat or vmdk-2gb" : "vhd or vhd-fixed"));
  }
}

std::vector<std::string> file_names(OutputFormat format, const std::string& name,
                                    std::uint64_t size) {
  switch (format) {
    case OutputFormat::kRaw:
      return {name + ".raw"};
    case OutputFormat::kVhd:
    case OutputFormat::kVhdFixed:
      return {name + ".vhd"};
    default:
      return vmdk::file_names(subformat_of(format), name, size);
  }
}

std::unique_ptr<disk::DiskWriter> create_writer(OutputFormat format,
                                                std::vector<std::unique_ptr<io::File>> files,
                                                std::uint64_t size, const Identity& identity) {
  const vhd::Identity of_vhd = {.unique_id = identity.uuid,
                                .timestamp = identity.timestamp.value_or(0)};
  check(!files.empty(), "a disk has files");
  switch (format) {
    case OutputFormat::kRaw:
      return std::make_unique<disk::RawWriter>(std::move(files.front()), size);
    case OutputFormat::kVhd:
      return std::make_unique<vhd::DynamicWriter>(std::move(files.front()), size, of_vhd);
    case OutputFormat::kVhdFixed:
      return std::make_unique<vhd::FixedWriter>(std::move(files.front()), size, of_vhd);
    default:
      return vmdk::create_writer(
          subformat_of(format), std::move(files), size,
          {.adapter = identity.adapter.value_or(vmdk::Adapter::kLsilogic), .cid = identity.cid});
  }
}

}  // namespace seabag::conversion
