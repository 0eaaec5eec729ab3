// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/utc_time.h"
#include "bundle/plan.h"
#include "exporting/disk_request.h"
#include "http/client.h"
#include "io/file_system.h"
#include "oci/platform.h"
#include "source/open_source.h"
#include "source/source_name.h"
#include "transfer/progress.h"

namespace seabag::exporting {

/// Which of a source's references, and how much of each, goes into the bundle.
struct Selection {
  std::vector<oci::Platform> platforms;  ///< of an index's children; empty: all
  std::vector<std::string> include;  ///< patterns over "repo:tag" and "host/repo:tag"; empty: all
  std::vector<std::string> exclude;
  std::uint32_t newest = 0;     ///< tags a repository, by creation time; 0: all
  bool attached = true;         ///< referrers, signatures and the like come along
  bool foreign_layers = false;  ///< fetch non-distributable layers from their URLs

  /// All of it as text, for the index and to tell whether --resume continues the same thing.
  std::string text() const;
};

struct ExportRequest {
  std::string bundle;
  std::vector<source::SourceName> sources;
  std::vector<DiskRequest> disks;
  DiskOptions disk_options;
  /// "[NAME=]FILE" of disks that the unfinished bundle knows and `disks` does not name.
  std::vector<std::string> configs;
  bool resume = false;
  bool dry_run = false;
  Selection selection;
  bundle::PlanOptions layout;
  int jobs = 8;
  std::uint64_t max_rate = 0;  ///< bytes a second; 0: no limit
  std::string tool;            ///< "seabag-export 0.1.0"
};

/// What an export works with.
struct Means {
  io::FileSystem& files;
  source::Surroundings surroundings;
  std::function<UtcTime()> now;
  http::Pause pause;
  transfer::Progress& progress;
  std::stop_token stop;
};

}  // namespace seabag::exporting
