// SPDX-License-Identifier: Apache-2.0
#include "disk/claimed_ranges.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

namespace seabag::disk {

ClaimedRanges::ClaimedRanges(std::string path, std::uint64_t file_size, std::uint64_t unit)
    : path_(std::move(path)), file_size_(file_size), unit_(unit) {
  check(unit > 0, "a unit of at least one byte");
  const std::uint64_t units = file_size / unit + (file_size % unit == 0 ? 0 : 1);
  if (units > limits::kClaimUnits) {
    throw Error(Code::kUnsupported,
                fmt::format("{}: {} bytes in units of {} are more than this build can check for "
                            "overlaps (at most {} units)",
                            quoted(path_), file_size, unit, limits::kClaimUnits));
  }
  claimed_.resize(units);
}

void ClaimedRanges::claim(std::uint64_t offset, std::uint64_t length, const std::string& what) {
  if (offset > file_size_ || length > file_size_ - offset) {
    throw Error(Code::kMalformed,
                fmt::format("{}: {}: points to {} bytes at {}, the file has {} bytes",
                            quoted(path_), what, length, offset, file_size_));
  }
  if (offset % unit_ != 0) {
    throw Error(Code::kMalformed, fmt::format("{}: {}: offset {} is no multiple of {}",
                                              quoted(path_), what, offset, unit_));
  }
  if (length == 0) return;
  for (std::uint64_t unit = offset / unit_; unit <= (offset + length - 1) / unit_; ++unit) {
    if (claimed_[unit]) {
      throw Error(Code::kMalformed,
                  fmt::format("{}: {}: the {} bytes at {} overlap what another entry points to",
                              quoted(path_), what, length, offset));
    }
    claimed_[unit] = true;
  }
}

}  // namespace seabag::disk
