// SPDX-License-Identifier: Apache-2.0
#include "importing/mend.h"

#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/grouped.h"
#include "base/text.h"
#include "bundle/frame.h"
#include "bundle/opened.h"
#include "bundle/tag_files.h"
#include "digest/verifying_sink.h"
#include "importing/mend_supplies_internal.h"
#include "importing/mended_file_internal.h"
#include "io/clean_up.h"
#include "io/file_blob.h"

namespace seabag::importing {
namespace {

using bundle::OpenedBundle;

void say_where_to_mend(Error& error) {
  if (error.code() != Code::kPermission) return;
  error.add_next_step(
      "a bundle on a read-only medium is not mended in place: copy it to another medium, and mend "
      "the copy");
}

class Mending {
 public:
  Mending(io::FileSystem& files, const OpenedBundle& bundle, const Supplies& supplies,
          transfer::Progress& progress, const std::stop_token& stop)
      : files_(files),
        bundle_(bundle),
        supplies_(supplies),
        frames_(bundle.index()),
        present_(bundle.index().files.size(),
                 [&](const auto& put) {
                   for (const index::Location& at : bundle.index().locations) {
                     if (blob_at(at).presence == index::Presence::kPresent) put(at.file, at);
                   }
                 }),
        progress_(progress),
        stop_(stop) {}

  MendReport run() {
    const auto& payload = bundle_.index().files;
    progress_.begin("mending", payload.size(), 0);
    for (std::uint32_t file = 0; file < payload.size(); ++file) {
      try {
        mend_file(file);
      } catch (Error& error) {
        error.add_context(seabag::quoted(payload[file].path));
        say_where_to_mend(error);
        throw;
      }
      progress_.item_done(payload[file].path);
    }
    progress_.end();
    return std::move(report_);
  }

 private:
  const index::PayloadFile& file_at(std::uint32_t file) const {
    return bundle_.index().files[file];
  }
  std::string path_of(std::uint32_t file) const {
    return io::join(bundle_.path(), file_at(file).path);
  }

  void mend_file(std::uint32_t file) {
    const std::string unfinished = path_of(file) + bundle::kMendingSuffix;
    if (files_.find(unfinished)) files_.remove_file(unfinished);
    const bool is_missing = bundle_.payload(file) == nullptr;
    if (frames_.has(file)) {
      is_missing ? make_tarball(file) : mend_tarball(file);
    } else {
      is_missing ? make_file(file) : mend_whole(file);
    }
  }

  digest::Digest checksum_of(std::uint32_t file) const {
    return digest::parse_digest("sha256:" + file_at(file).sha256);
  }
  const index::Blob& blob_at(const index::Location& at) const {
    return bundle_.index().content.blobs[at.blob];
  }

  void put_frame(std::uint32_t file, FileInRepair& target) const {
    frames_.for_each(file, [&](std::uint64_t offset, const io::BlobSource& bytes) {
      target.put(offset, bytes, std::nullopt, stop_);
    });
  }

  void mend_tarball(std::uint32_t file) {
    FileInRepair target(files_, path_of(file), *bundle_.payload(file));
    target.fit(file_at(file).size);
    put_frame(file, target);
    for (const index::Location& at : present_.of(file)) {
      const index::Blob& blob = blob_at(at);
      if (!supplies_.may_have(at)) continue;
      const io::FileBlob there(*bundle_.payload(file), at.offset, blob.size);
      if (supplies_.has_digest(there, blob.digest)) continue;
      if (const auto bytes = supplies_.find(at)) target.put(at.offset, *bytes, blob.digest, stop_);
    }
    finish(file, target);
  }

  void mend_whole(std::uint32_t file) {
    if (!supplies_.may_have_file(file)) return;
    const io::File& there = *bundle_.payload(file);
    if (there.size() == file_at(file).size &&
        supplies_.has_digest(io::FileBlob(there, 0, there.size()), checksum_of(file))) {
      return;
    }
    FileInRepair target(files_, path_of(file), there);
    const auto whole = supplies_.find_file(file);
    if (!whole) return;
    target.fit(file_at(file).size);
    target.put(0, *whole, checksum_of(file), stop_);
    finish(file, target);
  }

  void finish(std::uint32_t file, FileInRepair& target) {
    if (!target.was_changed()) return;
    target.finish();
    report_.files.push_back({file_at(file).path, target.bytes_written(), false});
  }

  void make_tarball(std::uint32_t file) {
    const auto blobs = present_.of(file);
    std::vector<std::unique_ptr<io::BlobSource>> sources;
    std::vector<digest::Digest> lacking;
    for (const index::Location& at : blobs) {
      sources.push_back(supplies_.find(at));
      if (!sources.back()) lacking.push_back(blob_at(at).digest);
    }
    if (!lacking.empty()) {
      report_.not_mended.push_back(
          fmt::format("{} is missing, and {} of its {} blobs are in no patch or copy, first {}",
                      seabag::quoted(file_at(file).path), lacking.size(), blobs.size(),
                      lacking.front().text()));
      return;
    }
    make(file, [&](FileInRepair& target) {
      put_frame(file, target);
      for (std::size_t i = 0; i < blobs.size(); ++i) {
        target.put(blobs[i].offset, *sources[i], blob_at(blobs[i]).digest, stop_);
      }
    });
  }

  void make_file(std::uint32_t file) {
    const auto whole = supplies_.find_file(file);
    if (!whole) {
      report_.not_mended.push_back(fmt::format("{} is missing, and no patch or copy has it",
                                               seabag::quoted(file_at(file).path)));
      return;
    }
    make(file, [&](FileInRepair& target) { target.put(0, *whole, checksum_of(file), stop_); });
  }

  // Written beside, and named when its checksum is right.
  template <class Fill>
  void make(std::uint32_t file, Fill fill) {
    const std::string path = path_of(file);
    const std::string beside = path + bundle::kMendingSuffix;
    require_space(file_at(file).size);
    io::create_directories(files_, io::parent_of(path));
    std::uint64_t written = 0;
    try {
      written = write_new(beside, file, fill);
    } catch (const Error&) {
      io::clean_up([&] {
        if (files_.find(beside)) files_.remove_file(beside);
      });
      throw;
    }
    files_.rename(beside, path);
    files_.sync_directory(io::parent_of(path));
    report_.files.push_back({file_at(file).path, written, true});
  }

  template <class Fill>
  std::uint64_t write_new(const std::string& path, std::uint32_t file, Fill fill) {
    const auto created = files_.open(path, io::OpenMode::kCreateNew);
    FileInRepair target(*created);
    target.fit(file_at(file).size);
    fill(target);
    target.finish();
    digest::verify(io::FileBlob(*created, 0, file_at(file).size), checksum_of(file));
    created->close();
    return target.bytes_written();
  }

  void require_space(std::uint64_t size) const {
    const std::uint64_t available = files_.available_bytes(bundle_.path());
    if (size <= available) return;
    throw Error(
        Code::kNoSpace,
        fmt::format("the file needs {} bytes ({}), {} has {} ({}) left", size, readable_size(size),
                    seabag::quoted(bundle_.path()), available, readable_size(available)))
        .add_next_step("free some space there and run the same command again");
  }

  io::FileSystem& files_;
  const OpenedBundle& bundle_;
  const Supplies& supplies_;
  bundle::Frames frames_;
  Grouped<index::Location> present_;  // the blobs, by file
  transfer::Progress& progress_;
  const std::stop_token& stop_;
  MendReport report_;
};

std::unique_ptr<io::Lock> lock_bundle(io::FileSystem& files, const std::string& bundle) {
  const auto found = files.find(bundle);
  // Where there is no directory, opening it says what is wrong.
  if (!found || found->kind == io::FileKind::kRegular) return nullptr;
  auto lock = files.try_lock(bundle);
  if (lock) return lock;
  throw Error(Code::kLocked, fmt::format("another run works on {}", seabag::quoted(bundle)))
      .add_next_step("wait for it to end");
}

MendReport mend_tags(io::FileSystem& files, const MendRequest& request,
                     const std::stop_token& stop) try {
  MendReport report;
  for (const std::string& name :
       bundle::mend_tag_files(files, request.bundle, request.seal, request.patches, stop)) {
    report.files.push_back({name, files.find(io::join(request.bundle, name))->size, false});
  }
  return report;
} catch (Error& error) {
  say_where_to_mend(error);
  throw;
}

}  // namespace

MendReport mend(io::FileSystem& files, const MendRequest& request, transfer::Progress& progress,
                const std::stop_token& stop) {
  const auto lock = lock_bundle(files, request.bundle);
  MendReport tags = mend_tags(files, request, stop);
  std::vector<std::string> problems;  // what is to be mended
  const OpenedBundle bundle = OpenedBundle::open(files, request.bundle, request.seal, &problems);
  Supplies supplies(files, bundle, stop);
  for (const std::string& path : request.patches) {
    supplies.add(path, request.jobs, progress);
  }
  MendReport report = Mending(files, bundle, supplies, progress, stop).run();
  report.files.insert(report.files.begin(), tags.files.begin(), tags.files.end());
  return report;
}

}  // namespace seabag::importing
