// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace seabag::tar {

/// The paths of one tarball, to find those that are there twice or differ in case alone: on a file
/// system that folds case they would be one file.
///
/// Holds 64-bit hashes, not paths: 128 MiB for limits::kTarMembers, where paths would take over
/// 1 GiB. A repeated path is always found. Two that only share a hash would be taken for a repeated
/// one: one chance in 250,000 at that limit, and plan_tarball(), which uses the same set, would
/// meet it first.
class PathSet {
 public:
  /// False if `path`, or one that differs in the case of ASCII letters alone, is in already.
  bool insert(std::string_view path);

 private:
  void grow();

  std::vector<std::uint64_t> slots_;  // open addressing, a power of two of them; 0: free
  std::size_t used_ = 0;
};

}  // namespace seabag::tar
