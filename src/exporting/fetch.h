// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bundle/tarball_writer.h"
#include "exporting/landing.h"
#include "exporting/request.h"
#include "index/content.h"
#include "source/image_source.h"

namespace seabag::exporting {

struct FetchRequest {
  const std::vector<source::ImageSource*>& sources;  ///< parallel to Content::sources
  /// Parallel to Content::blobs: how many bytes of each an earlier run left. Not believed.
  const std::vector<std::uint64_t>& landed;
  int jobs = 1;
  std::uint64_t max_rate = 0;
  http::Pause pause;
};

/// Brings the bytes of every present blob but the manifests to its place: over `jobs` connections,
/// verified on the way. Blobs that would be waited for in the end come first, then small ones, then
/// the others in the tarballs' order. A transfer that breaks off goes on where it stopped. A blob
/// that cannot be had becomes kMissing in `content`, with an absence.
///
/// Errors: kUnavailable when a source does not answer any more (what other sources have is fetched
/// first); kCancelled;
///         those of the medium. The journal is written in any case.
void fetch(index::Content& content, const index::Graph& graph, bundle::TarballWriter& tarballs,
           Landing& landing, const FetchRequest& request, transfer::Progress& progress,
           const std::stop_token& stop);

}  // namespace seabag::exporting
