// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "disk/disk_source.h"
#include "io/file_system.h"
#include "vmdk/header.h"

namespace seabag::vmdk {

/// An extent of compressed grains, each behind a marker that says which one it is.
///
/// A grain whose marker says otherwise, and one that is not exactly one zlib stream of exactly one
/// grain, is kMalformed when it is read. The last grain may end with the disk, as QEMU writes it.
/// Memory: 1.4 MiB for each thread that reads.
std::unique_ptr<disk::DiskSource> open_stream_extent(std::unique_ptr<io::File> file,
                                                     const SparseHeader& header);

}  // namespace seabag::vmdk
