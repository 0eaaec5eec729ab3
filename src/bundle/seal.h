// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "bagit/bag_files.h"
#include "digest/hasher.h"
#include "index/index_file.h"
#include "io/file_system.h"
#include "transfer/progress.h"

namespace seabag::bundle {

/// The version of the bundle format that this build writes, and the only one it reads.
inline constexpr const char* kFormatVersion = "1";

/// The checksum of a file, of which the first bytes were taken.
struct BegunChecksum {
  digest::Hasher hasher;
  std::uint64_t bytes = 0;
};

struct SealRequest {
  std::string directory;  ///< the bag in the making, its payload on the medium
  index::Index index;     ///< all but the checksums of the payload files
  /// Of the first of index.files; the others' begin at 0. What they cover is not written any more.
  std::vector<BegunChecksum> begun = {};
  bagit::BagInfo bag_info;  ///< Payload-Oxum is added here
  int jobs = 1;
};

struct Sealed {
  digest::Digest seal;  ///< the SHA-256 of tagmanifest-sha256.txt
  index::Index index;   ///< the request's, with the checksums
};

/// Closes a bag: reads the payload back where its checksums do not go yet, writes the index and the
/// tag files, and syncs all. What an earlier try left is replaced.
///
/// Order: payload, index, bagit.txt and bag-info.txt, payload manifest, tag manifest: a crash
/// leaves no file that
///        speaks of another which is not there. docs/ordering.md has the whole order.
Sealed seal(io::FileSystem& files, SealRequest request, transfer::Progress& progress,
            const std::stop_token& stop);

}  // namespace seabag::bundle
