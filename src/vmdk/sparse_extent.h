// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "disk/disk_source.h"
#include "io/file_system.h"
#include "vmdk/header.h"

namespace seabag::vmdk {

/// The header of a sparse extent. Of a stream that has its directory at the end, with the place
/// that the footer gives it; `warnings` gets what else the footer says otherwise. Errors:
/// kMalformed, kUnsupported, naming the file.
SparseHeader read_sparse_header(const io::File& file, std::vector<std::string>& warnings);

/// The text of the descriptor inside the extent. Requires: header.descriptor_sectors is not 0.
/// Errors: kMalformed if it does not lie in the file; kUnsupported if it is too long.
std::string read_embedded_descriptor(const io::File& file, const SparseHeader& header);

/// What the tables of a sparse extent say is on it. Its size is the header's capacity.
/// Errors: those of GrainTables.
std::unique_ptr<disk::DiskSource> open_sparse_extent(std::unique_ptr<io::File> file,
                                                     const SparseHeader& header);

}  // namespace seabag::vmdk
