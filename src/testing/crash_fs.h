// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"

namespace seabag::testing {

/// What a loss of power does to that which was not synced.
enum class Damage {
  kLost,  ///< none of it is there
  kTorn,  ///< of names a prefix in time; of each file a prefix, and of the next write some sectors
  kReordered,  ///< any part of it: later writes without earlier ones, names without bytes, bytes
               ///< without names
};
inline constexpr std::array kDamages = {Damage::kLost, Damage::kTorn, Damage::kReordered};

const char* name_of(Damage damage);

/// A file system in memory that knows what is on its medium: of a file what File::sync() saw, of a
/// directory the names that sync_directory() saw, and nothing else. A rename is one step: after a
/// loss of power it was done or was not. Threads: may be called concurrently.
class CrashFs : public io::FileSystem {
 public:
  /// A directory "/" with nothing in it.
  CrashFs();
  ~CrashFs() override;

  /// The nth call from now on (1: the next) that changes or syncs something is the last: power goes
  /// while it is under way. It and all calls after it fail with kIo.
  void lose_power_at(int nth);
  /// The nth File::sync() from now on fails with kIo, as Linux does it: what was not synced stays
  /// readable, counts as clean, and is written by no later sync.
  void fail_sync_at(int nth);
  bool has_power() const;
  /// Calls so far that change or sync something.
  int changes() const;
  /// Power is back: what survived is all there is. `seed` chooses what survives of the unsynced,
  /// where the damage leaves a choice; of kReordered 0 keeps all names and no bytes, 1 the reverse.
  /// Requires: no file of before is used any more.
  void restart(Damage damage, std::uint32_t seed);
  /// Everything counts as synced.
  void sync_all();

  std::unique_ptr<io::File> open(const std::string& path, io::OpenMode mode) override;
  std::optional<io::FileInfo> find(const std::string& path) override;
  std::vector<io::DirectoryEntry> list(const std::string& directory) override;
  void create_directory(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void remove_file(const std::string& path) override;
  void remove_directory(const std::string& path) override;
  void sync_directory(const std::string& directory) override;
  std::uint64_t available_bytes(const std::string& path) override;
  std::unique_ptr<io::Lock> try_lock(const std::string& path) override;

 private:
  friend class CrashFile;
  struct Node;
  struct Survival;
  using NodePtr = std::shared_ptr<Node>;

  // All with mutex_ held.
  void require_power(const std::string& path) const;
  /// Counts a change. True: power goes while it is under way.
  bool begin_change(const std::string& path);
  void end_change(bool is_last, const std::string& path);
  NodePtr find_node(const std::string& path) const;
  Node& directory_of(const std::string& path) const;
  void set_entry(const std::string& path, NodePtr node);
  void remove(const std::string& path, bool is_directory);

  mutable std::mutex mutex_;  // guards all below, and the nodes
  NodePtr root_;
  std::uint64_t operations_ = 0;  // on names; changes of one operation survive together
  int changes_ = 0;
  int last_change_ = 0;  // 0: power stays
  bool has_power_ = true;
  int syncs_ = 0;         // of files
  int failing_sync_ = 0;  // 0: none
  std::shared_ptr<std::set<std::string>> locked_;
};

}  // namespace seabag::testing
