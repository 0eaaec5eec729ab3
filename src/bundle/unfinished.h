// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "index/index_file.h"
#include "io/file_system.h"

namespace seabag::bundle {

/// The directory of a bundle in the making: "NAME.unfinished" beside where NAME will be. It becomes
/// NAME by one rename, last of all, so that nothing under the name NAME was ever unfinished.
///
///   plan.sqlite       the frozen plan; not there: resolving was not done, and begins anew
///   manifests.spool   manifests on their way into the tarballs
///   landed.log        what is on the medium
///   landed-disks/     a record for each disk whose files are on the medium
///   data/images/      the tarballs
class UnfinishedBundle {
 public:
  /// Errors: kUsage if `bundle` or an unfinished one of that name exists (the next step names
  /// --resume), or if it is called like an unfinished one; kLocked if another run works on it.
  static UnfinishedBundle create(io::FileSystem& files, const std::string& bundle);
  /// Errors: kNotABundle if there is none to resume, or it is finished; kMalformed if it is no
  /// directory; kLocked.
  static UnfinishedBundle reopen(io::FileSystem& files, const std::string& bundle);

  const std::string& directory() const { return directory_; }
  const std::string& bundle() const { return bundle_; }
  std::string path(const std::string& name) const { return io::join(directory_, name); }
  bool is_planned() const;
  /// A run was cut off in publish(): all is written and sealed, and only the name lacks.
  bool is_sealed() const;

  /// Removes all that a run before the freeze left. Errors: kUsage, and nothing removed, if
  /// something else lies there.
  void clear();
  /// Refuses what lies in it and is neither of the making nor of `payload`: sealed with it, no
  /// reader would take the bundle. Errors: kUsage naming one.
  void require_nothing_else(const std::vector<index::PayloadFile>& payload) const;
  /// Removes the directory and all in it.
  void discard();
  /// Removes what belongs to the making, the plan first, and gives the bundle its name. Cut off
  /// anywhere in it, it can be called again. Requires: the bundle is sealed and synced.
  void publish();

 private:
  UnfinishedBundle(io::FileSystem& files, std::string bundle);
  void require_own_names() const;

  io::FileSystem* files_;
  std::string bundle_;
  std::string directory_;
  std::unique_ptr<io::Lock> lock_;
};

inline constexpr const char* kPlanFile = "plan.sqlite";
inline constexpr const char* kSpoolFile = "manifests.spool";
inline constexpr const char* kLogFile = "landed.log";
inline constexpr const char* kDisksDirectory = "landed-disks";

/// Whether that is the name of a bundle in the making.
bool is_unfinished_path(const std::string& path);

/// Where the bundle of that name is being made.
std::string unfinished_path(const std::string& bundle);

}  // namespace seabag::bundle
