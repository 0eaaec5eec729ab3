// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bundle/opened.h"
#include "bundle/verify.h"
#include "digest/digest.h"
#include "index/disks.h"
#include "index/index_file.h"

namespace seabag::bundle {

struct DamagedPlace {
  std::string file;  ///< the payload file, relative to the bundle
  std::uint64_t offset = 0;

  friend bool operator==(const DamagedPlace&, const DamagedPlace&) = default;
};

/// A blob that does not lie as it should in one place at least.
struct DamagedBlob {
  digest::Digest digest;
  std::uint64_t size = 0;
  std::string media_type;               ///< as a manifest that refers to it says; may be empty
  bool is_manifest = false;             ///< registries have manifests and other blobs apart
  std::vector<DamagedPlace> places;     ///< where it is damaged
  std::vector<std::string> references;  ///< full names of all that need it

  friend bool operator==(const DamagedBlob&, const DamagedBlob&) = default;
};

struct DamagedFile {
  index::PayloadFile file;  ///< as it should be
  bool is_missing = false;  ///< else of another size or content

  friend bool operator==(const DamagedFile&, const DamagedFile&) = default;
};

/// A disk of which a file is damaged. Disks are exported again as a whole.
struct DamagedDisk {
  index::DiskInfo disk;                   ///< `files` and `config` are not set
  std::vector<index::PayloadFile> files;  ///< all of the disk, whole ones too
  std::string identifiers;                ///< what was given for them: "uuid=..."; empty: nothing

  friend bool operator==(const DamagedDisk&, const DamagedDisk&) = default;
};

/// The configuration of a disk's server.
struct DamagedConfig {
  std::string disk;
  index::PayloadFile file;

  friend bool operator==(const DamagedConfig&, const DamagedConfig&) = default;
};

struct DamagedRange {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  friend bool operator==(const DamagedRange&, const DamagedRange&) = default;
};

/// What is damaged in a bundle, and all that must be known to fetch it again.
struct Damage {
  digest::Digest seal;  ///< of the bundle
  std::vector<DamagedFile> files = {};
  std::vector<DamagedBlob> blobs = {};  ///< sorted by digest
  std::vector<DamagedDisk> disks = {};
  std::vector<DamagedConfig> configs = {};
  /// Of tarballs that are there: ranges of frames, which follow from the index. At most
  /// kDamagedRanges of them.
  std::vector<DamagedRange> frames = {};
  std::uint64_t frame_ranges = 0;  ///< how many there are
  /// What no patch mends, a sentence each: files that do not belong there, for one.
  std::vector<std::string> beyond_repair = {};

  /// Whether anything must come from where the bundle was exported.
  bool needs_patch() const { return !blobs.empty() || !disks.empty() || !configs.empty(); }
  bool is_any() const { return !files.empty() || !beyond_repair.empty(); }
};

inline constexpr std::size_t kDamagedRanges = 1000;

/// `report`: of a full verify() of `bundle`. Reads the frames of damaged tarballs.
Damage find_damage(const OpenedBundle& bundle, const VerifyReport& report);

}  // namespace seabag::bundle
