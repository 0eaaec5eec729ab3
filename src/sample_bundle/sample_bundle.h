// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bundle/plan.h"
#include "index/content.h"
#include "index/index_file.h"
#include "io/file_system.h"
#include "oci/manifest.h"

/// A small bundle's content for tests: two repositories whose images share a layer, an index of two
/// platforms, and an SBOM that refers to an image. Linked by tests alone.
namespace seabag::sample_bundle {

struct Sample {
  index::Content content;  ///< canonical
  std::vector<oci::RawManifest> manifests;
  std::map<digest::Digest, std::string> bytes;  ///< of every blob
};

Sample make_sample();

/// Exports the sample into a sealed bundle at `path`, as the exporter does; `lost`: blobs that
/// could not be had; `lie`: changes the index before it is sealed. Returns the seal.
digest::Digest write_sample(io::FileSystem& files, const std::string& path, Sample& sample,
                            const bundle::PlanOptions& options,
                            const std::vector<digest::Digest>& lost = {},
                            const std::function<void(index::Index&)>& lie = {});

}  // namespace seabag::sample_bundle
