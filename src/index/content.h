// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/grouped.h"
#include "base/utc_time.h"
#include "digest/digest.h"
#include "oci/descriptor.h"
#include "oci/manifest.h"
#include "oci/platform.h"

/// What a bundle holds, as values: the graph of blobs, the names they go by, where they were read,
/// and what is not there and why. The exporter builds it, the SQLite index stores it, the importer
/// reads it back.
namespace seabag::index {

/// Position in Content::blobs; the other ids are positions likewise.
using BlobId = std::uint32_t;

enum class Presence : std::uint8_t {
  kPresent,  ///< its bytes are in the bundle
  kLeftOut,  ///< on purpose: another platform, a foreign layer; Content::absences says which
  kMissing,  ///< it could not be had; Content::absences has the error
};

struct Blob {
  digest::Digest digest;
  std::uint64_t size = 0;
  Presence presence = Presence::kPresent;
};

enum class EdgeRole : std::uint8_t {
  kConfig,   ///< manifest -> config
  kLayer,    ///< manifest -> layer
  kChild,    ///< index -> manifest, by `manifests`
  kSubject,  ///< referrer -> the manifest it is about, by `subject`
};

/// One blob refers to another. Small: a large registry has hundreds of thousands.
struct Edge {
  BlobId parent = 0;
  BlobId child = 0;
  std::uint32_t position = 0;    ///< among the parent's edges of that role, from 0
  std::uint32_t media_type = 0;  ///< position in Content::media_types: what the parent declares
  std::uint32_t platform = 0;    ///< position in Content::platforms; 0: none
  EdgeRole role = EdgeRole::kConfig;
};

/// A blob that is a manifest or an index.
struct ManifestInfo {
  BlobId blob = 0;
  oci::ManifestKind kind = oci::ManifestKind::kImage;
  std::uint32_t media_type = 0;     ///< position in Content::media_types
  std::uint32_t artifact_type = 0;  ///< position in Content::media_types; 0: none
  std::string created;              ///< RFC 3339, of the image config; empty: not known
};

struct Repository {
  std::string registry;  ///< "localhost:5000"; empty where the source does not say
  std::string name;      ///< "library/busybox"

  friend auto operator<=>(const Repository&, const Repository&) = default;
};

enum class ReferenceKind : std::uint8_t {
  kTag,     ///< a tag that was asked for, or that names something attached (cosign's tags, fallback
            ///< tags)
  kDigest,  ///< a manifest that was asked for by digest
  kReferrer,  ///< a manifest that has no name: it is in the repository because it refers to one
              ///< that is
};

/// A root: a manifest under a name in a repository.
struct ReferenceInfo {
  std::uint32_t repository = 0;
  std::string tag;  ///< empty unless kind is kTag
  BlobId manifest = 0;
  ReferenceKind kind = ReferenceKind::kTag;
  std::uint32_t source = 0;
  UtcTime read_at;
};

struct Source {
  std::string uri;  ///< as on the command line, without credentials: "docker://localhost:5000"
};

/// Something that is not in the bundle although it belongs there.
struct Absence {
  std::optional<BlobId> blob;  ///< none: a whole reference that could not be resolved
  std::string reference;       ///< the name as text, where `blob` is none
  std::string
      reason;  ///< "platform", "foreign", or an Error's code name: "refused", "integrity", ...
  std::string detail;  ///< one line for people: the platform, the URLs, the error's text

  /// Left out because the user wanted it so, not because it could not be had.
  bool is_on_purpose() const { return reason == "platform" || reason == "foreign"; }
};

struct Content {
  std::vector<Blob> blobs;
  std::vector<ManifestInfo> manifests;
  std::vector<Edge> edges;  ///< grouped by parent, in role then position order
  std::vector<Repository> repositories;
  std::vector<ReferenceInfo> references;
  std::vector<Source> sources;
  std::vector<Absence> absences;
  std::vector<std::string> media_types = {""};               ///< 0 is none
  std::vector<oci::Platform> platforms = {oci::Platform()};  ///< 0 is none

  std::string name_of(
      const ReferenceInfo& reference) const;  ///< "host/repo:tag" or "host/repo@digest"
};

/// Puts everything into its one order, whatever order the network delivered it in: blobs by digest;
/// manifests by blob; edges by parent, role and position; repositories, sources, media types and
/// platforms by their text; references by repository, then tags by their text, then the untagged by
/// digest; absences by blob, then text. Ids are rewritten throughout, and what stands twice becomes
/// one. The same content gives the same value, and so the same bundle. Requires: no two blobs with
/// one digest, no two manifests with one blob. Errors:   kUsage if one tag means two manifests (two
/// sources can have one name each), naming both.
Content canonical(Content content);

/// For each blob, how many levels of manifests lie below it by child edges: 0 for an image.
/// Errors: kMalformed if there are more than limits::kIndexDepth, or a circle, as only edges that
/// lie can have. read_index() has asked.
std::vector<std::uint8_t> nesting_of(const Content& content);

/// The first part of it that is not in canonical()'s order, "blobs" for one; empty: all are.
std::string_view find_disorder(const Content& content);

/// Lookups over a Content that does not change any more. The content outlives this.
/// Requires: the edges are in canonical order; for find() the blobs too.
class Graph {
 public:
  explicit Graph(const Content& content);
  std::optional<BlobId> find(const digest::Digest& digest) const;
  const ManifestInfo* find_manifest(BlobId blob) const;  ///< null: not a manifest
  std::span<const Edge> edges_of(BlobId parent) const;
  /// Manifests whose subject is `blob`.
  std::span<const BlobId> referrers_of(BlobId blob) const;
  /// All that is reachable from `root` by config, layer and child edges, `root` first, each once,
  /// parents before children. Subjects are not followed.
  std::vector<BlobId> closure_of(BlobId root) const;

 private:
  void link_edges();

  const Content& content_;
  bool is_findable_;
  std::vector<std::uint32_t> manifest_of_;  // parallel to blobs; position in manifests + 1, 0: none
  std::vector<std::uint32_t> first_edge_;   // parallel to blobs, and one more; positions in edges
  Grouped<BlobId> referrers_;               // by blob
};

}  // namespace seabag::index
