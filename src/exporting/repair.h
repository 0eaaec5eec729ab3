// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bundle/damage.h"
#include "exporting/export.h"
#include "exporting/request.h"

namespace seabag::exporting {

struct RepairRequest {
  std::string patch;  ///< the directory to be made
  bundle::Damage damage;
  std::vector<source::SourceName> sources;
  std::vector<DiskRequest> disks;
  std::map<std::string, std::string> configs;  ///< of a disk's server: disk's name -> file
  bool zero_unreadable = false;
  int jobs = 8;
  std::uint64_t max_rate = 0;
  std::string tool;
};

struct RepairReport {
  std::string patch;
  digest::Digest patched;  ///< the seal of the bundle that is to be mended
  digest::Digest seal;     ///< of the patch
  std::uint64_t blobs = 0;
  std::uint64_t disks = 0;
  std::uint64_t configs = 0;
  std::uint64_t payload_bytes = 0;
  std::vector<Missing> missing;  ///< what the patch does not hold although it is damaged
  std::vector<std::string> beyond_repair;
};

/// Fetches what is damaged in a bundle, by digest, into a patch: a bundle of its own that names the
/// other one's seal. What cannot be had is in `missing`, and the patch is sealed without it.
///
/// Errors: kUsage if nothing must be fetched; kRefused if nothing at all could be had; kUnavailable
/// when no source answers any more; kCancelled; those of the medium. They leave nothing: a patch is
/// small, and made anew.
RepairReport run_repair(const RepairRequest& request, Means& means);

}  // namespace seabag::exporting
