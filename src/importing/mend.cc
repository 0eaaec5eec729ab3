// SPDX-License-Identifier: Apache-2.0
#include "importing/mend.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/frame.h"
#include "bundle/opened.h"
#include "bundle/patch_label.h"
#include "bundle/tag_files.h"
#include "bundle/verify.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "importing/mended_file_internal.h"
#include "io/file_blob.h"

namespace seabag::importing {
namespace {

using bundle::OpenedBundle;

// Beside the file that it is to become; whatever lies there is of a run that was cut off.
constexpr const char* kNewSuffix = ".mending";

void require_patch_for(const OpenedBundle& bundle, const OpenedBundle& patch) {
  const auto label = std::ranges::find(patch.bag_info(), bundle::kPatchLabel,
                                       &std::pair<std::string, std::string>::first);
  if (label == patch.bag_info().end()) {
    throw Error(Code::kIntegrity,
                fmt::format("{} is a bundle, but no patch", seabag::quoted(patch.path())))
        .add_next_step("make one with seabag-export --repair");
  }
  if (label->second == bundle.seal().text()) return;
  throw Error(Code::kIntegrity,
              fmt::format("{} is for the bundle with the seal {}, this one has {}",
                          seabag::quoted(patch.path()), seabag::quoted(label->second),
                          bundle.seal().text()))
      .add_next_step("pass the patch that was made from the list of this bundle");
}

void say_where_to_mend(Error& error) {
  if (error.code() != Code::kPermission) return;
  error.add_next_step(
      "a bundle on a read-only medium is not mended in place: copy it to another medium, and mend "
      "the copy");
}

bool has_digest(const io::BlobSource& bytes, const digest::Digest& expected) try {
  return digest::digest_of(bytes, expected.algorithm()) == expected;
} catch (const Error& error) {
  if (error.code() == Code::kIntegrity || error.code() == Code::kIo) return false;
  throw;
}

class Mending {
 public:
  Mending(io::FileSystem& files, const OpenedBundle& bundle,
          const std::vector<OpenedBundle>& patches, transfer::Progress& progress,
          const std::stop_token& stop)
      : files_(files),
        bundle_(bundle),
        patches_(patches),
        frames_(bundle.index()),
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
    if (files_.find(path_of(file) + kNewSuffix)) files_.remove_file(path_of(file) + kNewSuffix);
    const bool is_missing = bundle_.payload(file) == nullptr;
    if (frames_.has(file)) {
      is_missing ? make_tarball(file) : mend_tarball(file);
    } else if (const io::File* whole = find_whole(file)) {
      is_missing ? make_file(file, *whole) : mend_from(file, *whole);
    } else if (is_missing) {
      report_.not_mended.push_back(
          fmt::format("{} is missing, and no patch has it", seabag::quoted(file_at(file).path)));
    }
  }

  // A patch's file that has the checksum that this one should have.
  const io::File* find_whole(std::uint32_t file) const {
    for (const OpenedBundle& patch : patches_) {
      const auto& held = patch.index().files;
      const auto same = std::ranges::find(held, file_at(file).sha256, &index::PayloadFile::sha256);
      if (same == held.end()) continue;
      return patch.payload(static_cast<std::uint32_t>(same - held.begin()));
    }
    return nullptr;
  }

  std::unique_ptr<io::BlobSource> find_in_patches(const index::Blob& blob) const {
    for (const OpenedBundle& patch : patches_) {
      const auto held = patch.graph().find(blob.digest);
      if (held && patch.index().content.blobs[*held].presence == index::Presence::kPresent &&
          !patch.locations_of(*held).empty()) {
        return patch.open_blob(*held);
      }
    }
    return nullptr;
  }

  // A blob of a split bundle may lie whole in another tarball.
  std::unique_ptr<io::BlobSource> find_elsewhere(index::BlobId id, std::uint32_t file) const {
    const index::Blob& blob = bundle_.index().content.blobs[id];
    for (const index::Location& at : bundle_.locations_of(id)) {
      if (at.file == file || bundle_.payload(at.file) == nullptr) continue;
      auto bytes = std::make_unique<io::FileBlob>(*bundle_.payload(at.file), at.offset, blob.size);
      if (has_digest(*bytes, blob.digest)) return bytes;
    }
    return nullptr;
  }

  struct Supply {
    index::Location at;
    std::unique_ptr<io::BlobSource> bytes;  // null: nobody has it
  };

  // What there is for the present blobs of a tarball.
  std::vector<Supply> supply_of(std::uint32_t file, bool looks_elsewhere) const {
    std::vector<Supply> all;
    for (const index::Location& at : bundle_.index().locations) {
      const index::Blob& blob = bundle_.index().content.blobs[at.blob];
      if (at.file != file || blob.presence != index::Presence::kPresent) continue;
      auto bytes = find_in_patches(blob);
      if (!bytes && looks_elsewhere) bytes = find_elsewhere(at.blob, file);
      all.push_back({at, std::move(bytes)});
    }
    return all;
  }

  void put_blob(FileInRepair& target, const Supply& supply) const {
    const index::Blob& blob = bundle_.index().content.blobs[supply.at.blob];
    target.put(supply.at.offset, *supply.bytes, blob.digest, stop_);
  }

  void mend_tarball(std::uint32_t file) {
    FileInRepair target(files_, path_of(file), *bundle_.payload(file));
    target.fit(file_at(file).size);
    frames_.for_each(file, [&](std::uint64_t offset, const io::BlobSource& bytes) {
      target.put(offset, bytes, std::nullopt, stop_);
    });
    for (const Supply& supply : supply_of(file, false)) {
      const index::Blob& blob = bundle_.index().content.blobs[supply.at.blob];
      if (!supply.bytes || target.has(supply.at.offset, blob.size, blob.digest)) continue;
      put_blob(target, supply);
    }
    finish(file, target);
  }

  void mend_from(std::uint32_t file, const io::File& whole) {
    const auto checksum = digest::parse_digest("sha256:" + file_at(file).sha256);
    FileInRepair target(files_, path_of(file), *bundle_.payload(file));
    target.fit(file_at(file).size);
    if (!target.has(0, file_at(file).size, checksum)) {
      target.put(0, io::FileBlob(whole, 0, whole.size()), checksum, stop_);
    }
    finish(file, target);
  }

  void finish(std::uint32_t file, FileInRepair& target) {
    if (!target.was_changed()) return;
    target.finish();
    report_.files.push_back({file_at(file).path, target.bytes_written(), false});
  }

  void make_tarball(std::uint32_t file) {
    const std::vector<Supply> supplies = supply_of(file, true);
    const auto lacking = std::ranges::count_if(
        supplies, [](const Supply& supply) { return supply.bytes == nullptr; });
    if (lacking > 0) {
      const auto first = std::ranges::find_if(
          supplies, [](const Supply& supply) { return supply.bytes == nullptr; });
      report_.not_mended.push_back(
          fmt::format("{} is missing, and {} of its {} blobs are in no patch, first {}",
                      seabag::quoted(file_at(file).path), lacking, supplies.size(),
                      bundle_.index().content.blobs[first->at.blob].digest.text()));
      return;
    }
    make(file, [&](FileInRepair& target) {
      frames_.for_each(file, [&](std::uint64_t offset, const io::BlobSource& bytes) {
        target.put(offset, bytes, std::nullopt, stop_);
      });
      for (const Supply& supply : supplies) put_blob(target, supply);
    });
  }

  void make_file(std::uint32_t file, const io::File& whole) {
    const auto checksum = digest::parse_digest("sha256:" + file_at(file).sha256);
    make(file, [&](FileInRepair& target) {
      target.put(0, io::FileBlob(whole, 0, whole.size()), checksum, stop_);
    });
  }

  // Written beside, and named when its checksum is right.
  template <class Fill>
  void make(std::uint32_t file, Fill fill) {
    const std::string path = path_of(file);
    require_space(file_at(file).size);
    io::create_directories(files_, io::parent_of(path));
    std::uint64_t written = 0;
    try {
      written = write_new(path + kNewSuffix, file, fill);
    } catch (const Error&) {
      if (files_.find(path + kNewSuffix)) files_.remove_file(path + kNewSuffix);
      throw;
    }
    files_.rename(path + kNewSuffix, path);
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
    digest::verify(io::FileBlob(*created, 0, file_at(file).size),
                   digest::parse_digest("sha256:" + file_at(file).sha256));
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
  const std::vector<OpenedBundle>& patches_;
  bundle::Frames frames_;
  transfer::Progress& progress_;
  const std::stop_token& stop_;
  MendReport report_;
};

// A damaged patch is refused as a whole: what is wrong with it is told before the bundle is
// touched.
OpenedBundle open_patch(io::FileSystem& files, const std::string& path, const OpenedBundle& bundle,
                        int jobs, transfer::Progress& progress, const std::stop_token& stop) {
  OpenedBundle patch = OpenedBundle::open(files, path, std::nullopt);
  require_patch_for(bundle, patch);
  const auto report = bundle::verify(patch, {}, {.quick = false, .jobs = jobs}, progress, stop);
  if (report.findings.empty()) return patch;
  throw Error(Code::kIntegrity, fmt::format("the patch {} is damaged itself: {}",
                                            seabag::quoted(path), report.findings.front().text))
      .add_next_step("copy it again, or make it anew");
}

std::unique_ptr<io::Lock> lock_bundle(io::FileSystem& files, const std::string& bundle) {
  const auto found = files.find(bundle);
  // Where there is no directory, opening it says what is wrong.
  if (!found || found->kind == io::FileKind::kRegular) return nullptr;
  auto lock = files.try_lock(bundle);
  if (lock) return lock;
  throw Error(Code::kLocked, fmt::format("another run works on {}", seabag::quoted(bundle)))
      .add_next_step("wait for it to end");
}

MendReport mend_tags(io::FileSystem& files, const MendRequest& request) try {
  MendReport report;
  for (const std::string& name : bundle::mend_tag_files(files, request.bundle, request.seal)) {
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
  MendReport tags = mend_tags(files, request);
  std::vector<std::string> problems;  // what is to be mended
  const OpenedBundle bundle = OpenedBundle::open(files, request.bundle, request.seal, &problems);
  std::vector<OpenedBundle> patches;
  for (const std::string& path : request.patches) {
    patches.push_back(open_patch(files, path, bundle, request.jobs, progress, stop));
  }
  MendReport report = Mending(files, bundle, patches, progress, stop).run();
  report.files.insert(report.files.begin(), tags.files.begin(), tags.files.end());
  return report;
}

}  // namespace seabag::importing
