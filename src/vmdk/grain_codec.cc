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

namespace seabag::vmdk {
namespace {

// Measured on /usr of Debian 12 in 64 KiB pieces: level 1 takes 36 % at some 380 MiB/s and thread,
// level 3 35 % at 260, libdeflate's level 6 32 % at 60.
constexpr std::uint32_t kLevel = 1;

// RFC 1950 section 2.2 and RFC 1951 section 3.2.4.
constexpr std::array kZlibHeader = {std::byte{0x78}, std::byte{0x01}};
constexpr std::size_t kStoredBlockBytes = 65535;
constexpr std::size_t kStoredBlockHeaderBytes = 5;
constexpr std::size_t kAdlerBytes = 4;

// ISA-L takes its input by a pointer that is not const, and only reads there.
unsigned char* input_of(std::span<const std::byte> bytes) {
  return const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
}

}  // namespace

GrainEncoder::GrainEncoder()
    : stream_(std::make_unique<isal_zstream>()), level_buffer_(ISAL_DEF_LVL1_DEFAULT) {}

GrainEncoder::~GrainEncoder() = default;

std::size_t GrainEncoder::encode(std::span<const std::byte> grain, std::span<std::byte> out) {
  isal_deflate_stateless_init(stream_.get());
  stream_->level = kLevel;
  stream_->level_buf = reinterpret_cast<unsigned char*>(level_buffer_.data());
  stream_->level_buf_size = narrow<std::uint32_t>(level_buffer_.size());
  stream_->gzip_flag = IGZIP_ZLIB;
  stream_->end_of_stream = 1;
  stream_->flush = NO_FLUSH;
  stream_->next_in = input_of(grain);
  stream_->avail_in = narrow<std::uint32_t>(grain.size());
  stream_->next_out = reinterpret_cast<unsigned char*>(out.data());
  const std::size_t room = std::min(out.size(), stored_length(grain.size()));
  stream_->avail_out = narrow<std::uint32_t>(room);
  const int result = isal_deflate_stateless(stream_.get());
  if (result == STATELESS_OVERFLOW) return store_grain(grain, out);
  check(result == COMP_OK && stream_->avail_in == 0, "ISA-L compresses a grain");
  return stream_->total_out;
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
    std::ranges::copy(block, out.begin() + static_cast<std::ptrdiff_t>(at + 5));
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
