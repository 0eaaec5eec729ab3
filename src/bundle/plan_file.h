// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "bundle/plan.h"
#include "index/index_file.h"
#include "io/file_system.h"

namespace seabag::bundle {

/// The frozen plan of an unfinished bundle: an index of the same schema as the final one, without
/// checksums. Its being there under its name says that planning was done.
///
/// Order: the spool was synced before.
void write_plan_file(io::FileSystem& files, const std::string& path, const index::Index& plan);

/// Errors: kIntegrity or kMalformed if it is damaged.
index::Index read_plan_file(io::FileSystem& files, const std::string& path);

}  // namespace seabag::bundle
