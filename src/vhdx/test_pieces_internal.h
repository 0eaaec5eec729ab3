// SPDX-License-Identifier: Apache-2.0
#pragma once

// A VHDX has some MiB before its first byte of data, nearly all of them zeros. Test data keep what
// is not zero: the size of the file (u64), then for each piece its offset (u64), its length (u32)
// and its bytes; little-endian. tests/data/make_bad_vhdx.py writes it, tests/fuzz reads it, too.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/endian.h"
#include "io/bytes.h"

namespace seabag::vhdx {

/// What lies beyond the size, or beyond the end of `pieces`, is dropped. A file has at most
/// `max_size` bytes.
inline io::Bytes join_pieces(std::span<const std::byte> pieces, std::uint64_t max_size) {
  if (pieces.size() < 8) return {};
  io::Bytes file(std::min(load_little_endian<std::uint64_t>(pieces, 0), max_size));
  for (pieces = pieces.subspan(8); pieces.size() >= 12;) {
    const auto offset = load_little_endian<std::uint64_t>(pieces, 0);
    const auto length = load_little_endian<std::uint32_t>(pieces, 8);
    pieces = pieces.subspan(12);
    const auto bytes = pieces.first(std::min<std::size_t>(length, pieces.size()));
    const std::uint64_t room = file.size() - std::min<std::uint64_t>(offset, file.size());
    std::ranges::copy(bytes.first(std::min<std::uint64_t>(room, bytes.size())),
                      file.end() - static_cast<std::ptrdiff_t>(room));
    pieces = pieces.subspan(bytes.size());
  }
  return file;
}

}  // namespace seabag::vhdx
