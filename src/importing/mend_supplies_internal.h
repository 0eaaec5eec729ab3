// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "bundle/opened.h"
#include "io/blob_source.h"
#include "io/file_system.h"
#include "transfer/progress.h"

namespace seabag::importing {

/// Where the right bytes of a damaged bundle come from: its patches, and other copies of it. A
/// patch was verified as a whole. A copy may be damaged in other places, so what it gives is held
/// against the digest first; its tag files and its index are not read, for they are those of the
/// bundle.
class Supplies {
 public:
  /// `bundle` outlives this.
  Supplies(io::FileSystem& files, const bundle::OpenedBundle& bundle)
      : files_(files), bundle_(bundle) {}

  /// A patch for the bundle, or a copy. Errors: kIntegrity if it is neither, or is a patch that is
  /// damaged itself.
  void add(const std::string& path, int jobs, transfer::Progress& progress,
           const std::stop_token& stop);

  /// False: find() has nothing for this blob. Reads nothing.
  bool may_have(const index::Location& at) const;
  /// The bytes of the blob that belongs there; null: nobody has them.
  std::unique_ptr<io::BlobSource> find(const index::Location& at) const;
  /// A payload file that has the checksum that this one should have; null: there is none.
  std::unique_ptr<io::BlobSource> find_file(std::uint32_t file) const;

 private:
  struct Copy {
    std::vector<std::unique_ptr<io::File>> payload;  ///< by file of the bundle; null: it lacks it
  };

  void add_copy(const std::string& path);
  bool is_copy(const std::string& path) const;
  const index::Blob& blob_at(const index::Location& at) const {
    return bundle_.index().content.blobs[at.blob];
  }

  io::FileSystem& files_;
  const bundle::OpenedBundle& bundle_;
  std::vector<bundle::OpenedBundle> patches_;
  std::vector<Copy> copies_;
};

/// Whether `bytes` can be read and have that digest.
bool has_digest(const io::BlobSource& bytes, const digest::Digest& expected);

}  // namespace seabag::importing
