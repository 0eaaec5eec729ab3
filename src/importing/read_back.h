// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <vector>

#include "bundle/opened.h"
#include "importing/names.h"
#include "importing/receipt.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "target/target.h"
#include "transfer/progress.h"

namespace seabag::importing {

/// After push(): reads from the target what it has of the images that `receipt` says are there, and
/// enters those that are not as the bundle has them as failed. Each blob is read once, however many
/// repositories have it; manifests in each, and what each tag means.
/// Requires: `names` are those that were pushed, parallel to `receipt.references`.
/// Errors: kCancelled; kUnavailable when the target stops answering. Others are entered in the
/// receipt.
void read_back(const bundle::OpenedBundle& bundle, const std::vector<NamedReference>& names,
               target::Target& target, int jobs, transfer::Progress& progress,
               const std::stop_token& stop, Receipt& receipt);

/// The same for one image that shares nothing: reads the manifest, each blob that it names, and
/// what the tag of `name` means. Errors: kIntegrity if any of it is not there, or is something
/// else; those of the target.
void require_given_back(target::Target& target, const oci::Reference& name,
                        const oci::RawManifest& manifest);

}  // namespace seabag::importing
