// SPDX-License-Identifier: Apache-2.0
#include "conversion/gzip_pieces.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>

#include "base/arith.h"
#include "base/endian.h"
#include "base/error.h"

namespace seabag::conversion {
namespace {

constexpr std::size_t kStoredBytes = 65535;
constexpr std::size_t kStoredHeaderBytes = 5;

std::size_t stored_size(std::size_t length) {
  return length + (length + kStoredBytes - 1) / kStoredBytes * kStoredHeaderBytes;
}

// Blocks of BTYPE 00, for what nothing compresses.
io::Bytes store(std::span<const std::byte> piece) {
  io::Bytes out;
  out.reserve(stored_size(piece.size()));
  while (!piece.empty()) {
    const auto block = piece.first(std::min(piece.size(), kStoredBytes));
    piece = piece.subspan(block.size());
    std::array<std::byte, kStoredHeaderBytes> header = {};
    const auto length = narrow<std::uint16_t>(block.size());
    store_little_endian(header, 1, length);
    store_little_endian(header, 3, static_cast<std::uint16_t>(~length));
    std::ranges::copy(header, std::back_inserter(out));
    std::ranges::copy(block, std::back_inserter(out));
  }
  return out;
}

}  // namespace

io::Bytes PieceEncoder::encode(std::span<const std::byte> piece) {
  isal_zstream& stream = state_.renewed();
  stream.gzip_flag = IGZIP_DEFLATE;
  stream.end_of_stream = 0;
  stream.flush = FULL_FLUSH;
  stream.next_in = deflate::input_of(piece);
  stream.avail_in = narrow<std::uint32_t>(piece.size());
  io::Bytes out(stored_size(piece.size()));
  stream.next_out = reinterpret_cast<unsigned char*>(out.data());
  stream.avail_out = narrow<std::uint32_t>(out.size());
  const int result = state_.compress();
  if (result == STATELESS_OVERFLOW) return store(piece);
  check(result == COMP_OK && stream.avail_in == 0, "ISA-L compresses a piece");
  out.resize(stream.total_out);
  return out;
}

io::Bytes gzip_header() {
  static constexpr std::array kHeader = {
      std::byte{0x1F}, std::byte{0x8B}, std::byte{8}, std::byte{0}, std::byte{0},
      std::byte{0},    std::byte{0},    std::byte{0}, std::byte{0}, std::byte{255}};
  return {kHeader.begin(), kHeader.end()};
}

io::Bytes gzip_trailer(std::uint32_t crc, std::uint64_t length) {
  io::Bytes trailer(kStoredHeaderBytes + 8);
  trailer[0] = std::byte{1};  // BFINAL, BTYPE 00, and no bytes
  store_little_endian(trailer, 3, std::uint16_t{0xFFFF});
  store_little_endian(trailer, 5, crc);
  store_little_endian(trailer, 9, static_cast<std::uint32_t>(length));  // modulo 2^32
  return trailer;
}

std::uint32_t crc32(std::uint32_t crc, std::span<const std::byte> bytes) {
  return libdeflate_crc32(crc, bytes.data(), bytes.size());
}

}  // namespace seabag::conversion
