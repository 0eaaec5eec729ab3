// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace seabag::testing {

/// A new, empty folder, removed with all in it when this goes.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

}  // namespace seabag::testing
