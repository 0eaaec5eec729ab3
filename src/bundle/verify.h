// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bundle/opened.h"
#include "transfer/progress.h"

namespace seabag::bundle {

/// Something that is wrong with a bundle.
struct Finding {
  std::string text;       ///< a sentence for people: the thing, expected and actual
  std::string file = {};  ///< relative to the bag; empty: not about one
  std::optional<digest::Digest> blob = {};   ///< the damaged or missing blob
  std::vector<std::string> references = {};  ///< every image name that needs it
};

struct VerifyReport {
  std::vector<Finding> findings;  ///< sorted by file, then text
  /// Payload files that are missing, or of another size or checksum; ascending. And blobs that do
  /// not have their digest where they should lie, but for those in missing files. Empty for a quick
  /// look.
  std::vector<std::uint32_t> damaged_files;
  std::vector<index::Location> damaged_blobs;
  std::uint64_t files = 0;  ///< payload files looked at
  /// Looked at, each once, in however many tarballs it lies. Not those that could not be had or
  /// were left out, nor those of missing files.
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;  ///< of payload read; 0 for a quick look
};

struct VerifyOptions {
  bool quick =
      false;  ///< names, structure and sizes alone: no payload byte is held against a checksum
  int jobs = 1;
};

/// Holds a whole bundle against its checksums and digests: every payload file against the payload
/// manifest, every blob against its digest, every manifest against what the index says it refers
/// to, the members of every tarball against the index, and nothing missing, nothing extra. Goes on
/// after what it finds. Errors: only what makes the bundle unreadable as such
/// (OpenedBundle::open()), and kCancelled.
VerifyReport verify(const OpenedBundle& bundle, std::vector<std::string> payload_problems,
                    const VerifyOptions& options, transfer::Progress& progress,
                    const std::stop_token& stop);

}  // namespace seabag::bundle
