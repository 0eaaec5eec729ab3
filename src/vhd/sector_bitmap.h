// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "io/bytes.h"

namespace seabag::vhd {

/// The part of a block's bitmap that is about some sectors in a row: which of them are stored.
///
/// Units: sectors, counted from the first of the row.
class SectorBitmap {
 public:
  /// `bytes`: of the bitmap; the first sector of the row is bit `first`, counted from the most
  /// significant one of the first byte, and there are `count`.
  SectorBitmap(io::Bytes bytes, std::uint64_t first, std::uint64_t count);

  bool is_stored(std::uint64_t sector) const;
  /// How many sectors from `sector` on are stored, or are not, as it is.
  std::uint64_t run_at(std::uint64_t sector) const;

 private:
  io::Bytes bytes_;
  std::uint64_t first_;
  std::uint64_t count_;
};

}  // namespace seabag::vhd
