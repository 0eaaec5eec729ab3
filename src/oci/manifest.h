// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/bytes.h"
#include "oci/descriptor.h"

namespace seabag::oci {

/// A manifest or index as it travels: the bytes that have the digest, and the media type under
/// which they are pushed. Never re-serialised. Only verified() makes one.
class RawManifest {
 public:
  const io::Bytes& bytes() const { return bytes_; }
  const std::string& media_type() const { return media_type_; }
  const digest::Digest& digest() const { return digest_; }
  Descriptor descriptor() const;  ///< media type, digest and size alone

 private:
  friend RawManifest verified(io::Bytes, std::string, const std::optional<digest::Digest>&);
  RawManifest(io::Bytes bytes, std::string media_type, const digest::Digest& digest);

  io::Bytes bytes_;
  std::string media_type_;
  digest::Digest digest_;
};

/// Computes the digest of `bytes` and holds it against `expected`; without `expected` (a pull by
/// tag) the SHA-256 becomes the digest. Errors: kIntegrity with both digests; kMalformed if larger
/// than limits::kManifestBytes.
RawManifest verified(io::Bytes bytes, std::string media_type,
                     const std::optional<digest::Digest>& expected);

enum class ManifestKind {
  kImage,     ///< config and layers of a container image
  kArtifact,  ///< a manifest that is no runnable image: charts, signatures, SBOMs, disks
  kIndex,     ///< an image index or a Docker manifest list
};

std::string_view name_of(ManifestKind kind);  ///< "image", "artifact", "index"

/// What a manifest refers to. Parsed from a RawManifest, never written back.
struct Manifest {
  ManifestKind kind = ManifestKind::kImage;
  std::string artifact_type = {};  ///< artifactType, else the config's media type for artifacts
  std::optional<Descriptor> config = {};  ///< none in an index
  std::vector<Descriptor> layers =
      {};  ///< in order; `blobs` of an OCI 1.1-rc artifact manifest too
  std::vector<Descriptor> manifests = {};  ///< children of an index, in order
  std::optional<Descriptor> subject = {};
  Annotations annotations = {};
};

/// Errors: all name the digest. kMalformed: not JSON, another schemaVersion than 2, a `mediaType`
/// that is
///         not the one it came under, members of an image in an index or the other way round
///         (readers would differ on what it is: CVE-2021-41190), more than limits::kIndexChildren
///         children. kUnsupported for Docker schema 1 and for a media type that is no manifest.
Manifest parse_manifest(const RawManifest& raw);

/// The media type to use when a server or a layout gives none, or one that says nothing
/// ("application/json"): the document's own `mediaType`, else deduced from its members as the
/// image-spec does (`manifests`: index; `config`: image manifest) and for Docker schema 1, so that
/// it can be refused by name. Errors: kMalformed.
std::string media_type_of(std::span<const std::byte> manifest);

/// `created` of an image config as to_rfc3339() writes it, so that texts sort as times; nothing if
/// the config has none or is no image config.
std::optional<std::string> created_of_config(std::span<const std::byte> config);

}  // namespace seabag::oci
