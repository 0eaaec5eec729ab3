// SPDX-License-Identifier: Apache-2.0
#include "bundle/opened.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "bagit/check.h"
#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/seal.h"
#include "bundle/tag_files.h"
#include "bundle/unfinished.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "io/file_blob.h"

namespace seabag::bundle {
namespace {

Error not_a_bundle(io::FileSystem& files, const std::string& path) {
  if (is_unfinished_path(path) || files.find(io::join(path, kPlanFile)) ||
      files.find(unfinished_path(path))) {
    return Error(Code::kNotABundle, fmt::format("{} is not finished", quoted(path)))
        .add_next_step("continue it where it was begun: seabag-export BUNDLE --resume");
  }
  const auto found = files.find(path);
  if (!found) return {Code::kNotABundle, fmt::format("there is no {}", quoted(path))};
  if (found->kind == io::FileKind::kRegular) {
    return Error(Code::kNotABundle,
                 fmt::format("{} is a file, a bundle is a directory", quoted(path)))
        .add_next_step("unpack it, or pass the directory that holds bagit.txt");
  }
  for (const io::DirectoryEntry& entry : files.list(path)) {
    const std::string inner = io::join(path, entry.name);
    if (entry.kind == io::FileKind::kDirectory &&
        files.find(io::join(inner, std::string(bagit::kDeclarationPath)))) {
      return Error(Code::kNotABundle, fmt::format("{} has no bagit.txt", quoted(path)))
          .add_next_step(fmt::format("a bundle lies in it: pass {}", quoted(inner)));
    }
  }
  if (files.find(io::join(path, std::string(bagit::kDeclarationPath)))) {
    return Error(Code::kNotABundle,
                 fmt::format("{} has no {}", quoted(path), bagit::kTagManifestPath))
        .add_next_step(
            "if it is a bundle that lost it, this makes it again: seabag-import patch BUNDLE "
            "--seal DIGEST");
  }
  return {Code::kNotABundle, fmt::format("{} has no bagit.txt, it is not a bundle", quoted(path))};
}

constexpr const char* kMendTagFile =
    "seabag-import patch makes this file again if nothing else of the tag files is wrong; another "
    "copy of the bundle mends it in any case: seabag-import patch BUNDLE COPY";
constexpr const char* kMendIndex =
    "another copy of the bundle mends it: seabag-import patch BUNDLE COPY; what is in the bundle "
    "can be had without its index: seabag-import list, push";

// A tag file that was compared with the tag manifest; only then may it be parsed.
io::Bytes read_verified(io::FileSystem& files, const std::string& bag,
                        const bagit::ManifestEntry& entry, std::uint64_t max_bytes) {
  const std::string path = io::join(bag, entry.path);
  if (!files.find(path)) {
    throw Error(Code::kIntegrity, fmt::format("{} is missing", entry.path))
        .add_next_step(kMendTagFile);
  }
  io::Bytes bytes = io::read_file(files, path, max_bytes);
  const auto actual = digest::digest_of(bytes);
  if (actual == entry.checksum) return bytes;
  throw Error(Code::kIntegrity, fmt::format("{}: expected {}, got {}", entry.path,
                                            entry.checksum.text(), actual.text()))
      .add_next_step(kMendTagFile);
}

std::vector<bagit::ManifestEntry> parse_tag_manifest(const io::Bytes& bytes) try {
  return bagit::parse_manifest(io::text_of(bytes), std::string(bagit::kTagManifestPath));
} catch (Error& error) {
  error.add_next_step(
      "if it is damaged, this makes it again: seabag-import patch BUNDLE --seal DIGEST");
  throw;
}

const bagit::ManifestEntry& require_listed(const std::vector<bagit::ManifestEntry>& tags,
                                           std::string_view name) {
  const auto found = std::ranges::find(tags, name, &bagit::ManifestEntry::path);
  if (found != tags.end()) return *found;
  throw Error(Code::kIntegrity, fmt::format("{} does not list {}", bagit::kTagManifestPath, name));
}

// What mending left when it was cut off is nobody's: only who looks for damage wants to know.
void take_leftovers(std::vector<std::string>& unexpected, std::vector<std::string>* problems) {
  std::erase_if(unexpected, [&](const std::string& finding) {
    const auto name = find_mending_leftover(finding);
    if (name && problems != nullptr) {
      problems->push_back(fmt::format("{} {}", quoted(*name), kLeftByMending));
    }
    return name.has_value();
  });
}

// Whether a sentence of bagit::check_complete() is about a file of the payload.
bool is_about_payload(const std::string& finding) {
  return finding.starts_with(fmt::format("\"{}/", bagit::kPayloadDirectory)) ||
         finding.ends_with(bagit::kMoreLeftOut);
}

// The first of what was found, and how many more there are.
Error first_of(Code code, const std::vector<std::string>& list) {
  if (list.size() == 1) return {code, list.front()};
  return {code, fmt::format("{} (and {} more like it)", list.front(), list.size() - 1)};
}

Error first_unexpected(const std::vector<std::string>& unexpected) {
  return first_of(Code::kIntegrity, unexpected)
      .add_next_step(
          unexpected.size() == 1
              ? "remove it: it is no part of the bundle"
              : "remove them, they are no part of the bundle: seabag-import verify names all");
}

// A journal beside the index could change what is read from it. Such files are malformed, and
// refused whoever opens the bundle; other unexpected files do no harm to who looks for them.
void require_complete(io::FileSystem& files, const std::string& path,
                      const std::vector<bagit::ManifestEntry>& payload,
                      const std::vector<bagit::ManifestEntry>& tags,
                      std::vector<std::string>* problems,
                      std::vector<std::string>* unexpected_files) {
  bagit::BagReport report = bagit::check_complete(files, path, payload, tags);
  take_leftovers(report.unexpected, problems);
  if (!report.malformed.empty()) throw first_of(Code::kMalformed, report.malformed);
  if (problems != nullptr) {
    for (auto* list : {&report.unexpected, &report.missing}) {
      std::ranges::copy_if(*list, std::back_inserter(*problems), is_about_payload);
      std::erase_if(*list, is_about_payload);
    }
  }
  if (unexpected_files != nullptr) {
    std::ranges::move(report.unexpected, std::back_inserter(*unexpected_files));
    report.unexpected.clear();
  }
  if (!report.unexpected.empty()) throw first_unexpected(report.unexpected);
  if (!report.missing.empty()) throw first_of(Code::kIntegrity, report.missing);
}

// The index, hashed and not read; or what is wrong with it.
struct HashedIndex {
  std::unique_ptr<io::File> file;
  std::string defect;  ///< empty: none
};

HashedIndex hash_index(io::FileSystem& files, const std::string& path,
                       const digest::Digest& checksum) {
  const std::string place = io::join(path, index::kIndexFile);
  const auto found = files.find(place);
  if (!found) return {nullptr, fmt::format("{} is missing", index::kIndexFile)};
  HashedIndex index{files.open(place, io::OpenMode::kRead), {}};
  if (index.file->size() > limits::kIndexBytes) {
    throw Error(Code::kMalformed,
                fmt::format("{} has {} bytes, more than the limit of {}", index::kIndexFile,
                            index.file->size(), limits::kIndexBytes));
  }
  try {
    const auto actual = digest::digest_of(io::FileBlob(*index.file, 0, index.file->size()));
    if (actual == checksum) return index;
    index.defect =
        fmt::format("{}: expected {}, got {}", index::kIndexFile, checksum.text(), actual.text());
  } catch (const Error& error) {
    if (error.code() != Code::kIo) throw;
    index.defect = error.what();
  }
  return index;
}

index::Index read_hashed_index(const io::File& file) {
  // The descriptor, not the path: what is read is what was hashed, whatever the name means by now.
  db::Database database =
      db::Database::open_untrusted(fmt::format("/proc/self/fd/{}", file.descriptor()));
  index::Index content = index::read_index(database);
  database.close();
  return content;
}

index::Index make_index_anew(io::FileSystem& files, const RebuildRequest& request,
                             const std::string& defect, const RebuildMeans* means,
                             std::vector<std::string>* problems) {
  if (means == nullptr) {
    throw Error(Code::kIntegrity, defect).add_next_step(kMendIndex);
  }
  means->progress.warn(
      fmt::format("{}; it is made anew from the tarballs, which are read in full for that. It no "
                  "longer says {}",
                  defect, kLostFacts));
  index::Index made = rebuild_index(files, request, *means, problems);
  const auto missing =
      std::ranges::count(made.content.blobs, index::Presence::kMissing, &index::Blob::presence);
  if (missing > 0) {
    means->progress.warn(
        fmt::format("{} blobs could not be had when the bundle was made; the images that they "
                    "belong to have no "
                    "name any more, and are left out",
                    missing));
  }
  return made;
}

// Of the tag files, those that are looked for: what is to be done about a lost index is said later.
std::vector<bagit::ManifestEntry> without_lost_index(io::FileSystem& files, const std::string& path,
                                                     std::vector<bagit::ManifestEntry> tags) {
  if (!files.find(io::join(path, index::kIndexFile))) {
    std::erase_if(tags, [](const auto& entry) { return entry.path == index::kIndexFile; });
  }
  return tags;
}

// What an unfinished bundle may lack, and whose files are written under their names elsewhere.
void require_sealed_disks(const index::Index& index) {
  for (const index::DiskInfo& disk : index.disks) {
    const auto require_below = [&](std::uint32_t file, std::string_view directory) {
      const std::string& path = index.files[file].path;
      if (io::parent_of(path) == directory) return;
      throw Error(Code::kMalformed, fmt::format("disk {}: {} does not lie in {}", quoted(disk.name),
                                                quoted(path), directory));
    };
    if (disk.files.empty() || disk.content.empty()) {
      throw Error(Code::kMalformed, fmt::format("disk {} has no {}", quoted(disk.name),
                                                disk.files.empty() ? "files" : "content digest"));
    }
    for (const std::uint32_t file : disk.files) require_below(file, "data/disks");
    if (disk.config) require_below(*disk.config, "data/config/disks");
  }
}

void require_known_format(const index::Index& index) {
  const auto version = index.metadata.find("format-version");
  if (version != index.metadata.end() && version->second == kFormatVersion) return;
  throw Error(Code::kUnsupported,
              fmt::format("bundle format {}, this program reads {}",
                          version == index.metadata.end() ? "(none)" : quoted(version->second),
                          kFormatVersion))
      .add_next_step("use a newer seabag-import");
}

}  // namespace

std::unique_ptr<const index::Index> read_sealed_index(io::FileSystem& files,
                                                      const std::string& bundle,
                                                      const digest::Digest& checksum) {
  const HashedIndex hashed = hash_index(files, bundle, checksum);
  if (!hashed.defect.empty()) {
    throw Error(Code::kIntegrity, hashed.defect).add_next_step("get another copy");
  }
  auto index = std::make_unique<const index::Index>(read_hashed_index(*hashed.file));
  require_known_format(*index);
  return index;
}

OpenedBundle OpenedBundle::open(io::FileSystem& files, const std::string& path,
                                const std::optional<digest::Digest>& expected_seal,
                                std::vector<std::string>* payload_problems,
                                const RebuildMeans* rebuild,
                                std::vector<std::string>* unexpected_files) try {
  const auto at = [&](std::string_view name) { return io::join(path, std::string(name)); };
  if (is_unfinished_path(path) || !files.find(at(bagit::kTagManifestPath)) ||
      files.find(at(kPlanFile))) {
    throw not_a_bundle(files, path);
  }
  const io::Bytes tag_manifest =
      io::read_file(files, at(bagit::kTagManifestPath), limits::kBagManifestBytes);
  OpenedBundle bundle(path, digest::digest_of(tag_manifest));
  if (expected_seal && *expected_seal != bundle.seal_) {
    throw Error(Code::kIntegrity, fmt::format("expected the seal {}, got {}", expected_seal->text(),
                                              bundle.seal_.text()))
        .add_next_step("this is another bundle, or it was changed after it was sealed");
  }
  const auto tags = parse_tag_manifest(tag_manifest);
  const auto read = [&](std::string_view name, std::uint64_t max_bytes) {
    return read_verified(files, path, require_listed(tags, name), max_bytes);
  };
  bagit::require_declaration(io::text_of(read(bagit::kDeclarationPath, limits::kBagLineBytes)));
  bundle.bag_info_ =
      bagit::parse_bag_info(io::text_of(read(bagit::kBagInfoPath, limits::kErrorBodyBytes)));
  const auto payload =
      bagit::parse_manifest(io::text_of(read(bagit::kManifestPath, limits::kBagManifestBytes)),
                            std::string(bagit::kManifestPath));
  // Before the index is opened: a journal that lies beside it is refused here.
  const bagit::ManifestEntry& index_entry = require_listed(tags, index::kIndexFile);
  require_complete(files, path, payload, without_lost_index(files, path, tags), payload_problems,
                   unexpected_files);
  const HashedIndex hashed = hash_index(files, path, index_entry.checksum);
  if (hashed.defect.empty()) {
    bundle.index_ = std::make_unique<const index::Index>(read_hashed_index(*hashed.file));
  } else {
    bundle.index_ = std::make_unique<const index::Index>(make_index_anew(
        files, {path, payload, bundle.bag_info_}, hashed.defect, rebuild, payload_problems));
    bundle.index_defect_ = hashed.defect;
  }
  require_known_format(*bundle.index_);
  require_sealed_disks(*bundle.index_);
  bundle.graph_ = std::make_unique<const index::Graph>(bundle.index_->content);
  bundle.open_payload(files, payload, payload_problems);
  return bundle;
} catch (Error& error) {
  error.add_context("bundle " + quoted(path));
  throw;
}

void OpenedBundle::open_payload(io::FileSystem& files,
                                const std::vector<bagit::ManifestEntry>& listed,
                                std::vector<std::string>* problems) {
  if (listed.size() != index_->files.size()) {
    throw Error(Code::kIntegrity,
                fmt::format("the index lists {} payload files, {} lists {}", index_->files.size(),
                            bagit::kManifestPath, listed.size()));
  }
  std::unordered_map<std::string_view, const bagit::ManifestEntry*> by_path;
  for (const bagit::ManifestEntry& entry : listed) by_path.emplace(entry.path, &entry);
  for (const index::PayloadFile& file : index_->files) {
    const auto entry = by_path.find(file.path);
    if (entry == by_path.end() || entry->second->checksum.hex() != file.sha256) {
      throw Error(Code::kIntegrity, fmt::format("the index and {} disagree about {}",
                                                bagit::kManifestPath, quoted(file.path)));
    }
    payload_.push_back(nullptr);
    if (problems != nullptr && !files.find(io::join(path_, file.path))) continue;
    auto opened = files.open(io::join(path_, file.path), io::OpenMode::kRead);
    if (opened->size() == file.size) {
      payload_.back() = std::move(opened);
      continue;
    }
    const std::string text =
        fmt::format("{}: expected {} bytes, got {}", quoted(file.path), file.size, opened->size());
    if (problems == nullptr) {
      throw Error(Code::kIntegrity, text)
          .add_next_step("the file was cut or extended; get another copy");
    }
    problems->push_back(text);
    payload_.back() = std::move(opened);
  }
  for (const index::Location& location : index_->locations) {
    const std::uint64_t end =
        checked_add(location.offset, index_->content.blobs[location.blob].size);
    if (end > index_->files[location.file].size) {
      throw Error(Code::kMalformed, fmt::format("the index places {} beyond the end of {}",
                                                index_->content.blobs[location.blob].digest.text(),
                                                quoted(index_->files[location.file].path)));
    }
  }
}

std::span<const index::Location> OpenedBundle::locations_of(index::BlobId blob) const {
  const auto range = std::ranges::equal_range(index_->locations, blob, {}, &index::Location::blob);
  return {range.begin(), range.end()};
}

std::unique_ptr<io::BlobSource> OpenedBundle::open_blob(index::BlobId blob) const {
  const auto locations = locations_of(blob);
  const index::Blob& wanted = index_->content.blobs[blob];
  if (locations.empty()) {
    throw Error(Code::kIntegrity,
                fmt::format("blob {} is not in the bundle", wanted.digest.text()));
  }
  const index::Location& at = locations.front();
  if (!payload_[at.file]) {
    throw Error(Code::kIntegrity,
                fmt::format("blob {} lies in {}, which is missing", wanted.digest.text(),
                            quoted(index_->files[at.file].path)));
  }
  return std::make_unique<io::FileBlob>(*payload_[at.file], at.offset, wanted.size);
}

oci::RawManifest OpenedBundle::manifest(index::BlobId blob) const {
  const index::ManifestInfo* manifest = graph_->find_manifest(blob);
  check(manifest != nullptr, "the blob is a manifest");
  const auto source = open_blob(blob);
  if (source->size() > limits::kManifestBytes) {
    throw Error(Code::kMalformed, fmt::format("manifest of {} bytes, more than the limit of {}",
                                              source->size(), limits::kManifestBytes));
  }
  io::Bytes bytes(source->size());
  source->read_at(0, bytes);
  return oci::verified(std::move(bytes), index_->content.media_types[manifest->media_type],
                       index_->content.blobs[blob].digest);
}

}  // namespace seabag::bundle
