// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "disk/disk_source.h"
#include "io/file_system.h"

namespace seabag::vhdx {

/// Opens a dynamic or fixed VHDX that stands alone and was closed.
///
/// The block allocation table is walked once, in pieces, and validated; read_at() reads what it
/// needs of it again.
/// Errors: kUnsupported for differencing disks, a log that has something to replay, and required
///         regions and items that we do not know; kMalformed for damage, overlaps and what points
///         out of the file.
/// Source: [MS-VHDX].
std::unique_ptr<disk::DiskSource> open(std::unique_ptr<io::File> file);

}  // namespace seabag::vhdx
