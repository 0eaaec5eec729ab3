// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "index/disks.h"
#include "index/index_file.h"
#include "io/file_system.h"

namespace seabag::bundle {

/// A disk whose files are on the medium of an unfinished bundle.
struct LandedDisk {
  std::string content;                    ///< its content digest
  std::vector<index::PayloadFile> files;  ///< paths and sizes; no checksums yet
  std::vector<index::ZeroedRange> zeroed;

  friend bool operator==(const LandedDisk&, const LandedDisk&) = default;
};

/// Records that a disk has landed. Order: its files were synced before, and their directory.
void write_landed_disk(io::FileSystem& files, const std::string& path, const LandedDisk& landed);

/// Nothing if there is no such record, or if it is not whole: the disk is then read again.
std::optional<LandedDisk> find_landed_disk(io::FileSystem& files, const std::string& path);

}  // namespace seabag::bundle
