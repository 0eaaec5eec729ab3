// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bundle/opened.h"
#include "bundle/verify.h"
#include "conversion/formats.h"
#include "importing/disk_work.h"
#include "importing/push.h"
#include "importing/receipt.h"
#include "io/file_system.h"
#include "transfer/progress.h"

namespace seabag::importing {

/// How disks are put into a directory.
struct RestoreOptions {
  std::optional<conversion::OutputFormat> as = {};  ///< --disk-as; nothing: the files as they are
  std::map<std::string, std::string> to = {};       ///< by name of the disk: a device or a new file
  bool overwrite_device = false;
  OnExistingTag on_existing = OnExistingTag::kFail;  ///< files of that name with another content
  int jobs = 8;
};

/// The name that a disk goes by among references: "disks/NAME", and as its tag the time when it was
/// read, "20261121T051300Z".
oci::Reference disk_reference(const index::DiskInfo& disk);

/// The disks that --only and --except choose, by disk_reference(); positions in
/// Index::disks.
std::vector<std::uint32_t> chosen_disks(const index::Index& index, const NameOptions& options);

/// Where a directory that images are pushed into has its disks.
std::string disk_directory(const std::string& directory);

/// The names of the files that a disk becomes there, the one that is opened first, and that of its
/// server's configuration.
std::vector<std::string> restored_files(const index::Index& index, const index::DiskInfo& disk,
                                        std::optional<conversion::OutputFormat> as);
std::string config_file(const index::DiskInfo& disk);

/// The chosen disks in `directory`/disks, each with the configuration of its server beside it. What
/// is kept in its format is held against its checksum as it is copied; what is converted is held
/// against its checksum before it is opened, and against its content digest before it gets its
/// name. All but `disks` and `directory` outlives it.
std::unique_ptr<DiskWork> restore_disks(const bundle::OpenedBundle& bundle, io::FileSystem& files,
                                        const std::vector<std::uint32_t>& disks,
                                        const std::string& directory, const RestoreOptions& options,
                                        transfer::Progress& progress, const std::stop_token& stop,
                                        Receipt& receipt);

/// Holds every disk of the bundle against its content digest (verify --deep). The files were held
/// against their checksums before.
std::vector<bundle::Finding> verify_disks(const bundle::OpenedBundle& bundle, int jobs,
                                          transfer::Progress& progress,
                                          const std::stop_token& stop);

}  // namespace seabag::importing
