// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "bagit/bag_files.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/patch_label.h"
#include "bundle/verify.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "importing/mend_supplies_internal.h"
#include "io/file_blob.h"
#include "transfer/stages.h"

namespace seabag::importing {
namespace {

using bundle::OpenedBundle;

void require_patch_for(const OpenedBundle& bundle, const OpenedBundle& patch) {
  const auto label = std::ranges::find(patch.bag_info(), bundle::kPatchLabel,
                                       &std::pair<std::string, std::string>::first);
  if (label == patch.bag_info().end()) {
    throw Error(
        Code::kIntegrity,
        fmt::format("{} is a bundle, but no patch, and no copy of this one: expected the "
                    "seal {}, got {}",
                    seabag::quoted(patch.path()), bundle.seal().text(), patch.seal().text()))
        .add_next_step("make a patch with seabag-export --repair");
  }
  if (label->second == bundle.seal().text()) return;
  throw Error(Code::kIntegrity,
              fmt::format("{} is for the bundle with the seal {}, this one has {}",
                          seabag::quoted(patch.path()), seabag::quoted(label->second),
                          bundle.seal().text()))
      .add_next_step("pass the patch that was made from the list of this bundle");
}

OpenedBundle open_sound(io::FileSystem& files, const std::string& path) try {
  return OpenedBundle::open(files, path, std::nullopt);
} catch (const Error& error) {
  if (error.code() != Code::kIntegrity && error.code() != Code::kMalformed) throw;
  Error told(error.code(), error.what());
  told.add_next_step(
      "a damaged patch is copied again, or made anew; a copy of this bundle gets its tag manifest "
      "back first: seabag-import patch COPY BUNDLE --seal DIGEST");
  throw told;
}

// A damaged patch is refused as a whole: what is wrong with it is told before the bundle is
// touched.
OpenedBundle open_patch(io::FileSystem& files, const std::string& path, const OpenedBundle& bundle,
                        int jobs, transfer::Progress& progress, const std::stop_token& stop) {
  OpenedBundle patch = open_sound(files, path);
  require_patch_for(bundle, patch);
  const auto report = bundle::verify(patch, {}, {.quick = false, .jobs = jobs}, progress, stop);
  if (report.findings.empty()) return patch;
  throw Error(Code::kIntegrity, fmt::format("the patch {} is damaged itself: {}",
                                            seabag::quoted(path), report.findings.front().text))
      .add_next_step("copy it again, or make it anew");
}

bool is_regular(io::FileSystem& files, const std::string& path) {
  const auto found = files.find(path);
  return found && found->kind == io::FileKind::kRegular;
}

}  // namespace

bool Supplies::has_digest(const io::BlobSource& bytes, const digest::Digest& expected) const try {
  const transfer::MeteredSource metered(bytes, nobody_, unlimited_);
  return digest::digest_of(metered, expected.algorithm()) == expected;
} catch (const Error& error) {
  if (error.code() == Code::kIntegrity || error.code() == Code::kIo) return false;
  throw;
}

void Supplies::add(const std::string& path, int jobs, transfer::Progress& progress) {
  if (is_copy(path)) {
    copies_.push_back(open_payload(path));
  } else {
    patches_.push_back(open_patch(files_, path, bundle_, jobs, progress, stop_));
  }
}

bool Supplies::is_copy(const std::string& path) const {
  const std::string tag_manifest = io::join(path, std::string(bagit::kTagManifestPath));
  if (!is_regular(files_, tag_manifest)) return false;
  return digest::digest_of(io::read_file(files_, tag_manifest, limits::kBagManifestBytes)) ==
         bundle_.seal();
}

Supplies::Payload Supplies::open_payload(const std::string& path) {
  Payload payload;
  for (const index::PayloadFile& file : bundle_.index().files) {
    payload.push_back(nullptr);
    try {
      payload.back() = files_.open(io::join(path, file.path), io::OpenMode::kRead);
    } catch (const Error& error) {
      // Missing, a link, not to be read by us. What this process lacks must be said.
      if (error.code() == Code::kIo) throw;
    }
  }
  return payload;
}

bool Supplies::may_have(const index::Location& at) const {
  const auto places = bundle_.locations_of(at.blob);
  if (places.size() > 1) return true;
  const auto has_file = [&](const Payload& copy) { return copy[at.file] != nullptr; };
  const auto has_blob = [&](const OpenedBundle& patch) {
    const auto held = patch.graph().find(blob_at(at).digest);
    return held && !patch.locations_of(*held).empty();
  };
  return std::ranges::any_of(patches_, has_blob) || std::ranges::any_of(copies_, has_file);
}

std::unique_ptr<io::BlobSource> Supplies::find(const index::Location& at) const {
  const index::Blob& blob = blob_at(at);
  for (const OpenedBundle& patch : patches_) {
    const auto held = patch.graph().find(blob.digest);
    if (held && patch.index().content.blobs[*held].presence == index::Presence::kPresent &&
        !patch.locations_of(*held).empty()) {
      return patch.open_blob(*held);
    }
  }
  // A split bundle has a blob once for each repository.
  for (const index::Location& place : bundle_.locations_of(at.blob)) {
    std::vector<const io::File*> holders;
    if (place.file != at.file) holders.push_back(bundle_.payload(place.file));
    for (const Payload& copy : copies_) holders.push_back(copy[place.file].get());
    for (const io::File* file : holders) {
      if (file == nullptr) continue;
      auto bytes = std::make_unique<io::FileBlob>(*file, place.offset, blob.size);
      if (has_digest(*bytes, blob.digest)) return bytes;
    }
  }
  return nullptr;
}

const io::File* Supplies::find_in_patches(const index::PayloadFile& wanted) const {
  for (const OpenedBundle& patch : patches_) {
    const auto& held = patch.index().files;
    const auto same = std::ranges::find(held, wanted.sha256, &index::PayloadFile::sha256);
    if (same != held.end()) return patch.payload(static_cast<std::uint32_t>(same - held.begin()));
  }
  return nullptr;
}

bool Supplies::may_have_file(std::uint32_t file) const {
  const index::PayloadFile& wanted = bundle_.index().files[file];
  return find_in_patches(wanted) != nullptr ||
         std::ranges::any_of(copies_, [&](const Payload& copy) {
           return copy[file] != nullptr && copy[file]->size() == wanted.size;
         });
}

std::unique_ptr<io::BlobSource> Supplies::find_file(std::uint32_t file) const {
  const index::PayloadFile& wanted = bundle_.index().files[file];
  if (const io::File* held = find_in_patches(wanted)) {
    return std::make_unique<io::FileBlob>(*held, 0, held->size());
  }
  for (const Payload& copy : copies_) {
    if (copy[file] == nullptr || copy[file]->size() != wanted.size) continue;
    auto bytes = std::make_unique<io::FileBlob>(*copy[file], 0, wanted.size);
    if (has_digest(*bytes, digest::parse_digest("sha256:" + wanted.sha256))) return bytes;
  }
  return nullptr;
}

}  // namespace seabag::importing
