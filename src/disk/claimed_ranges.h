// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace seabag::disk {

/// Finds out whether the ranges that a container's tables point to overlap: two table entries on
/// one range make a large disk out of a small file, and no writer does it.
///
/// Memory: one bit for each `unit` bytes of the file.
class ClaimedRanges {
 public:
  /// `path`: of the container, for errors. `unit`: what every claim's offset is a multiple of.
  /// Errors: kUnsupported if the file has more than limits::kClaimUnits units.
  ClaimedRanges(std::string path, std::uint64_t file_size, std::uint64_t unit);

  /// Errors: kMalformed, with `what`, if the range does not lie in the file, does not begin at a
  /// multiple of the unit, or meets a unit claimed before.
  void claim(std::uint64_t offset, std::uint64_t length, const std::string& what);

 private:
  std::string path_;
  std::uint64_t file_size_;
  std::uint64_t unit_;
  std::vector<bool> claimed_;
};

}  // namespace seabag::disk
