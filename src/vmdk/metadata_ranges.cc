// SPDX-License-Identifier: Apache-2.0
#include "vmdk/metadata_ranges.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"

namespace seabag::vmdk {

void MetadataRanges::add(std::uint64_t sector, std::uint64_t sectors) {
  if (sectors == 0) return;
  if (!runs_.empty() && runs_.back().end == sector) {
    runs_.back().end += sectors;
    return;
  }
  if (runs_.size() == limits::kVmdkMetadataRuns) {
    throw Error(Code::kUnsupported,
                fmt::format("metadata lie in more than {} places, expected a few",
                            limits::kVmdkMetadataRuns))
        .add_next_step("copy the disk with the program that made it, into a new VMDK");
  }
  runs_.push_back({sector, sector + sectors});
}

void MetadataRanges::seal() {
  std::ranges::sort(runs_, {}, &Run::begin);
  std::vector<Run> joined;
  for (const Run& run : runs_) {
    if (!joined.empty() && run.begin <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, run.end);
    } else {
      joined.push_back(run);
    }
  }
  runs_ = std::move(joined);
}

bool MetadataRanges::overlaps(std::uint64_t sector, std::uint64_t sectors) const {
  // The first run that ends behind the begin of the range is the only one that can begin before
  // its end.
  const auto next = std::ranges::upper_bound(runs_, sector, {}, &Run::end);
  return next != runs_.end() && next->begin < sector + sectors;
}

}  // namespace seabag::vmdk
