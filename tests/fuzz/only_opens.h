// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/file_system.h"

namespace seabag::fuzz {

/// A file system for parsers that only open files: whatever else they do is a finding.
class OnlyOpens : public io::FileSystem {
 public:
  using Open = std::function<std::unique_ptr<io::File>(const std::string& path)>;
  explicit OnlyOpens(Open open) : open_(std::move(open)) {}

  std::unique_ptr<io::File> open(const std::string& path, io::OpenMode /*mode*/) override {
    return open_(path);
  }
  std::optional<io::FileInfo> find(const std::string& path) override {
    return io::FileInfo{io::FileKind::kRegular, open_(path)->size()};
  }
  std::vector<io::DirectoryEntry> list(const std::string& /*path*/) override { __builtin_trap(); }
  void create_directory(const std::string& /*path*/) override { __builtin_trap(); }
  void rename(const std::string& /*from*/, const std::string& /*to*/) override { __builtin_trap(); }
  void remove_file(const std::string& /*path*/) override { __builtin_trap(); }
  void remove_directory(const std::string& /*path*/) override { __builtin_trap(); }
  void sync_directory(const std::string& /*path*/) override { __builtin_trap(); }
  std::uint64_t available_bytes(const std::string& /*path*/) override { __builtin_trap(); }
  std::unique_ptr<io::Lock> try_lock(const std::string& /*path*/) override { __builtin_trap(); }

 private:
  Open open_;
};

}  // namespace seabag::fuzz
