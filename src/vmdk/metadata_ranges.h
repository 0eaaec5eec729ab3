// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace seabag::vmdk {

/// The sectors of an extent that hold its metadata, where no grain may lie.
///
/// Order: add() all, then seal(), then overlaps().
class MetadataRanges {
 public:
  /// Neighbours that are added one after the other cost the memory of one.
  /// Errors: kUnsupported if they lie in more runs than limits::kVmdkMetadataRuns.
  void add(std::uint64_t sector, std::uint64_t sectors);
  void seal();
  bool overlaps(std::uint64_t sector, std::uint64_t sectors) const;

 private:
  struct Run {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  std::vector<Run> runs_;
};

}  // namespace seabag::vmdk
