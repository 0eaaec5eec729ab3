// SPDX-License-Identifier: Apache-2.0
#include "bundle/manifest_check.h"

#include <vector>

#include <fmt/format.h>

#include "base/error.h"

namespace seabag::bundle {
namespace {

using index::EdgeRole;

std::vector<oci::Descriptor> stated(const oci::Manifest& manifest, EdgeRole role) {
  switch (role) {
    case EdgeRole::kConfig:
      return manifest.config ? std::vector{*manifest.config} : std::vector<oci::Descriptor>();
    case EdgeRole::kLayer:
      return manifest.layers;
    case EdgeRole::kChild:
      return manifest.manifests;
    case EdgeRole::kSubject:
      return manifest.subject ? std::vector{*manifest.subject} : std::vector<oci::Descriptor>();
  }
  return {};
}

}  // namespace

void require_same_edges(const index::Content& content, const index::Graph& graph,
                        index::BlobId blob, const oci::RawManifest& raw) {
  const oci::Manifest manifest = oci::parse_manifest(raw);
  for (const EdgeRole role :
       {EdgeRole::kConfig, EdgeRole::kLayer, EdgeRole::kChild, EdgeRole::kSubject}) {
    const std::vector<oci::Descriptor> expected = stated(manifest, role);
    std::size_t position = 0;
    for (const index::Edge& edge : graph.edges_of(blob)) {
      if (edge.role != role) continue;
      const index::Blob& child = content.blobs[edge.child];
      const bool is_same = position < expected.size() &&
                           expected[position].digest == child.digest &&
                           (expected[position].size == child.size || role == EdgeRole::kSubject);
      if (!is_same) {
        throw Error(Code::kIntegrity,
                    fmt::format("the index says it refers to {}, the manifest does not",
                                child.digest.text()));
      }
      ++position;
    }
    if (position != expected.size()) {
      throw Error(Code::kIntegrity,
                  fmt::format("the manifest refers to {}, the index does not say so",
                              expected[position].digest.text()));
    }
  }
}

}  // namespace seabag::bundle
