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
#include "io/clean_up.h"
#include "io/file_blob.h"
#include "oci/reference_pattern.h"
#include "target/part_file.h"

namespace seabag::importing {
namespace {

using index::DiskInfo;

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

std::uint64_t bytes_of(const index::Index& index, const DiskInfo& disk) {
  std::uint64_t bytes = 0;
  for (const std::uint32_t file : disk.files) bytes += index.files[file].size;
  return bytes;
}

bool is_as_it_is(const DiskInfo& disk, std::optional<conversion::OutputFormat> as) {
  return !as || *as == format_of(disk);
}

Error file_exists(const std::string& path) {
  return Error(Code::kRefused, fmt::format("{} is there already", seabag::quoted(path)))
      .add_next_step("--disk-to takes a block device, or the name of a new file");
}

class Restore : public DiskWork {
 public:
  Restore(const bundle::OpenedBundle& bundle, io::FileSystem& files,
          const std::vector<std::uint32_t>& disks, const std::string& directory,
          const RestoreOptions& options, transfer::Progress& progress, const std::stop_token& stop,
          Receipt& receipt)
      : DiskWork(progress, receipt),
        bundle_(bundle),
        files_(files),
        directory_(disk_directory(directory)),
        options_(options),
        stop_(stop) {
    for (const std::uint32_t i : disks) {
      const DiskInfo& disk = bundle.index().disks[i];
      disks_.push_back({&disk});
      const auto to = options.to.find(disk.name);
      enter({.name = disk.name,
             .content = disk.content,
             .target = to != options.to.end() ? to->second : paths_of(disk).front()},
            bytes_of(bundle.index(), disk));
    }
  }

 private:
  struct Disk {
    const DiskInfo* info;
    bool is_there = false;  ///< its files are in the directory already
  };

  std::optional<Error> find_conflict(std::size_t i) override {
    const DiskInfo& disk = *disks_[i].info;
    const auto to = options_.to.find(disk.name);
    if (to != options_.to.end()) {
      const auto found = files_.find(to->second);
      if (found && found->kind != io::FileKind::kOther) return file_exists(to->second);
      return std::nullopt;
    }
    if (options_.on_existing != OnExistingTag::kFail) return std::nullopt;
    disks_[i].is_there = is_there(disk);
    for (const std::string& path : paths_of(disk)) {
      if (!disks_[i].is_there && files_.find(path)) return conflict_at(path);
    }
    if (disk.config && files_.find(config_path(disk)) &&
        !has_same_bytes(config_path(disk), *disk.config)) {
      return conflict_at(config_path(disk));
    }
    return std::nullopt;
  }

  PushOutcome bring(std::size_t i, RestoredDisk& /*result*/) override {
    const DiskInfo& disk = *disks_[i].info;
    const auto to = options_.to.find(disk.name);
    if (to != options_.to.end()) return write_elsewhere(disk, to->second);
    io::create_directories(files_, directory_);
    remove_leftovers(disk);
    PushOutcome outcome = PushOutcome::kAlreadyThere;
    if (!disks_[i].is_there) {
      outcome = is_as_it_is(disk, options_.as) ? keep(disk) : convert(disk);
    }
    if (disk.config && outcome != PushOutcome::kSkipped) restore_config(disk);
    return outcome;
  }

  // The one that is opened first is the first.
  std::vector<std::string> paths_of(const DiskInfo& disk) const {
    std::vector<std::string> paths = restored_files(bundle_.index(), disk, options_.as);
    for (std::string& path : paths) path = io::join(directory_, path);
    return paths;
  }

  std::string config_path(const DiskInfo& disk) const {
    return io::join(directory_, config_file(disk));
  }

  bool is_there(const DiskInfo& disk) const {
    const std::vector<std::string> paths = paths_of(disk);
    if (!is_as_it_is(disk, options_.as)) return has_same_content(paths.front(), disk);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (!has_same_bytes(paths[i], disk.files[i])) return false;
    }
    return true;
  }

  // A directory of its own, because a VMDK has the names of its files in it.
  std::string making_of(const DiskInfo& disk) const {
    return io::join(directory_, '.' + disk.name + ".part");
  }

  // Of a run that was killed.
  void remove_leftovers(const DiskInfo& disk) {
    const std::string making = making_of(disk);
    if (!files_.find(making)) return;
    io::remove_tree(files_, making);
    files_.sync_directory(directory_);
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
      throw conflict_at(path);
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
    if (is_there(disk)) return PushOutcome::kAlreadyThere;
    const std::vector<std::string> paths = paths_of(disk);
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
    if (is_there(disk)) return PushOutcome::kAlreadyThere;
    const std::vector<std::string> paths = paths_of(disk);
    if (!may_write(paths)) return PushOutcome::kSkipped;
    const std::vector<std::string> names = restored_files(bundle_.index(), disk, format);
    const std::string making = making_of(disk);
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
    if (found->kind != io::FileKind::kOther) throw file_exists(path);
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
    target::PartFile part(files_, path);
    part.file().resize(disk.size);
    write_raw(*from, part.open_again(), disk);
    part.land();
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
    const std::string path = config_path(disk);
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
  const std::stop_token& stop_;
  std::vector<Disk> disks_;
};

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

std::string disk_directory(const std::string& directory) {
  return io::join(directory, "disks");
}

std::vector<std::string> restored_files(const index::Index& index, const DiskInfo& disk,
                                        std::optional<conversion::OutputFormat> as) {
  if (!is_as_it_is(disk, as)) return conversion::file_names(*as, disk.name, disk.size);
  std::vector<std::string> names;
  for (const std::uint32_t file : disk.files) {
    names.push_back(io::base_name_of(index.files[file].path));
  }
  return names;
}

std::string config_file(const DiskInfo& disk) {
  return disk.name + ".json";
}

std::unique_ptr<DiskWork> restore_disks(const bundle::OpenedBundle& bundle, io::FileSystem& files,
                                        const std::vector<std::uint32_t>& disks,
                                        const std::string& directory, const RestoreOptions& options,
                                        transfer::Progress& progress, const std::stop_token& stop,
                                        Receipt& receipt) {
  return std::make_unique<Restore>(bundle, files, disks, directory, options, progress, stop,
                                   receipt);
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
