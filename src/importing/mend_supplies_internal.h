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
#include "transfer/rate_limit.h"

namespace seabag::importing {

/// Where the right bytes of a damaged bundle come from: its patches, other copies of it, and what a
/// split bundle has twice. A patch was verified as a whole. A copy may be damaged in other places,
/// so what it gives is held against the digest first; its tag files and its index are not read, for
/// they are those of the bundle. What it cannot give is passed over.
///
/// Errors of all that read: kCancelled.
class Supplies {
 public:
  /// `bundle` and `stop` outlive this.
  Supplies(io::FileSystem& files, const bundle::OpenedBundle& bundle, const std::stop_token& stop)
      : files_(files), bundle_(bundle), stop_(stop), unlimited_(0, stop) {}

  /// A patch for the bundle, or a copy. Errors: kIntegrity if it is neither, or is a patch that is
  /// damaged itself.
  void add(const std::string& path, int jobs, transfer::Progress& progress);

  /// False: find() has nothing for this blob, or for this file. Reads nothing.
  bool may_have(const index::Location& at) const;
  bool may_have_file(std::uint32_t file) const;
  /// The bytes of the blob that belongs there, from anywhere else; null: nobody has them.
  std::unique_ptr<io::BlobSource> find(const index::Location& at) const;
  /// A payload file that has the checksum that this one should have; null: there is none.
  std::unique_ptr<io::BlobSource> find_file(std::uint32_t file) const;

  /// Whether `bytes` can be read and have that digest.
  bool has_digest(const io::BlobSource& bytes, const digest::Digest& expected) const;

 private:
  using Payload = std::vector<std::unique_ptr<io::File>>;  // by file of the bundle; null: none

  Payload open_payload(const std::string& path);
  bool is_copy(const std::string& path) const;
  const io::File* find_in_patches(const index::PayloadFile& wanted) const;
  const index::Blob& blob_at(const index::Location& at) const {
    return bundle_.index().content.blobs[at.blob];
  }

  io::FileSystem& files_;
  const bundle::OpenedBundle& bundle_;
  const std::stop_token& stop_;
  mutable transfer::NoProgress nobody_;
  mutable transfer::RateLimit unlimited_;
  std::vector<bundle::OpenedBundle> patches_;
  std::vector<Payload> copies_;
};

}  // namespace seabag::importing
