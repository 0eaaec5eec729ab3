// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "index/content.h"
#include "oci/manifest.h"
#include "oci/reference.h"

namespace seabag::index {

/// A descriptor that gives its blob another size than a manifest did before.
struct Contradiction {
  oci::Descriptor blob;
  std::uint64_t known = 0;
};

/// Gathers a Content while manifests come in, in any order. Threads: one at a time; the caller
/// locks.
class ContentBuilder {
 public:
  using Sizes = std::unordered_map<digest::Digest, std::uint64_t>;

  ContentBuilder() = default;
  /// `proven`: sizes of blobs, whatever a manifest says.
  explicit ContentBuilder(Sizes proven) : proven_(std::move(proven)) {}

  std::uint32_t add_source(const std::string& uri);
  std::uint32_t add_repository(const oci::Reference& repository);
  void add_reference(ReferenceInfo reference);

  /// The blob of a descriptor. Errors: kMalformed if it is known with another size.
  BlobId add_blob(const digest::Digest& digest, std::uint64_t size);
  /// A manifest and its edges; false if it is known already. Its own blob becomes present, what it
  /// refers to does not. Errors: kMalformed if it has a blob with another size than is known, or
  /// with two; nothing is known of it then.
  bool add_manifest(const oci::RawManifest& raw, const oci::Manifest& manifest);
  /// Of the manifest, its config, layers and children those that are known with another size than
  /// here, and none is proven: why add_manifest() refused it.
  std::vector<Contradiction> contradictions(const oci::RawManifest& raw,
                                            const oci::Manifest& manifest) const;

  void require(BlobId blob);  ///< the bundle is to hold it; wins over left out
  void leave_out(BlobId blob, std::string reason,
                 std::string detail);  ///< unless something requires it
  void lose(BlobId blob, std::string reason,
            std::string detail);  ///< required, but not to be had
  void lose(std::string reference, std::string reason, std::string detail);  ///< a whole reference

  /// All of it in canonical order. Errors: those of nesting_of(): no reader would take the bundle.
  Content take();

 private:
  enum class Wish : std::uint8_t { kNone, kLeftOut, kLost, kRequired };

  /// Where the id of the blob with this digest is in slots_, or belongs.
  std::size_t slot_of(const digest::Digest& digest) const;
  void grow_slots();
  /// As a manifest had it first.
  std::optional<std::uint64_t> size_of(const digest::Digest& digest) const;
  void require_proven(const oci::Descriptor& descriptor) const;
  void require_one_size_each(const oci::RawManifest& raw, const oci::Manifest& manifest) const;
  /// What a manifest says of the size of what it is attached to is not held against anything:
  /// nobody reads those bytes by it, and one who may push a referrer could take other's images out
  /// of an export. It counts as long as nothing else is known; of several the least.
  BlobId add_subject(const oci::Descriptor& subject);
  std::uint32_t media_type(const std::string& text);
  std::uint32_t platform(const std::optional<oci::Platform>& platform);
  void add_edges(BlobId parent, EdgeRole role, const std::vector<oci::Descriptor>& children);

  Sizes proven_;
  Content content_;
  std::vector<Wish> wishes_;            // parallel to content_.blobs
  std::vector<bool> is_manifest_;       // the same
  std::vector<bool> is_subject_alone_;  // the same: known by add_subject() and no other way
  // The blobs by digest, open addressing: 4 to 11 bytes a blob, where a map's node takes 80. A
  // power of two, at most three quarters in use.
  std::vector<BlobId> slots_;
  std::map<std::string, std::uint32_t> media_types_ = {{"", 0}};
  std::map<oci::Platform, std::uint32_t> platforms_ = {{oci::Platform(), 0}};
  std::map<Repository, std::uint32_t> repositories_;
};

}  // namespace seabag::index
