// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "bundle/unfinished.h"
#include "exporting/request.h"
#include "index/index_file.h"

namespace seabag::exporting {

/// The options that a bundle depends on, as the metadata of its index keeps them.
std::map<std::string, std::string> options_of(const ExportRequest& request);

/// Holds what --resume was given against what the bundle was begun with, or it would become a
/// mixture of two. Sources, options of images, the cut of tarballs and what is said of disks may
/// each be left out, and must be the same where they are said.
///
/// Errors: kUsage naming what differs, with both values.
void require_begun_with(const ExportRequest& request, const Means& means,
                        const bundle::UnfinishedBundle& unfinished, const index::Index& plan);

}  // namespace seabag::exporting
