// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "base/utc_time.h"
#include "bundle/manifest_spool.h"
#include "exporting/request.h"
#include "index/content.h"
#include "source/image_source.h"
#include "transfer/progress.h"

namespace seabag::exporting {

/// Whether an error is about this machine, this run or a bug, so that going on with the next image
/// makes no sense.
bool ends_the_run(const Error& error);

/// What resolving found: everything but the bytes of configs and layers.
struct Resolution {
  index::Content content;            ///< canonical
  std::optional<Error> first_error;  ///< of the first image that could not be had
};

struct ResolveRequest {
  std::vector<source::ImageSource*> sources;
  const Selection& selection;
  int jobs = 1;
  bundle::ManifestSpool* spool = nullptr;  ///< where manifests are kept; null: nowhere (a dry run)
  std::function<UtcTime()> now;
};

/// Walks from the sources' names to every blob: tags, manifests, indexes in indexes, and what is
/// attached to each of them. Sizes come from descriptors, so after this everything can be planned.
/// What cannot be had becomes an absence.
///
/// Errors: kUnavailable when a source does not answer any more; kCancelled; those of the spool.
Resolution resolve(const ResolveRequest& request, transfer::Progress& progress,
                   const std::stop_token& stop);

}  // namespace seabag::exporting
