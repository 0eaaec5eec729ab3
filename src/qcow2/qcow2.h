// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "disk/disk_source.h"
#include "io/file_system.h"

namespace seabag::qcow2 {

/// Opens a qcow2 image, version 2 or 3, that stands alone: the active state, without internal
/// snapshots.
///
/// All tables are read once, in pieces, and validated; read_at() reads what it needs of them again.
/// No name in the image is ever opened.
/// Errors: kUnsupported for backing files, external data files, encryption and features that we do
///         not know; kMalformed for damage, overlaps and what points out of the file.
/// Source: QEMU, docs/interop/qcow2.txt.
std::unique_ptr<disk::DiskSource> open(std::unique_ptr<io::File> file);

}  // namespace seabag::qcow2
