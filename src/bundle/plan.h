// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/content.h"
#include "index/index_file.h"
#include "tar/plan.h"

namespace seabag::bundle {

struct PlanOptions {
  bool by_repository = false;  ///< a self-contained tarball for each repository
  std::uint64_t tarball_size =
      0;  ///< begin a new one before this many bytes are exceeded; 0: no limit
};

/// The options as the index's metadata has them under `layout`; empty: none.
std::string text_of(const PlanOptions& options);
/// Nothing if `text` is not what text_of() writes.
std::optional<PlanOptions> find_plan_options(std::string_view text);

/// One image layout tarball, every byte of it placed.
struct PlannedTarball {
  std::string path;                       ///< relative to the bag: "data/images/images.tar"
  std::vector<std::uint32_t> references;  ///< positions in Content::references, ascending
  std::vector<index::BlobId>
      blobs;  ///< in member order: manifests by digest, then the others by digest
  std::uint64_t index_json_size = 0;
  std::uint64_t docker_manifest_size = 0;
  tar::Plan plan;  ///< placements of oci-layout, index.json, manifest.json, then of `blobs`

  const tar::Placement& placement_of_blob(std::size_t position) const {
    return plan.placements[3 + position];
  }
};

struct BundlePlan {
  std::vector<PlannedTarball> tarballs;
  std::uint64_t payload_bytes() const;
  std::vector<index::PayloadFile> files() const;   ///< parallel to tarballs; no checksums yet
  std::vector<index::Location> locations() const;  ///< sorted by blob, then file
};

/// Decides which tarball holds what and where every member lies. Pure; after this nobody computes
/// an offset.
///
/// Each reference goes with all that it reaches, so every tarball is a whole layout. Without
/// options there is one tarball and each blob is in it once; --split-by and --tarball-size repeat a
/// blob in each tarball that needs it. Requires: `content` is canonical. Errors:   kUsage if one
/// reference alone needs more than tarball_size, saying which and how much.
BundlePlan plan_bundle(const index::Content& content, const index::Graph& graph,
                       const PlanOptions& options);

/// Whether `plan` is what `index` was made by: its first files and all of its locations are the
/// plan's.
bool is_plan_of(const BundlePlan& plan, const index::Index& index);

}  // namespace seabag::bundle
