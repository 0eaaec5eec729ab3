// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/descriptor.h"
#include "oci/manifest.h"

/// What is attached to a manifest, and the names it has where there is no referrers API.
/// Source: OCI distribution-spec v1.1, "Listing Referrers", "Referrers Tag Schema"; cosign's tag
/// scheme.
namespace seabag::oci {

/// "sha256-6c3c...": the fallback tag, an index of referrers.
std::string referrers_tag(const digest::Digest& subject);

/// "sha256-6c3c....sig", ".att", ".sbom".
std::array<std::string, 3> cosign_tags(const digest::Digest& subject);

/// The subject that a fallback or cosign tag belongs to; nothing for any other tag.
std::optional<digest::Digest> subject_of_tag(std::string_view tag);

/// A descriptor of `manifest` as a referrers listing has it: artifactType and annotations lifted.
Descriptor referrer_descriptor(const RawManifest& raw, const Manifest& manifest);

/// The fallback index with `add` merged in: entries that are there already keep place and bytes,
/// others are appended. `existing` empty: a new index. Nothing if all were there already. Errors:
/// kMalformed if `existing` is no image index.
std::optional<std::string> merge_referrers(std::string_view existing,
                                           const std::vector<Descriptor>& add);

}  // namespace seabag::oci
