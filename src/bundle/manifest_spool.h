// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "io/file_system.h"
#include "oci/manifest.h"

namespace seabag::bundle {

/// Keeps the bytes of manifests between resolving and the freeze of the plan, on the medium: a
/// large registry has more of them than memory may hold. A file of records: 8 bytes of length
/// (big-endian), then the bytes.
///
/// Threads: one at a time; the caller locks.
class ManifestSpool {
 public:
  static ManifestSpool create(io::FileSystem& files, const std::string& path);
  static ManifestSpool reopen(io::FileSystem& files, const std::string& path);

  void add(const oci::RawManifest& manifest);
  void clear();  ///< nothing that was added is in it any more
  void sync();
  /// Every record in order. A record that a crash cut off at the end is left out.
  void for_each(const std::function<void(const io::Bytes& manifest)>& visit) const;

 private:
  ManifestSpool(std::unique_ptr<io::File> file, std::uint64_t end)
      : file_(std::move(file)), end_(end) {}

  std::unique_ptr<io::File> file_;
  std::uint64_t end_;
};

}  // namespace seabag::bundle
