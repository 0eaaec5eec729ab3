// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <sqlite3.h>

#include "base/error.h"
#include "io/file_system.h"

namespace seabag::db {

/// An SQLite file layer for one connection that fills one file, through io::File: so that a test
/// can fail or kill at each write. Nobody else has the file open, so nothing is locked; no journal
/// and no other file beside it exists or is made.
///
/// Order: outlives its connection, which opens any path by name(). Threads: those of its
/// connection. Source: sqlite.org/vfs.html.
class FileVfs {
 public:
  explicit FileVfs(std::unique_ptr<io::File> file);
  ~FileVfs();
  FileVfs(const FileVfs&) = delete;
  FileVfs& operator=(const FileVfs&) = delete;

  const char* name() const { return name_.c_str(); }
  io::File& file() { return *file_; }
  /// Keeps what the file failed with: SQLite passes on no more than that it failed. The first one
  /// counts.
  void keep(const Error& failure);
  const std::optional<Error>& failure() const { return failure_; }

 private:
  std::unique_ptr<io::File> file_;
  std::optional<Error> failure_;
  std::string name_;
  sqlite3_vfs vfs_;
};

/// What the file of this connection failed with; nothing if it did not, or has no FileVfs.
std::optional<Error> find_file_failure(sqlite3* connection);

}  // namespace seabag::db
