// SPDX-License-Identifier: Apache-2.0
#include "importing/restore_disks.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "conversion/copy_disk.h"
#include "conversion/open_disk.h"
#include "disk/raw_disk.h"
#include "importing/bundle_disk.h"
#include "importing/disk_account.h"
#include "io/clean_up.h"
#include "io/file_blob.h"
#include "oci/reference_pattern.h"
#include "target/part_file.h"

namespace seabag::importing {
namespace {

using index::DiskInfo;

constexpr const char* kDirectory = "disks";

// Writes a file into `sink`, without reading its holes.
void copy_sparse(const io::File& from, io::File& to, digest::Hasher& hasher,
                 transfer::Progress& progress, const std::stop_token& stop) {
  const std::uint64_t size = from.size();
  io::Bytes buffer(limits::kBufferBytes);
  const io::Bytes zeros(limits::kBufferBytes);
  for (std::uint64_t offset = 0; offset < size;) {
    const io::FileExtent extent = from.extent_at(offset);
    for (std::uint64_t left = extent.length; left > 0;) {
      if (stop.stop_requested()) throw Error(Code::kCancelled, "stopped");
      const auto part = std::min<std::uint64_t>(left, buffer.size());
      if (extent.is_stored) {
        from.read_at(offset, std::span(buffer).first(part));
        to.write_at(offset, std::span(buffer).first(part));
      }
      hasher.update(std::span(extent.is_stored ? buffer : zeros).first(part));
      progress.add_bytes(part);
      offset += part;
      left -= part;
    }
  }
  to.resize(size);
}

class Restore {
 public:
  Restore(const bundle::OpenedBundle& bundle, io::FileSystem& files, const std::string& directory,
          const RestoreOptions& options, transfer::Progress& progress, const std::stop_token& stop)
      : bundle_(bundle),
        files_(files),
        directory_(io::join(directory, kDirectory)),
        options_(options),
        progress_(progress),
        stop_(stop) {}

  PushOutcome run(const DiskInfo& disk, std::string& target) {
    const auto to = options_.to.find(disk.name);
    if (to != options_.to.end()) {
      target = to->second;
      return write_elsewhere(disk, to->second);
    }
    io::create_directories(files_, directory_);
    target = io::join(directory_, main_file(disk));
    const PushOutcome outcome = is_as_it_is(disk) ? keep(disk) : convert(disk);
    if (disk.config && outcome != PushOutcome::kSkipped) restore_config(disk);
    return outcome;
  }

 private:
  bool is_as_it_is(const DiskInfo& disk) const {
    return !options_.as || *options_.as == format_of(disk);
  }

  std::string main_file(const DiskInfo& disk) const {
    return conversion::file_names(options_.as.value_or(format_of(disk)), disk.name, disk.size)
        .front();
  }

  const index::PayloadFile& file_info(std::uint32_t file) const {
    return bundle_.index().files[file];
  }

  std::unique_ptr<disk::DiskSource> open_verified(const DiskInfo& disk) const {
    return open_verified_disk(bundle_, disk, progress_, stop_);
  }

  bool has_same_bytes(const std::string& path, std::uint32_t file) const {
    const auto found = files_.find(path);
    if (!found || found->kind != io::FileKind::kRegular || found->size != file_info(file).size) {
      return false;
    }
    const auto there = files_.open(path, io::OpenMode::kRead);
    return checksum_of(*there, progress_, stop_).hex() == file_info(file).sha256;
  }

  // Whether to write where `paths` are: none is there, or they may be replaced.
  bool may_write(const std::vector<std::string>& paths) const {
    for (const std::string& path : paths) {
      if (!files_.find(path) || options_.on_existing == OnExistingTag::kReplace) continue;
      if (options_.on_existing == OnExistingTag::kSkip) return false;
      throw Error(Code::kRefused,
                  fmt::format("{} is there already, with another content", seabag::quoted(path)))
          .add_next_step("pass --on-existing-tag skip or replace, or another directory");
    }
    return true;
  }

  // Before its first byte.
  void require_file_fits(std::uint64_t size) const {
    const std::uint64_t largest = files_.largest_file(directory_);
    if (size <= largest) return;
    throw Error(Code::kMediumUnfit,
                fmt::format("the file has {} bytes ({}), one in {} can have {} ({})", size,
                            readable_size(size), seabag::quoted(directory_), largest,
                            readable_size(largest)))
        .add_next_step("pass --disk-as vmdk-2gb: its files are smaller than 2 GiB");
  }

  PushOutcome keep(const DiskInfo& disk) {
    std::vector<std::string> paths;
    bool is_there = true;
    for (const std::uint32_t file : disk.files) {
      paths.push_back(io::join(directory_, io::base_name_of(file_info(file).path)));
      is_there = is_there && has_same_bytes(paths.back(), file);
    }
    if (is_there) return PushOutcome::kAlreadyThere;
    if (!may_write(paths)) return PushOutcome::kSkipped;
    for (const std::uint32_t file : disk.files) require_file_fits(file_info(file).size);
    std::vector<std::unique_ptr<target::PartFile>> parts;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      parts.push_back(std::make_unique<target::PartFile>(files_, paths[i]));
      digest::Hasher hasher;
      copy_sparse(payload_of(bundle_, disk.files[i]), parts.back()->file(), hasher, progress_,
                  stop_);
      require_checksum(bundle_, disk.files[i], hasher.finish());
    }
    // The file that is opened gets its name when those that it speaks of have theirs.
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) (*part)->land();
    files_.sync_directory(directory_);
    return PushOutcome::kPushed;
  }

  bool has_same_content(const std::string& path, const DiskInfo& disk) const {
    if (!files_.find(path)) return false;
    try {
      const auto there =
          conversion::open_disk(files_, path, conversion::source_format_of(*options_.as));
      return content_of(*there.disk) == disk.content;
    } catch (const Error& error) {
      if (error.code() == Code::kCancelled) throw;
      return false;  // something else of that name
    }
  }

  std::string content_of(const disk::DiskSource& disk) const {
    return conversion::copy_disk(disk, nullptr, {.jobs = options_.jobs}, progress_, stop_)
        .content.text();
  }

  PushOutcome convert(const DiskInfo& disk) {
    const conversion::OutputFormat format = *options_.as;
    conversion::require_fits(format, disk.size);
    const std::vector<std::string> names = conversion::file_names(format, disk.name, disk.size);
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(io::join(directory_, name));
    // A directory of its own, because a VMDK has the names of its files in it.
    const std::string making = io::join(directory_, '.' + disk.name + ".part");
    if (files_.find(making)) {  // what a run that was killed left
      io::remove_tree(files_, making);
      files_.sync_directory(directory_);
    }
    if (has_same_content(paths.front(), disk)) return PushOutcome::kAlreadyThere;
    if (!may_write(paths)) return PushOutcome::kSkipped;
    const auto from = open_verified(disk);
    files_.create_directory(making);
    try {
      write(*from, format, making, names, disk);
    } catch (const Error&) {
      io::clean_up([&] { io::remove_tree(files_, making); });
      throw;
    }
    for (std::size_t i = names.size(); i-- > 0;) {
      files_.rename(io::join(making, names[i]), paths[i]);
    }
    files_.sync_directory(directory_);
    files_.remove_directory(making);
    files_.sync_directory(directory_);
    return PushOutcome::kPushed;
  }

  void write(const disk::DiskSource& from, conversion::OutputFormat format,
             const std::string& directory, const std::vector<std::string>& names,
             const DiskInfo& disk) {
    std::vector<std::unique_ptr<io::File>> made;
    for (const std::string& name : names) {
      made.push_back(files_.open(io::join(directory, name), io::OpenMode::kCreateNew));
    }
    const auto writer = conversion::create_writer(format, std::move(made), from.size());
    const auto report =
        conversion::copy_disk(from, writer.get(), {.jobs = options_.jobs}, progress_, stop_);
    require_content(disk, report.content.text());
    for (const auto& file : writer->files()) {
      file->sync();
      file->close();
    }
  }

  // Onto a device, or into a raw file of any name.
  PushOutcome write_elsewhere(const DiskInfo& disk, const std::string& path) {
    const auto found = files_.find(path);
    if (!found) {
      write_new_raw(disk, path);
      return PushOutcome::kPushed;
    }
    if (found->kind != io::FileKind::kOther) {
      throw Error(Code::kRefused, fmt::format("{} is there already", seabag::quoted(path)))
          .add_next_step("--disk-to takes a block device, or the name of a new file");
    }
    if (!options_.overwrite_device) {
      throw Error(Code::kUsage,
                  fmt::format("all that is on {} would be lost", seabag::quoted(path)))
          .add_next_step("pass --overwrite-device if that is what you want");
    }
    auto device = files_.open(path, io::OpenMode::kWriteDevice);
    if (device->size() < disk.size) {
      throw Error(Code::kMediumUnfit, fmt::format("{} has {} bytes, the disk needs {}",
                                                  seabag::quoted(path), device->size(), disk.size));
    }
    const auto from = open_verified(disk);
    device->zero(0, disk.size);
    write_raw(*from, std::move(device), disk);
    // The one medium that is not thrown away when it is wrong: it is read again.
    const auto there = disk::open_raw(files_.open(path, io::OpenMode::kReadDisk), disk.size);
    require_content(disk, content_of(*there));
    return PushOutcome::kPushed;
  }

  void write_new_raw(const DiskInfo& disk, const std::string& path) {
    const auto from = open_verified(disk);
    const std::string part = path + ".part";
    if (files_.find(part)) files_.remove_file(part);
    auto file = files_.open(part, io::OpenMode::kCreateNew);
    file->resize(disk.size);
    try {
      write_raw(*from, std::move(file), disk);
    } catch (const Error&) {
      io::clean_up([&] { files_.remove_file(part); });
      throw;
    }
    files_.rename(part, path);
    files_.sync_directory(io::parent_of(path));
  }

  // Into a file that has the disk's size and reads as zeros.
  void write_raw(const disk::DiskSource& from, std::unique_ptr<io::File> file,
                 const DiskInfo& disk) {
    disk::RawWriter writer(std::move(file), from.size(), disk::RawWriter::Size::kIsRight);
    const auto report =
        conversion::copy_disk(from, &writer, {.jobs = options_.jobs}, progress_, stop_);
    require_content(disk, report.content.text());
    writer.files().front()->sync();
    writer.files().front()->close();
  }

  void restore_config(const DiskInfo& disk) {
    const std::string path = io::join(directory_, disk.name + ".json");
    if (has_same_bytes(path, *disk.config)) return;
    if (!may_write({path})) return;
    target::PartFile part(files_, path);
    digest::Hasher hasher;
    copy_sparse(payload_of(bundle_, *disk.config), part.file(), hasher, progress_, stop_);
    require_checksum(bundle_, *disk.config, hasher.finish());
    part.land();
    files_.sync_directory(directory_);
  }

  const bundle::OpenedBundle& bundle_;
  io::FileSystem& files_;
  std::string directory_;
  const RestoreOptions& options_;
  transfer::Progress& progress_;
  const std::stop_token& stop_;
};

std::uint64_t bytes_of(const index::Index& index, const DiskInfo& disk) {
  std::uint64_t bytes = 0;
  for (const std::uint32_t file : disk.files) bytes += index.files[file].size;
  return bytes;
}

}  // namespace

oci::Reference disk_reference(const DiskInfo& disk) {
  std::string tag = to_rfc3339(disk.read_at);
  std::erase_if(tag, [](char c) { return c == '-' || c == ':'; });
  return {.registry = {}, .repository = "disks/" + to_lower(disk.name), .tag = tag, .digest = {}};
}

std::vector<std::uint32_t> chosen_disks(const index::Index& index, const NameOptions& options) {
  std::vector<std::uint32_t> chosen;
  for (std::uint32_t i = 0; i < index.disks.size(); ++i) {
    if (oci::is_chosen(disk_reference(index.disks[i]), options.only, options.except)) {
      chosen.push_back(i);
    }
  }
  return chosen;
}

void restore_disks(const bundle::OpenedBundle& bundle, io::FileSystem& files,
                   const std::vector<std::uint32_t>& disks, const std::string& directory,
                   const RestoreOptions& options, transfer::Progress& progress,
                   const std::stop_token& stop, Receipt& receipt) {
  const index::Index& index = bundle.index();
  for (const auto& [name, path] : options.to) {
    if (std::ranges::find(index.disks, name, &DiskInfo::name) == index.disks.end()) {
      throw Error(Code::kUsage, fmt::format("--disk-to: there is no disk {}", seabag::quoted(name)))
          .add_next_step("see what is in the bundle: seabag-import list");
    }
  }
  if (disks.empty()) return;
  std::uint64_t bytes = 0;
  for (const std::uint32_t i : disks) bytes += bytes_of(index, index.disks[i]);
  progress.begin("disks", disks.size(), bytes);
  Restore restore(bundle, files, directory, options, progress, stop);
  const std::size_t first = receipt.disks.size();
  for (const std::uint32_t i : disks) {
    const DiskInfo& disk = index.disks[i];
    receipt.disks.push_back({.name = disk.name, .content = disk.content, .detail = "not reached"});
  }
  for (std::size_t i = 0; i < disks.size(); ++i) {
    RestoredDisk& result = receipt.disks[first + i];
    account_for(result, progress,
                [&] { return restore.run(index.disks[disks[i]], result.target); });
  }
  progress.end();
}

std::vector<bundle::Finding> verify_disks(const bundle::OpenedBundle& bundle, int jobs,
                                          transfer::Progress& progress,
                                          const std::stop_token& stop) {
  std::vector<bundle::Finding> findings;
  const index::Index& index = bundle.index();
  std::uint64_t bytes = 0;
  for (const DiskInfo& disk : index.disks) bytes += disk.size;
  progress.begin("disks", index.disks.size(), bytes);
  for (const DiskInfo& disk : index.disks) {
    const std::string& path = index.files[disk.files.front()].path;
    std::string found;
    try {
      const auto opened = open_bundle_disk(bundle, disk);
      found =
          conversion::copy_disk(*opened, nullptr, {.jobs = jobs}, progress, stop).content.text();
    } catch (const Error& error) {
      if (error.code() == Code::kCancelled || error.code() == Code::kInternal) throw;
      found = error.what();
    }
    if (found != disk.content) {
      findings.push_back({.text = fmt::format("disk {}: content digest: expected {}, got {}",
                                              disk.name, disk.content, found),
                          .file = path,
                          .references = {disk.name}});
    }
    progress.item_done(disk.name);
  }
  progress.end();
  return findings;
}

}  // namespace seabag::importing
