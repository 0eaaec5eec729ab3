// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "digest/digest.h"
#include "io/file_system.h"
#include "transfer/progress.h"

namespace seabag::importing {

struct MendRequest {
  std::string bundle;
  std::optional<digest::Digest> seal;  ///< what the bundle's must be; nothing: not compared
  std::vector<std::string> patches;    ///< or copies; none: what follows from the index alone
  int jobs = 1;
};

/// A file of the bundle that was changed.
struct MendedFile {
  std::string path;
  std::uint64_t bytes = 0;   ///< that were written
  bool was_missing = false;  ///< it was made anew
};

struct MendReport {
  std::vector<MendedFile> files;
  std::vector<std::string> not_mended;  ///< missing files that could not be made, a sentence each
};

/// Puts the right bytes where damaged ones are: blobs and files from patches, or from other copies
/// of the bundle, which may be damaged too; headers and tables of contents from the index; tag
/// files from a copy or from each other. Says nothing about the rest of the bundle: verify it
/// afterwards.
///
/// Only a range that is not as it should be is written to, with bytes that were held against its
/// digest or follow from the index; a missing file gets its name when its checksum is right. So
/// whatever ends this early leaves nothing worse than it was, and it can be done again.
///
/// Errors: those of OpenedBundle::open(), for the bundle and for a patch; kIntegrity if a patch is
/// for another bundle or damaged itself, or neither patch nor copy, before anything of the payload
/// is written; kLocked; kPermission (the next step says what to do with a medium that is
/// read-only); kNoSpace, kIo; kCancelled.
MendReport mend(io::FileSystem& files, const MendRequest& request, transfer::Progress& progress,
                const std::stop_token& stop);

}  // namespace seabag::importing
