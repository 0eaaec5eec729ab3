// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bundle/unfinished.h"
#include "exporting/request.h"
#include "index/index_file.h"

namespace seabag::exporting {

/// What is known of the disks before their bytes are read: opened, held against what the format and
/// the destination take. Sorted by name; positions count per server in the order of the request.
/// Errors: kUsage for two disks of one name, or a disk that its format or destination cannot hold;
/// those
///         of conversion::open_disk().
std::vector<index::DiskInfo> plan_disks(const ExportRequest& request, const Means& means);

/// Copies the configurations of the disks into the bundle, to the byte, adds them to `plan.files`
/// and links the disks to them. Errors: kUsage if one is no JSON document.
void copy_disk_configs(const ExportRequest& request, const Means& means,
                       const bundle::UnfinishedBundle& unfinished, index::Index& plan);

/// Holds the copies that an earlier run made against their checksums in `plan`. Errors: kIntegrity.
void require_disk_configs(const Means& means, const bundle::UnfinishedBundle& unfinished,
                          const index::Index& plan);

/// Reads every disk of `plan` that has not landed in an earlier run and writes it into the bundle.
/// Its files are added to `plan.files`. A disk that cannot be read becomes an absence. Errors:
/// those of this machine; kCancelled. What has landed stays for --resume.
void land_disks(const ExportRequest& request, const Means& means,
                const bundle::UnfinishedBundle& unfinished, index::Index& plan);

/// Removes the directory of the disks if none of them came: no manifest would list it.
/// Requires: it is there.
void remove_unused_directory(const Means& means, const bundle::UnfinishedBundle& unfinished);

}  // namespace seabag::exporting
