// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "io/file_system.h"

namespace seabag::target {

/// A file that has no name of its own before it is whole: "PATH.part" until land(), removed if that
/// never comes.
/// Requires: nobody else makes the same file at the same time. Where another run does all the same,
/// its half-written file gets no name and is not removed.
class PartFile {
 public:
  /// What an interrupted run left at "PATH.part" makes room. `files` outlives this.
  PartFile(io::FileSystem& files, std::string path);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  io::File& file() { return *file_; }
  /// The same file for who must own what they write. Errors: also kLocked, as land().
  std::unique_ptr<io::File> open_again();

  /// Makes the bytes durable and gives them their name, replacing what has it. The caller syncs the
  /// directory. Errors: also kLocked if "PATH.part" is another file by now.
  void land();

 private:
  void require_ours() const;

  io::FileSystem& files_;
  std::string path_;
  std::string part_;
  std::unique_ptr<io::File> file_;
  std::optional<io::FileId> id_;
  bool has_landed_ = false;
};

}  // namespace seabag::target
