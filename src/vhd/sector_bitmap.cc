// SPDX-License-Identifier: Apache-2.0
#include "vhd/sector_bitmap.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace seabag::vhd {

SectorBitmap::SectorBitmap(io::Bytes bytes, std::uint64_t first, std::uint64_t count)
    : bytes_(std::move(bytes)), first_(first), count_(count) {
  check(first_ + count_ <= bytes_.size() * 8, "a bit for each sector");
}

bool SectorBitmap::is_stored(std::uint64_t sector) const {
  const std::uint64_t bit = first_ + sector;
  return (bytes_[bit / 8] & (std::byte{0x80} >> (bit % 8))) != std::byte{0};
}

std::uint64_t SectorBitmap::run_at(std::uint64_t sector) const {
  const bool state = is_stored(sector);
  const std::byte whole = state ? std::byte{0xFF} : std::byte{0};
  std::uint64_t end = sector + 1;
  while (end < count_ && is_stored(end) == state) {
    // At the beginning of a byte that is all the same, all of it is taken at once.
    const std::uint64_t bit = first_ + end;
    end += bit % 8 == 0 && bytes_[bit / 8] == whole ? 8U : 1U;
  }
  return std::min(end, count_) - sector;
}

}  // namespace seabag::vhd
