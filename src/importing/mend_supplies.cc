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

bool is_regular(io::FileSystem& files, const std::string& path) {
  const auto found = files.find(path);
  return found && found->kind == io::FileKind::kRegular;
}

}  // namespace

bool has_digest(const io::BlobSource& bytes, const digest::Digest& expected) try {
  return digest::digest_of(bytes, expected.algorithm()) == expected;
} catch (const Error& error) {
  if (error.code() == Code::kIntegrity || error.code() == Code::kIo) return false;
  throw;
}

void Supplies::add(const std::string& path, int jobs, transfer::Progress& progress,
                   const std::stop_token& stop) {
  if (is_copy(path)) {
    add_copy(path);
  } else {
    patches_.push_back(open_patch(files_, path, bundle_, jobs, progress, stop));
  }
}

bool Supplies::is_copy(const std::string& path) const {
  const std::string tag_manifest = io::join(path, std::string(bagit::kTagManifestPath));
  if (!is_regular(files_, tag_manifest)) return false;
  return digest::digest_of(io::read_file(files_, tag_manifest, limits::kBagManifestBytes)) ==
         bundle_.seal();
}

void Supplies::add_copy(const std::string& path) {
  Copy& copy = copies_.emplace_back();
  for (const index::PayloadFile& file : bundle_.index().files) {
    const std::string place = io::join(path, file.path);
    copy.payload.push_back(is_regular(files_, place) ? files_.open(place, io::OpenMode::kRead)
                                                     : nullptr);
  }
}

bool Supplies::may_have(const index::Location& at) const {
  return std::ranges::any_of(patches_,
                             [&](const OpenedBundle& patch) {
                               const auto held = patch.graph().find(blob_at(at).digest);
                               return held && !patch.locations_of(*held).empty();
                             }) ||
         std::ranges::any_of(copies_,
                             [&](const Copy& copy) { return copy.payload[at.file] != nullptr; });
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
  for (const Copy& copy : copies_) {
    if (copy.payload[at.file] == nullptr) continue;
    auto bytes = std::make_unique<io::FileBlob>(*copy.payload[at.file], at.offset, blob.size);
    if (has_digest(*bytes, blob.digest)) return bytes;
  }
  return nullptr;
}

std::unique_ptr<io::BlobSource> Supplies::find_file(std::uint32_t file) const {
  const index::PayloadFile& wanted = bundle_.index().files[file];
  for (const OpenedBundle& patch : patches_) {
    const auto& held = patch.index().files;
    const auto same = std::ranges::find(held, wanted.sha256, &index::PayloadFile::sha256);
    if (same == held.end()) continue;
    const auto* payload = patch.payload(static_cast<std::uint32_t>(same - held.begin()));
    return std::make_unique<io::FileBlob>(*payload, 0, payload->size());
  }
  for (const Copy& copy : copies_) {
    if (copy.payload[file] == nullptr || copy.payload[file]->size() != wanted.size) continue;
    auto bytes = std::make_unique<io::FileBlob>(*copy.payload[file], 0, wanted.size);
    if (has_digest(*bytes, digest::parse_digest("sha256:" + wanted.sha256))) return bytes;
  }
  return nullptr;
}

}  // namespace seabag::importing
