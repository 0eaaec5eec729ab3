// SPDX-License-Identifier: Apache-2.0
#include "exporting/disks.h"

#include <algorithm>
#include <atomic>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/landed_disk.h"
#include "conversion/copy_disk.h"
#include "conversion/open_disk.h"
#include "digest/hasher.h"
#include "exporting/medium.h"
#include "io/clean_up.h"
#include "io/user_file.h"
#include "json/json.h"

namespace seabag::exporting {
namespace {

constexpr const char* kDisks = "data/disks";
constexpr const char* kConfigs = "data/config/disks";

// Remembers whether it was the disk that failed, and not the medium that it is written to.
class WatchedDisk : public disk::DiskSource {
 public:
  explicit WatchedDisk(const disk::DiskSource& disk) : disk_(disk) {}
  bool has_failed() const { return has_failed_; }

  std::uint64_t size() const override { return disk_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    guard([&] { disk_.read_at(offset, out); });
  }
  disk::Extent extent_at(std::uint64_t offset) const override {
    disk::Extent extent;
    guard([&] { extent = disk_.extent_at(offset); });
    return extent;
  }
  std::optional<disk::StoredRange> stored_at(std::uint64_t offset) const override {
    return disk_.stored_at(offset);
  }

 private:
  template <class Work>
  void guard(Work work) const {
    try {
      work();
    } catch (const Error&) {
      has_failed_ = true;
      throw;
    }
  }

  const disk::DiskSource& disk_;
  mutable std::atomic<bool> has_failed_ = false;
};

std::uint64_t planned_size(conversion::OutputFormat format, const DiskOptions& options,
                           std::uint64_t size) {
  std::uint64_t planned = size;
  if (options.destination) {
    planned = conversion::size_for(*options.destination, format, size);
    if (planned != size && !options.fit) {
      throw Error(Code::kUsage, fmt::format("the disk has {} bytes, {} wants {}", size,
                                            conversion::name_of(*options.destination), planned))
          .add_next_step("pass --fit to put zeros behind it; what is in it stays as it is");
    }
  }
  conversion::require_fits(format, planned);
  return planned;
}

// At most: what is stored may still be zeros.
std::uint64_t data_bytes_of(const disk::DiskSource& disk) {
  std::uint64_t bytes = 0;
  for (std::uint64_t at = 0; at < disk.size();) {
    const disk::Extent extent = disk.extent_at(at);
    if (extent.has_data) bytes += extent.length;
    at += extent.length;
  }
  return bytes;
}

index::DiskInfo plan_disk(const DiskRequest& disk, const ExportRequest& request, const Means& means,
                          std::uint64_t& data_bytes) {
  const DiskOptions& options = request.disk_options;
  const auto format = disk.format.value_or(default_format(options));
  const conversion::OpenedDisk opened = conversion::open_disk(
      means.files, disk.path, disk.source_format ? disk.source_format : options.source_format);
  for (const std::string& warning : opened.disk->warnings()) means.progress.warn(warning);
  data_bytes += data_bytes_of(*opened.disk);
  conversion::require_holds(format, disk.identity);
  if (options.destination) {
    conversion::require_takes(*options.destination, disk.identity, means.now());
  }
  return {.name = disk.name,
          .server = disk.server,
          .boots = disk.boots,
          .format = std::string(conversion::name_of(format)),
          .size = planned_size(format, options, opened.disk->size()),
          .content = {},
          .files = {},
          .source = disk.uri(),
          .source_format = std::string(conversion::name_of(opened.format)),
          .source_size = opened.disk->size(),
          .read_at = means.now()};
}

std::string marker_of(const bundle::UnfinishedBundle& unfinished, const index::DiskInfo& disk) {
  return unfinished.path(fmt::format("{}/{}", bundle::kDisksDirectory, disk.name));
}

// One disk on its way into the bundle.
class DiskLanding {
 public:
  DiskLanding(const ExportRequest& request, const Means& means,
              const bundle::UnfinishedBundle& unfinished)
      : request_(request), means_(means), unfinished_(unfinished) {}

  /// `identity`: what is given for its files.
  bundle::LandedDisk run(const index::DiskInfo& disk, const conversion::Identity& identity) {
    const auto format = conversion::find_output_format(disk.format);
    check(format.has_value(), "the index knows the formats that there are");
    const std::vector<std::string> names = conversion::file_names(*format, disk.name, disk.size);
    remove(names);  // what a run that was killed left
    conversion::OpenedDisk opened =
        conversion::open_disk(means_.files, disk.source.substr(kDiskPrefix.size()),
                              conversion::find_source_format(disk.source_format));
    if (opened.disk->size() != disk.source_size) {
      throw Error(Code::kIntegrity,
                  fmt::format("{} has {} bytes, it had {} when it was planned",
                              seabag::quoted(disk.source), opened.disk->size(), disk.source_size));
    }
    if (disk.size != disk.source_size) {
      opened.disk = conversion::pad_disk(std::move(opened.disk), disk.size);
    }
    const WatchedDisk watched(*opened.disk);
    try {
      return copy(watched, *format, names, identity);
    } catch (const Error&) {
      source_failed_ = watched.has_failed();
      io::clean_up([&] { remove(names); });
      throw;
    }
  }

  // Whether what run() threw was about the disk alone.
  bool source_failed() const { return source_failed_; }

 private:
  bundle::LandedDisk copy(const disk::DiskSource& disk, conversion::OutputFormat format,
                          const std::vector<std::string>& names,
                          const conversion::Identity& identity) {
    const auto writer = conversion::create_writer(format, create(names), disk.size(), identity);
    const conversion::CopyReport report = conversion::copy_disk(
        disk, writer.get(),
        {.jobs = request_.jobs, .zero_unreadable = request_.disk_options.zero_unreadable},
        means_.progress, means_.stop);
    bundle::LandedDisk landed{.content = report.content.text(), .files = {}, .zeroed = {}};
    for (std::size_t i = 0; i < names.size(); ++i) {
      io::File& file = *writer->files()[i];
      landed.files.push_back({fmt::format("{}/{}", kDisks, names[i]), file.size(), {}});
      file.sync();
      file.close();
    }
    means_.files.sync_directory(unfinished_.path(kDisks));
    for (const conversion::ZeroedRange& range : report.zeroed) {
      landed.zeroed.push_back({range.offset, range.length});
    }
    return landed;
  }

  std::vector<std::unique_ptr<io::File>> create(const std::vector<std::string>& names) {
    std::vector<std::unique_ptr<io::File>> files;
    for (const std::string& name : names) {
      files.push_back(means_.files.open(path_of(name), io::OpenMode::kCreateNew));
    }
    return files;
  }

  void remove(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (means_.files.find(path_of(name))) means_.files.remove_file(path_of(name));
    }
  }

  std::string path_of(const std::string& name) const {
    return unfinished_.path(fmt::format("{}/{}", kDisks, name));
  }

  const ExportRequest& request_;
  const Means& means_;
  const bundle::UnfinishedBundle& unfinished_;
  bool source_failed_ = false;
};

// Whether what an earlier run landed is still there: the record is not believed. Its readers are
// made for the files of strangers.
bool is_still_there(const Means& means, int jobs, const bundle::UnfinishedBundle& unfinished,
                    const index::DiskInfo& disk, const bundle::LandedDisk& landed) try {
  for (const index::PayloadFile& file : landed.files) {
    const auto found = means.files.find(unfinished.path(file.path));
    if (!found || found->size != file.size) return false;
  }
  const auto format = conversion::find_output_format(disk.format);
  check(format.has_value() && !landed.files.empty(), "a disk that landed has a format and files");
  const conversion::OpenedDisk opened =
      conversion::open_disk(means.files, unfinished.path(landed.files.front().path),
                            conversion::source_format_of(*format));
  transfer::NoProgress quiet;
  const auto content =
      conversion::copy_disk(*opened.disk, nullptr, {.jobs = jobs}, quiet, means.stop).content;
  return content.text() == landed.content;
} catch (const Error& error) {
  if (error.code() == Code::kCancelled || error.code() == Code::kInternal) throw;
  return false;
}

void add_files(index::Index& plan, index::DiskInfo& disk, bundle::LandedDisk landed) {
  disk.content = std::move(landed.content);
  disk.zeroed = std::move(landed.zeroed);
  for (index::PayloadFile& file : landed.files) {
    disk.files.push_back(static_cast<std::uint32_t>(plan.files.size()));
    plan.files.push_back(std::move(file));
  }
}

// What failed, and what to do about it.
std::string text_of(const Error& error) {
  const std::string& next = error.next_step();
  return next.empty() ? error.what() : fmt::format("{}; {}", error.what(), next);
}

// Whether the run must stop: going on with the next disk makes no sense, or there is none to blame.
bool is_about_this_machine(const Error& error, bool source_failed) {
  switch (error.code()) {
    case Code::kCancelled:
    case Code::kInternal:
    case Code::kNoSpace:
    case Code::kPermission:
    case Code::kMediumUnfit:
      return true;
    case Code::kIo:
      return !source_failed;
    default:
      return false;
  }
}

// What differs in case alone is one name to some file systems, and no reader takes both ([BAG-10]).
void require_own_names(const std::vector<index::DiskInfo>& disks) {
  const auto refuse = [](const std::string& what, const index::DiskInfo& one,
                         const index::DiskInfo& other) {
    throw Error(Code::kUsage, fmt::format("two disks {}: {} and {}", what,
                                          seabag::quoted(one.source), seabag::quoted(other.source)))
        .add_next_step("give one of them another name: disk:PATH,name=NAME");
  };
  std::map<std::string, const index::DiskInfo*> of_name;  // in lower case
  std::map<std::string, const index::DiskInfo*> of_file;
  for (const index::DiskInfo& disk : disks) {
    const auto [named, is_new] = of_name.try_emplace(to_lower(disk.name), &disk);
    if (!is_new) {
      const std::string& first = named->second->name;
      refuse(first == disk.name
                 ? fmt::format("have the name {}", disk.name)
                 : fmt::format("have names that differ in case alone, {} and {}", first, disk.name),
             *named->second, disk);
    }
    const auto format = conversion::find_output_format(disk.format);
    check(format.has_value(), "a planned disk has a format");
    for (const std::string& file : conversion::file_names(*format, disk.name, disk.size)) {
      const auto [owned, is_own] = of_file.try_emplace(to_lower(file), &disk);
      if (!is_own) refuse(fmt::format("would have a file {}", file), *owned->second, disk);
    }
  }
}

}  // namespace

std::vector<index::DiskInfo> plan_disks(const ExportRequest& request, const Means& means) {
  std::vector<index::DiskInfo> disks;
  std::map<std::string, std::uint32_t> of_server;
  std::uint64_t data_bytes = 0;
  for (const DiskRequest& disk : request.disks) {
    try {
      disks.push_back(plan_disk(disk, request, means, data_bytes));
    } catch (Error& error) {
      error.add_context(seabag::quoted(disk.uri()));
      throw;
    }
    if (!disk.server.empty()) disks.back().position = of_server[disk.server]++;
  }
  std::ranges::sort(disks, {}, &index::DiskInfo::name);
  require_own_names(disks);
  warn_of_space(means.files, request.bundle, data_bytes, means.progress);
  return disks;
}

void copy_disk_configs(const ExportRequest& request, const Means& means,
                       const bundle::UnfinishedBundle& unfinished, index::Index& plan) {
  for (index::DiskInfo& disk : plan.disks) {
    const auto wanted = std::ranges::find(request.disks, disk.name, &DiskRequest::name);
    if (wanted == request.disks.end() || wanted->config.empty()) continue;
    const io::Bytes bytes = io::read_user_file(wanted->config, limits::kManifestBytes);
    try {
      json::parse(io::text_of(bytes), seabag::quoted(wanted->config));
    } catch (const Error& error) {
      throw Error(Code::kUsage, error.what())
          .add_next_step("--disk-config takes one JSON document");
    }
    const std::string path = fmt::format("{}/{}.json", kConfigs, disk.name);
    io::create_directories(means.files, unfinished.path(kConfigs));
    io::write_new_file(means.files, unfinished.path(path), bytes);
    means.files.sync_directory(unfinished.path(kConfigs));
    disk.config = static_cast<std::uint32_t>(plan.files.size());
    plan.files.push_back({path, bytes.size(), digest::digest_of(bytes).hex()});
  }
}

void require_disk_configs(const Means& means, const bundle::UnfinishedBundle& unfinished,
                          const index::Index& plan) {
  for (const index::DiskInfo& disk : plan.disks) {
    if (!disk.config) continue;
    const index::PayloadFile& file = plan.files.at(*disk.config);
    const io::Bytes bytes =
        io::read_file(means.files, unfinished.path(file.path), limits::kManifestBytes);
    const std::string actual = digest::digest_of(bytes).hex();
    if (actual == file.sha256) continue;
    throw Error(Code::kIntegrity,
                fmt::format("{} has the checksum {}, expected {}",
                            seabag::quoted(unfinished.path(file.path)), actual, file.sha256))
        .add_next_step("remove the unfinished bundle and export again");
  }
}

void land_disks(const ExportRequest& request, const Means& means,
                const bundle::UnfinishedBundle& unfinished, index::Index& plan) {
  if (plan.disks.empty()) return;
  io::create_directories(means.files, unfinished.path(kDisks));
  io::create_directories(means.files, unfinished.path(bundle::kDisksDirectory));
  std::uint64_t bytes = 0;
  for (const index::DiskInfo& disk : plan.disks) bytes += disk.size;
  means.progress.begin("disks", plan.disks.size(), bytes);
  std::vector<index::DiskInfo> here;
  for (index::DiskInfo& disk : plan.disks) {
    auto landed = bundle::find_landed_disk(means.files, marker_of(unfinished, disk));
    if (landed && !is_still_there(means, request.jobs, unfinished, disk, *landed)) {
      means.progress.warn(
          fmt::format("{}: its files are not what the run before left; read again", disk.name));
      landed.reset();
    }
    if (landed) {
      means.progress.skip_bytes(disk.size);
    } else {
      DiskLanding landing(request, means, unfinished);
      try {
        landed = landing.run(
            disk, identity_of(index::identifiers_in(plan.metadata, disk.name), disk.name));
      } catch (Error& error) {
        error.add_context(disk.name);
        if (is_about_this_machine(error, landing.source_failed())) throw;
        means.progress.warn(text_of(error));
        plan.content.absences.push_back(
            {std::nullopt, disk.source, std::string(name_of(error.code())), error.what()});
        continue;
      }
      bundle::write_landed_disk(means.files, marker_of(unfinished, disk), *landed);
    }
    add_files(plan, disk, *std::move(landed));
    here.push_back(std::move(disk));
    means.progress.item_done(here.back().name);
  }
  plan.disks = std::move(here);
  means.progress.end();
  remove_unused_directory(means, unfinished);
}

void remove_unused_directory(const Means& means, const bundle::UnfinishedBundle& unfinished) {
  const std::string directory = unfinished.path(kDisks);
  if (means.files.list(directory).empty()) means.files.remove_directory(directory);
}

}  // namespace seabag::exporting
