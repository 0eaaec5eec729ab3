// SPDX-License-Identifier: Apache-2.0
#include "index/content_builder.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"

namespace seabag::index {
namespace {

constexpr BlobId kNoBlob = std::numeric_limits<BlobId>::max();

void require_size(const digest::Digest& digest, std::uint64_t known, std::uint64_t size) {
  if (known == size) return;
  throw Error(Code::kMalformed,
              fmt::format("blob {} has {} bytes in one manifest and {} in another", digest.text(),
                          known, size));
}

// All that a manifest gives a size of, but its subject.
template <class Visit>
void for_each_sized(const oci::RawManifest& raw, const oci::Manifest& manifest, Visit visit) {
  visit(raw.descriptor());
  if (manifest.config) visit(*manifest.config);
  std::ranges::for_each(manifest.layers, visit);
  std::ranges::for_each(manifest.manifests, visit);
}

}  // namespace

std::uint32_t ContentBuilder::add_source(const std::string& uri) {
  content_.sources.push_back({uri});
  return static_cast<std::uint32_t>(content_.sources.size() - 1);
}

std::uint32_t ContentBuilder::add_repository(const oci::Reference& repository) {
  Repository key{repository.registry, repository.repository};
  const auto [found, added] =
      repositories_.try_emplace(key, static_cast<std::uint32_t>(content_.repositories.size()));
  if (added) content_.repositories.push_back(std::move(key));
  return found->second;
}

void ContentBuilder::add_reference(ReferenceInfo reference) {
  content_.references.push_back(std::move(reference));
}

std::size_t ContentBuilder::slot_of(const digest::Digest& digest) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<digest::Digest>()(digest) & mask;
  while (slots_[slot] != kNoBlob && content_.blobs[slots_[slot]].digest != digest) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void ContentBuilder::grow_slots() {
  slots_.assign(std::max<std::size_t>(64, 2 * slots_.size()), kNoBlob);
  for (BlobId blob = 0; blob < content_.blobs.size(); ++blob) {
    slots_[slot_of(content_.blobs[blob].digest)] = blob;
  }
}

BlobId ContentBuilder::add_blob(const digest::Digest& digest, std::uint64_t size) {
  if (4 * (content_.blobs.size() + 1) > 3 * slots_.size()) grow_slots();
  BlobId& blob = slots_[slot_of(digest)];
  if (blob == kNoBlob) {
    blob = narrow<BlobId>(content_.blobs.size());
    content_.blobs.push_back({digest, size, Presence::kPresent});
    wishes_.push_back(Wish::kNone);
    is_manifest_.push_back(false);
    is_subject_alone_.push_back(false);
  } else if (is_subject_alone_[blob]) {
    is_subject_alone_[blob] = false;
    content_.blobs[blob].size = size;
  } else {
    require_size(digest, content_.blobs[blob].size, size);
  }
  return blob;
}

BlobId ContentBuilder::add_subject(const oci::Descriptor& subject) {
  if (!slots_.empty()) {
    const BlobId known = slots_[slot_of(subject.digest)];
    if (known != kNoBlob) {
      std::uint64_t& size = content_.blobs[known].size;
      if (is_subject_alone_[known]) size = std::min(size, subject.size);
      return known;
    }
  }
  const BlobId blob = add_blob(subject.digest, subject.size);
  is_subject_alone_[blob] = true;
  return blob;
}

std::optional<std::uint64_t> ContentBuilder::size_of(const digest::Digest& digest) const {
  const BlobId blob = slots_.empty() ? kNoBlob : slots_[slot_of(digest)];
  if (blob == kNoBlob || is_subject_alone_[blob]) return std::nullopt;
  return content_.blobs[blob].size;
}

std::vector<Contradiction> ContentBuilder::contradictions(const oci::RawManifest& raw,
                                                          const oci::Manifest& manifest) const {
  std::vector<Contradiction> found;
  for_each_sized(raw, manifest, [&](const oci::Descriptor& descriptor) {
    const auto known = size_of(descriptor.digest);
    if (known && *known != descriptor.size && !proven_.contains(descriptor.digest)) {
      found.push_back({descriptor, *known});
    }
  });
  return found;
}

void ContentBuilder::require_proven(const oci::Descriptor& descriptor) const {
  const auto proven = proven_.find(descriptor.digest);
  if (proven == proven_.end() || proven->second == descriptor.size) return;
  throw Error(Code::kMalformed,
              fmt::format("the manifest gives blob {} {} bytes, but it has {}",
                          descriptor.digest.text(), descriptor.size, proven->second));
}

void ContentBuilder::require_one_size_each(const oci::RawManifest& raw,
                                           const oci::Manifest& manifest) const {
  Sizes here;
  for_each_sized(raw, manifest, [&](const oci::Descriptor& descriptor) {
    const auto [known, is_new] = here.try_emplace(descriptor.digest, descriptor.size);
    require_size(descriptor.digest, known->second, descriptor.size);
    if (!is_new) return;
    require_proven(descriptor);
    require_size(descriptor.digest, size_of(descriptor.digest).value_or(descriptor.size),
                 descriptor.size);
  });
}

std::uint32_t ContentBuilder::media_type(const std::string& text) {
  const auto [found, added] =
      media_types_.try_emplace(text, static_cast<std::uint32_t>(content_.media_types.size()));
  if (added) content_.media_types.push_back(text);
  return found->second;
}

std::uint32_t ContentBuilder::platform(const std::optional<oci::Platform>& platform) {
  if (!platform) return 0;
  const auto [found, added] =
      platforms_.try_emplace(*platform, static_cast<std::uint32_t>(content_.platforms.size()));
  if (added) content_.platforms.push_back(*platform);
  return found->second;
}

void ContentBuilder::add_edges(BlobId parent, EdgeRole role,
                               const std::vector<oci::Descriptor>& children) {
  for (std::uint32_t i = 0; i < children.size(); ++i) {
    content_.edges.push_back({.parent = parent,
                              .child = role == EdgeRole::kSubject
                                           ? add_subject(children[i])
                                           : add_blob(children[i].digest, children[i].size),
                              .position = i,
                              .media_type = media_type(children[i].media_type),
                              .platform = platform(children[i].platform),
                              .role = role});
  }
}

bool ContentBuilder::add_manifest(const oci::RawManifest& raw, const oci::Manifest& manifest) {
  require_one_size_each(raw, manifest);
  const BlobId blob = add_blob(raw.digest(), raw.bytes().size());
  require(blob);
  if (is_manifest_[blob]) return false;
  is_manifest_[blob] = true;
  const auto created = manifest.annotations.find("org.opencontainers.image.created");
  content_.manifests.push_back(
      {.blob = blob,
       .kind = manifest.kind,
       .media_type = media_type(raw.media_type()),
       .artifact_type = media_type(manifest.artifact_type),
       .created = created == manifest.annotations.end() ? "" : created->second});
  if (manifest.config) add_edges(blob, EdgeRole::kConfig, {*manifest.config});
  add_edges(blob, EdgeRole::kLayer, manifest.layers);
  add_edges(blob, EdgeRole::kChild, manifest.manifests);
  if (manifest.subject) add_edges(blob, EdgeRole::kSubject, {*manifest.subject});
  return true;
}

void ContentBuilder::require(BlobId blob) {
  wishes_[blob] = Wish::kRequired;
}

void ContentBuilder::leave_out(BlobId blob, std::string reason, std::string detail) {
  if (wishes_[blob] != Wish::kNone) return;
  wishes_[blob] = Wish::kLeftOut;
  content_.absences.push_back({blob, "", std::move(reason), std::move(detail)});
}

void ContentBuilder::lose(BlobId blob, std::string reason, std::string detail) {
  if (wishes_[blob] == Wish::kRequired || wishes_[blob] == Wish::kLost) return;
  wishes_[blob] = Wish::kLost;
  content_.absences.push_back({blob, "", std::move(reason), std::move(detail)});
}

void ContentBuilder::lose(std::string reference, std::string reason, std::string detail) {
  content_.absences.push_back(
      {std::nullopt, std::move(reference), std::move(reason), std::move(detail)});
}

Content ContentBuilder::take() {
  for (BlobId blob = 0; blob < content_.blobs.size(); ++blob) {
    const Wish wish = wishes_[blob];
    // A blob that nothing asks for is the subject of a referrer, known by name alone.
    content_.blobs[blob].presence = wish == Wish::kRequired ? Presence::kPresent
                                    : wish == Wish::kLost   ? Presence::kMissing
                                                            : Presence::kLeftOut;
  }
  // Left out here and required there, or lost here and had there: it is in the bundle.
  std::erase_if(content_.absences, [&](const Absence& absence) {
    if (!absence.blob) return false;
    const Wish wish = wishes_[*absence.blob];
    return wish == Wish::kRequired || (absence.is_on_purpose() && wish == Wish::kLost);
  });
  slots_ = std::vector<BlobId>();  // what is sorted needs the room
  Content content = canonical(std::move(content_));
  // Each name was followed so far and no further, but one may lead into the middle of another.
  nesting_of(content);
  return content;
}

}  // namespace seabag::index
