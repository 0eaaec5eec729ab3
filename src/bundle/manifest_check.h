// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "index/content.h"
#include "oci/manifest.h"

namespace seabag::bundle {

/// Holds what the index says a manifest refers to against the manifest itself: the index is a hint,
/// digests are the authority. Errors: kIntegrity, naming the first difference; kMalformed if the
/// manifest is none.
void require_same_edges(const index::Content& content, const index::Graph& graph,
                        index::BlobId blob, const oci::RawManifest& raw);

}  // namespace seabag::bundle
