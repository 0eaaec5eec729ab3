// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bagit/bag_files.h"
#include "io/file_system.h"

namespace seabag::bagit {

/// How the sentence about an unexpected file ends.
inline constexpr std::string_view kInNoManifest = "is in no manifest";
/// How the last sentence of a list ends that left some out.
inline constexpr std::string_view kMoreLeftOut = "more, beside data/ or in it";

/// What a look at a bag's files found wrong; each is a sentence with the file's name in it. A list
/// ends after limits::kBagFindings of them with the number of those left out.
struct BagReport {
  std::vector<std::string> missing;  ///< listed, not there
  std::vector<std::string>
      unexpected;  ///< there, not listed; links, pipes, devices, directories too
  /// What must not be in a bag at all: listed files and their parents that are links or the like,
  /// fetch.txt, manifests of other algorithms, journals beside a database; tag files that must be
  /// listed and are not.
  std::vector<std::string> malformed;
};

/// Holds the names in the bag's directory tree against the two manifests: RFC 8493's "complete",
/// and nothing extra among the tag files either. Reads no file, follows no link below `bag`, and
/// does not look into directories that hold nothing listed.
BagReport check_complete(io::FileSystem& files, const std::string& bag,
                         const std::vector<ManifestEntry>& payload,
                         const std::vector<ManifestEntry>& tags);

}  // namespace seabag::bagit
