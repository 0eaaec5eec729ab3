// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "io/file_system.h"

namespace seabag::testing {

enum class Operation {
  kOpen,
  kRead,
  kWrite,
  kResize,
  kReserve,
  kSync,
  kClose,
  kRename,
  kRemove,  ///< of files and directories
  kMakeDirectory,
  kSyncDirectory,
};
inline constexpr std::array kOperations = {
    Operation::kOpen,    Operation::kRead,          Operation::kWrite,        Operation::kResize,
    Operation::kReserve, Operation::kSync,          Operation::kClose,        Operation::kRename,
    Operation::kRemove,  Operation::kMakeDirectory, Operation::kSyncDirectory};

const char* name_of(Operation operation);

/// Which call fails, and how.
struct Fault {
  Operation operation = Operation::kWrite;
  int nth = 1;                ///< of the calls of that kind after fail() (1: the next)
  int error_number = EIO;     ///< reported as the real file system reports it
  bool for_ever = false;      ///< the calls of that kind after it too
  bool writes_short = false;  ///< of a write, the first half of the bytes lands
};

/// A file system that fails when it is told to, and counts. A call that fails does nothing, but for
/// a short write and for close, which closes. Threads: may be called concurrently.
class FaultFs : public io::FileSystem {
 public:
  explicit FaultFs(io::FileSystem& inner) : inner_(inner) {}

  void fail(Fault fault);
  void forget_faults();
  /// What the file system says of itself, as FAT does; it is not enforced.
  void limit_files(std::uint64_t largest) { largest_file_ = largest; }
  /// Calls for what lies below `directory` never fail, and do not count: what a test reads from.
  void spare(std::string directory) { spared_ = std::move(directory); }
  /// Runs `work` before each read, with the end of what is read, on the thread that reads.
  /// Order: before there are such threads.
  void before_reads(std::function<void(std::uint64_t end)> work) {
    before_reads_ = std::move(work);
  }
  /// Files have no data to whoever asks for holes, as with file systems that do not look at what is
  /// not synced yet.
  void find_no_data() { finds_data_ = false; }
  /// Calls of that kind so far, those that failed too.
  int calls(Operation operation) const;

  std::unique_ptr<io::File> open(const std::string& path, io::OpenMode mode) override;
  std::optional<io::FileInfo> find(const std::string& path) override { return inner_.find(path); }
  std::optional<io::FileId> identify(const std::string& path) override {
    return inner_.identify(path);
  }
  std::vector<io::DirectoryEntry> list(const std::string& directory) override {
    return inner_.list(directory);
  }
  void create_directory(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void remove_file(const std::string& path) override;
  void remove_directory(const std::string& path) override;
  void sync_directory(const std::string& directory) override;
  std::uint64_t available_bytes(const std::string& path) override {
    return inner_.available_bytes(path);
  }
  std::uint64_t largest_file(const std::string& path) override {
    return std::min(largest_file_, inner_.largest_file(path));
  }
  std::unique_ptr<io::Lock> try_lock(const std::string& path) override {
    return inner_.try_lock(path);
  }

 private:
  friend class FaultFile;

  /// Counts a call; the fault it meets.
  std::optional<Fault> met(Operation operation, const std::string& path);
  /// Counts a call. Errors: those of the fault it meets.
  void pass(Operation operation, const std::string& path);

  io::FileSystem& inner_;
  std::string spared_;
  std::function<void(std::uint64_t)> before_reads_;
  bool finds_data_ = true;
  std::uint64_t largest_file_ = std::numeric_limits<std::uint64_t>::max();
  mutable std::mutex mutex_;  // guards what follows
  std::vector<Fault> faults_;
  std::array<int, kOperations.size()> calls_ = {};
};

}  // namespace seabag::testing
