// SPDX-License-Identifier: Apache-2.0
#include "exporting/medium.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "conversion/formats.h"

namespace seabag::exporting {
namespace {

using conversion::OutputFormat;

constexpr const char* kSplitDisks = "pass --disk-format vmdk-2gb: its files are smaller than 2 GiB";

std::string limit_text(const std::string& directory, std::uint64_t largest) {
  return fmt::format("a file in {} can have {} ({})", seabag::quoted(directory), largest,
                     readable_size(largest));
}

bool has_known_size(OutputFormat format) {
  return format == OutputFormat::kRaw || format == OutputFormat::kVhdFixed ||
         format == OutputFormat::kVmdkFlat;
}

void require_disk_fits(const index::DiskInfo& disk, const std::string& directory,
                       std::uint64_t largest, transfer::Progress& progress) {
  const auto format = conversion::find_output_format(disk.format);
  check(format.has_value(), "a planned disk has a format that there is");
  if (*format == OutputFormat::kVmdk2Gb || disk.size < largest) return;
  if (has_known_size(*format)) {
    throw Error(Code::kMediumUnfit,
                fmt::format("disk {}: as {} its file has at least {} bytes ({}), {}", disk.name,
                            disk.format, disk.size, readable_size(disk.size),
                            limit_text(directory, largest)))
        .add_next_step(kSplitDisks);
  }
  progress.warn(fmt::format(
      "disk {}: its file may become too large: the disk has {} bytes ({}), "
      "{}; if it does, {}",
      disk.name, disk.size, readable_size(disk.size), limit_text(directory, largest), kSplitDisks));
}

}  // namespace

void require_files_fit(io::FileSystem& files, const std::string& directory,
                       const bundle::BundlePlan& plan, const std::vector<index::DiskInfo>& disks,
                       transfer::Progress& progress) {
  const std::uint64_t largest = files.largest_file(directory);
  for (const bundle::PlannedTarball& tarball : plan.tarballs) {
    const std::uint64_t size = tarball.plan.tarball_size;
    if (size <= largest) continue;
    throw Error(Code::kMediumUnfit,
                fmt::format("{} would have {} bytes ({}), {}", seabag::quoted(tarball.path), size,
                            readable_size(size), limit_text(directory, largest)))
        .add_next_step(
            fmt::format("pass --tarball-size {}, or choose another place for the bundle", largest));
  }
  for (const index::DiskInfo& disk : disks) require_disk_fits(disk, directory, largest, progress);
}

void warn_of_space(io::FileSystem& files, const std::string& bundle, std::uint64_t data,
                   transfer::Progress& progress) {
  if (data == 0) return;
  const std::string parent = io::parent_of(bundle);
  if (!files.find(parent)) return;  // which is told where the bundle is created
  const std::uint64_t available = files.available_bytes(parent);
  if (data <= available) return;
  progress.warn(fmt::format("the disks have up to {} bytes ({}) of data, {} has {} ({}) left", data,
                            readable_size(data), seabag::quoted(parent), available,
                            readable_size(available)));
}

}  // namespace seabag::exporting
