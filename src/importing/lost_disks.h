// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bundle/rebuild.h"
#include "index/disks.h"
#include "index/index_file.h"
#include "io/file_system.h"

namespace seabag::importing {

/// The disks among the payload files of a bag whose index is lost, as their files show them: names
/// and formats by format-spec/disk.md, sizes and content digests by reading each disk in full, held
/// against its checksums before. Servers, order, sources and what could not be read there are not
/// in the files: each disk stands alone, with bundle::kUnknown as its source.
///
/// Errors: kIntegrity, kMalformed, naming the file; kCancelled; kIo.
std::vector<index::DiskInfo> read_lost_disks(io::FileSystem& files, const std::string& bag,
                                             const std::vector<index::PayloadFile>& payload,
                                             UtcTime read_at, const bundle::RebuildMeans& means);

}  // namespace seabag::importing
