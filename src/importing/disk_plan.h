// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bundle/opened.h"
#include "importing/names.h"
#include "importing/restore_disks.h"
#include "io/file_system.h"
#include "oci/reference.h"
#include "target/target.h"

namespace seabag::importing {

/// What is asked for of the disks of a bundle.
struct DiskRequest {
  const NameOptions& names;
  const RestoreOptions& restore;
  std::string directory = {};  ///< of a target dir:DIR; empty: another target
  bool as_containers = false;  ///< --disk-as-container
  std::string receipt = {};    ///< the file that the receipt becomes; empty: none
};

/// Where one disk goes.
struct PlannedDisk {
  std::string name;  ///< "web01"; of a disk that came from a registry, its reference in the bundle
  std::optional<oci::Reference> reference =
      {};                               ///< what it is pushed as; nothing: it becomes files
  std::vector<std::string> paths = {};  ///< of files, the one that is opened first; or of a device
};

struct DiskPlan {
  std::vector<std::uint32_t> chosen;      ///< positions in Index::disks
  std::vector<NamedReference> artifacts;  ///< references that are disks, and become files again
  std::vector<PlannedDisk> disks;         ///< where `artifacts` go, and then `chosen`
  std::vector<std::string> problems;      ///< as in NamePlan
};

/// Where the disks go, beside `images`, out of which what becomes files of disks is taken. Nothing
/// is written, and all problems are known before a byte is sent.
/// Errors: kUsage for an option that speaks of a disk that there is not, that is not chosen, or
/// that it cannot be done to.
DiskPlan plan_disks(const bundle::OpenedBundle& bundle, NamePlan& images,
                    const DiskRequest& request, const target::Target& target,
                    io::FileSystem& files);

}  // namespace seabag::importing
