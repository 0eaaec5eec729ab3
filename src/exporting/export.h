// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "digest/digest.h"
#include "exporting/request.h"
#include "index/content.h"

namespace seabag::exporting {

/// An image that is not in the bundle, or not in full.
struct Missing {
  std::vector<std::string> references;  ///< the names that need it; one, or all that share a blob
  std::string reason;                   ///< "refused", "integrity", ...
  std::string detail;                   ///< one line
};

struct ExportReport {
  std::string bundle;                  ///< where it lies
  std::optional<digest::Digest> seal;  ///< none for a dry run
  index::Content content;
  std::vector<index::DiskInfo> disks;  ///< without content digests for a dry run
  std::vector<index::PayloadFile> files;
  std::uint64_t blobs = 0;          ///< in the bundle
  std::uint64_t payload_bytes = 0;  ///< of all files
  std::uint64_t shared_bytes = 0;  ///< what storing each blob once saved, against one copy an image
  std::vector<Missing> missing;    ///< not what was left out on purpose
  std::vector<Missing> left_out;   ///< on purpose
};

/// Resolves, plans, fetches and seals; with dry_run only resolves and plans, and writes nothing.
///
/// One image that cannot be had does not stop the rest: it is in `missing`, in the index, and the
/// bundle is sealed without it. A source that stops answering altogether does: the bundle stays
/// unfinished and --resume goes on.
///
/// Errors: kUnavailable, kCancelled, kNoSpace, kIo leave an unfinished bundle that --resume
/// continues; kUsage if
///         --resume is given other sources or options than the bundle was begun with; the first
///         image's own error if not a single one could be had.
ExportReport run_export(const ExportRequest& request, Means& means);

}  // namespace seabag::exporting
