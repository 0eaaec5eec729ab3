// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bundle/plan.h"
#include "index/disks.h"
#include "io/file_system.h"
#include "transfer/progress.h"

namespace seabag::exporting {

/// Holds the sizes that are known before the first byte against what one file can have in
/// `directory`: those of tarballs, and of disks in formats that do not grow. Warns of disks that
/// may grow too large.
/// Errors: kMediumUnfit, in numbers, and with the option that makes smaller files.
void require_files_fit(io::FileSystem& files, const std::string& directory,
                       const bundle::BundlePlan& plan, const std::vector<index::DiskInfo>& disks,
                       transfer::Progress& progress);

/// Warns, in numbers, of disks with more data than there is space for `bundle`: how much of it is
/// left when they are compressed nobody knows before.
void warn_of_space(io::FileSystem& files, const std::string& bundle, std::uint64_t data,
                   transfer::Progress& progress);

}  // namespace seabag::exporting
