// SPDX-License-Identifier: Apache-2.0
#include "vmdk/grain_codec.h"

#include <algorithm>
#include <array>
#include <new>

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>

#include "base/arith.h"
#include "base/endian.h"
#include "base/error.h"
#include "io/bytes.h"

namespace seabag::vmdk {
namespace {

// RFC 1950 section 2.2 and RFC 1951 section 3.2.4.
constexpr std::array kZlibHeader = {std::byte{0x78}, std::byte{0x01}};
constexpr std::size_t kStoredBlockBytes = 65535;
constexpr std::size_t kStoredBlockHeaderBytes = 5;
constexpr std::size_t kAdlerBytes = 4;

}  // namespace

std::size_t GrainEncoder::encode(std::span<const std::byte> grain, std::span<std::byte> out) {
  isal_zstream& stream = state_.renewed();
  stream.gzip_flag = IGZIP_ZLIB;
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  stream.next_in = deflate::input_of(grain);
  stream.avail_in = narrow<std::uint32_t>(grain.size());
  stream.next_out = reinterpret_cast<unsigned char*>(out.data());
  const std::size_t room = std::min(out.size(), stored_length(grain.size()));
  stream.avail_out = narrow<std::uint32_t>(room);
  const int result = state_.compress();
  if (result == STATELESS_OVERFLOW) return store_grain(grain, out);
  check(result == COMP_OK && stream.avail_in == 0, "ISA-L compresses a grain");
  return stream.total_out;
}

std::size_t stored_length(std::size_t length) {
  const std::size_t blocks = (length + kStoredBlockBytes - 1) / kStoredBlockBytes;
  return kZlibHeader.size() + blocks * kStoredBlockHeaderBytes + length + kAdlerBytes;
}

std::size_t store_grain(std::span<const std::byte> grain, std::span<std::byte> out) {
  check(!grain.empty() && out.size() >= stored_length(grain.size()), "room for a stored grain");
  std::ranges::copy(kZlibHeader, out.begin());
  std::size_t at = kZlibHeader.size();
  for (auto rest = grain; !rest.empty();) {
    const auto block = rest.first(std::min(rest.size(), kStoredBlockBytes));
    rest = rest.subspan(block.size());
    const auto length = narrow<std::uint16_t>(block.size());
    out[at] = std::byte{static_cast<unsigned char>(rest.empty() ? 1 : 0)};  // BFINAL, BTYPE 00
    store_little_endian(out, at + 1, length);
    store_little_endian(out, at + 3, static_cast<std::uint16_t>(~length));
    io::copy_bytes(block, out.subspan(at + kStoredBlockHeaderBytes));
    at += kStoredBlockHeaderBytes + block.size();
  }
  store_big_endian(out, at, libdeflate_adler32(1, grain.data(), grain.size()));
  return at + kAdlerBytes;
}

GrainDecoder::GrainDecoder() : decompressor_(libdeflate_alloc_decompressor()) {
  if (decompressor_ == nullptr) throw std::bad_alloc();
}

GrainDecoder::~GrainDecoder() {
  libdeflate_free_decompressor(decompressor_);
}

std::optional<std::size_t> GrainDecoder::decode(std::span<const std::byte> in,
                                                std::span<std::byte> out) {
  std::size_t taken = 0;
  std::size_t given = 0;
  const libdeflate_result result = libdeflate_zlib_decompress_ex(
      decompressor_, in.data(), in.size(), out.data(), out.size(), &taken, &given);
  if (result != LIBDEFLATE_SUCCESS || taken != in.size()) return std::nullopt;
  return given;
}

}  // namespace seabag::vmdk
