// SPDX-License-Identifier: Apache-2.0
#include "importing/lost_disks.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "conversion/copy_disk.h"
#include "conversion/formats.h"
#include "conversion/open_disk.h"
#include "conversion/stored_format.h"

// A file of a disk may be named like another disk: web-flat.vmdk is a part of web.vmdk or the disk
// "web-flat". So shorter names come first, and what a descriptor claims is no disk of its own,
// whatever its guest wrote into it.

namespace seabag::importing {
namespace {

constexpr std::string_view kDiskDirectory = "data/disks/";
constexpr std::string_view kConfigDirectory = "data/config/disks/";

using conversion::OutputFormat;

bool has_parts(OutputFormat format) {
  return format == OutputFormat::kVmdkFlat || format == OutputFormat::kVmdk2Gb;
}

class LostDisks {
 public:
  LostDisks(io::FileSystem& files, const std::string& bag,
            const std::vector<index::PayloadFile>& payload, UtcTime read_at,
            const bundle::RebuildMeans& means)
      : files_(files), bag_(bag), payload_(payload), read_at_(read_at), means_(means) {
    for (std::uint32_t i = 0; i < payload.size(); ++i) by_path_.emplace(payload[i].path, i);
  }

  std::vector<index::DiskInfo> run() {
    std::vector<std::uint32_t> candidates;
    std::uint64_t bytes = 0;
    for (const auto& [path, file] : by_path_) {
      if (!path.starts_with(kDiskDirectory)) continue;
      candidates.push_back(file);
      bytes += payload_[file].size;
    }
    std::ranges::stable_sort(candidates, {}, [&](auto file) { return payload_[file].path.size(); });
    means_.progress.begin("reading disks", candidates.size(), bytes);
    for (const std::uint32_t file : candidates) {
      if (!claimed_.contains(file)) add(file);
    }
    means_.progress.end();
    std::ranges::sort(disks_, {}, &index::DiskInfo::name);
    return std::move(disks_);
  }

 private:
  std::string place_of(std::uint32_t file) const { return io::join(bag_, payload_[file].path); }

  OutputFormat format_of(std::uint32_t file) const {
    const auto opened = files_.open(place_of(file), io::OpenMode::kRead);
    bundle::require_checksum(*opened, payload_[file], means_);
    return conversion::stored_format_of(*opened);
  }

  // Nothing is parsed before it was held against its checksum.
  void add(std::uint32_t file) try {
    const OutputFormat format = format_of(file);
    const std::string base = io::base_name_of(payload_[file].path);
    const std::string name = base.substr(0, base.rfind('.'));
    if (!index::is_disk_name(name)) {
      throw Error(Code::kMalformed,
                  fmt::format("{} is no name of a disk", seabag::quoted(name, 80)));
    }
    require_parts(name, format);
    const auto opened =
        conversion::open_disk(files_, place_of(file), conversion::source_format_of(format));
    index::DiskInfo disk{.name = name,
                         .server = {},
                         .format = std::string(conversion::name_of(format)),
                         .size = opened.disk->size(),
                         .content = {},
                         .files = {},
                         .source = bundle::kUnknown,
                         .source_format = std::string(conversion::name_of(opened.format)),
                         .source_size = opened.disk->size(),
                         .read_at = read_at_};
    for (const std::string& part : conversion::file_names(format, name, disk.size)) {
      disk.files.push_back(require_file(part));
    }
    const auto config = by_path_.find(std::string(kConfigDirectory) + name + ".json");
    if (config != by_path_.end()) disk.config = config->second;
    disk.content = conversion::copy_disk(*opened.disk, nullptr, {.jobs = means_.jobs},
                                         means_.progress, means_.stop)
                       .content.text();
    claimed_.insert(disk.files.begin(), disk.files.end());
    disks_.push_back(std::move(disk));
    means_.progress.item_done(name);
  } catch (Error& error) {
    error.add_context(seabag::quoted(payload_[file].path));
    throw;
  }

  // A descriptor names files, which are parsed in their turn.
  void require_parts(const std::string& name, OutputFormat format) const {
    if (!has_parts(format)) return;
    for (const auto& [path, file] : by_path_) {
      if (!path.starts_with(std::string(kDiskDirectory) + name + '-')) continue;
      bundle::require_checksum(*files_.open(place_of(file), io::OpenMode::kRead), payload_[file],
                               means_);
    }
  }

  std::uint32_t require_file(const std::string& name) const {
    const auto found = by_path_.find(std::string(kDiskDirectory) + name);
    if (found != by_path_.end() && !claimed_.contains(found->second)) return found->second;
    throw Error(Code::kMalformed, fmt::format("its part {} is not there", seabag::quoted(name)));
  }

  io::FileSystem& files_;
  const std::string& bag_;
  const std::vector<index::PayloadFile>& payload_;
  UtcTime read_at_;
  const bundle::RebuildMeans& means_;
  std::map<std::string, std::uint32_t> by_path_;
  std::set<std::uint32_t> claimed_;  // files of disks that were found
  std::vector<index::DiskInfo> disks_;
};

}  // namespace

std::vector<index::DiskInfo> read_lost_disks(io::FileSystem& files, const std::string& bag,
                                             const std::vector<index::PayloadFile>& payload,
                                             UtcTime read_at, const bundle::RebuildMeans& means) {
  return LostDisks(files, bag, payload, read_at, means).run();
}

}  // namespace seabag::importing
