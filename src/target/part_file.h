// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "io/file_system.h"

namespace seabag::target {

/// A file that has no name of its own before it is whole: "PATH.part" until land(), removed if that
/// never comes.
/// Requires: nobody else makes the same file at the same time.
class PartFile {
 public:
  /// What an interrupted run left at "PATH.part" makes room. `files` outlives this.
  PartFile(io::FileSystem& files, std::string path);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  io::File& file() { return *file_; }

  /// Makes the bytes durable and gives them their name, replacing what has it. The caller syncs the
  /// directory.
  void land();

 private:
  io::FileSystem& files_;
  std::string path_;
  std::string part_;
  std::unique_ptr<io::File> file_;
  bool has_landed_ = false;
};

}  // namespace seabag::target
