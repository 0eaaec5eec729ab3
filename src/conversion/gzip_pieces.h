// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "deflate/compressor_state.h"
#include "io/bytes.h"

namespace seabag::conversion {

/// Pieces of a gzip stream of one member, each compressed on its own, so that any of them can be
/// made again and they can be made in parallel: gzip_header(), pieces in order, gzip_trailer().
/// Source: RFC 1951 section 3.2.4, RFC 1952 section 2.3.
class PieceEncoder {
 public:
  /// Deflate blocks, none the last, that end at a byte and refer to nothing before them: the same
  /// bytes whatever was encoded before. Threads: one at a time.
  io::Bytes encode(std::span<const std::byte> piece);

 private:
  deflate::CompressorState state_;
};

/// No name and no time. Source: RFC 1952 section 2.3.
io::Bytes gzip_header();

/// An empty last block, and what the member's end says of all bytes: their CRC-32 and number.
io::Bytes gzip_trailer(std::uint32_t crc, std::uint64_t length);

/// The CRC-32 of gzip, gone on with; that of no bytes is 0.
std::uint32_t crc32(std::uint32_t crc, std::span<const std::byte> bytes);

}  // namespace seabag::conversion
