// SPDX-License-Identifier: Apache-2.0
#include "source/attached_list.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "oci/media_types.h"
#include "oci/referrers.h"

namespace seabag::source {

std::array<std::string, 4> attached_tags(const digest::Digest& subject) {
  auto [signature, attestation, sbom] = oci::cosign_tags(subject);
  return {oci::referrers_tag(subject), std::move(signature), std::move(attestation),
          std::move(sbom)};
}

void AttachedList::add(oci::Descriptor manifest, const std::string& tag) {
  if (!known_.emplace(manifest.digest, tag).second) return;
  if (attached_.size() == limits::kReferrers) {
    throw Error(Code::kMalformed,
                fmt::format("more than {} manifests are attached to one", limits::kReferrers));
  }
  attached_.push_back({std::move(manifest), tag});
}

void AttachedList::add_tagged(const oci::RawManifest& manifest, const std::string& tag) {
  add(manifest.descriptor(), tag);
  if (!oci::media_type::is_index(manifest.media_type())) return;
  for (oci::Descriptor& child : oci::parse_manifest(manifest).manifests) add(std::move(child));
}

}  // namespace seabag::source
