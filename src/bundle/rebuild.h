// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "bagit/bag_files.h"
#include "base/utc_time.h"
#include "index/index_file.h"
#include "io/file_system.h"
#include "transfer/progress.h"

/// The index made anew out of the rest of the bundle, for when index.sqlite is lost or damaged.
/// format-spec/index.md, "Making it anew", says what comes back and what does not.
namespace seabag::bundle {

/// What the sealed index alone knew, for messages.
inline constexpr const char* kLostFacts =
    "from where and when images and disks were read, why something is missing or was left out, and "
    "the names of images that are not whole";

/// What stands where only the sealed index knew more: as the URI of sources, the reason of
/// absences.
inline constexpr const char* kUnknown = "unknown";

struct RebuildMeans {
  transfer::Progress& progress;
  std::stop_token stop;
  int jobs = 1;
  /// Reads the disks among the payload files. None: the index has no disks then.
  std::function<std::vector<index::DiskInfo>(const std::vector<index::PayloadFile>& files,
                                             UtcTime read_at)>
      read_disks = {};
};

/// A bag whose tag files were verified and whose names were held against its manifests.
struct RebuildRequest {
  std::string bag;
  const std::vector<bagit::ManifestEntry>& payload;
  const bagit::BagInfo& bag_info;
};

/// Reads each tarball against its checksum, and only then under the strict reader: its tables of
/// contents, and the manifests that they lead to, each against its digest.
///
/// `problems`: for verify, which finds damage by itself: nothing is held against checksums here,
/// what cannot be read is left out, and the reason goes there. Null: the first problem is thrown.
/// Errors: kIntegrity (a file is not what its checksum says), kMalformed (a tarball that a writer
/// does not make), kCancelled, kIo.
index::Index rebuild_index(io::FileSystem& files, const RebuildRequest& request,
                           const RebuildMeans& means, std::vector<std::string>* problems);

/// Errors: kIntegrity, naming the file, if it is not what the payload manifest says.
void require_checksum(const io::File& file, const index::PayloadFile& payload,
                      const RebuildMeans& means);

}  // namespace seabag::bundle
