// SPDX-License-Identifier: Apache-2.0
#include <new>

#include <fmt/format.h>
#include <libdeflate.h>
#include <zstd.h>

#include "base/error.h"
#include "qcow2/decompressor_internal.h"

namespace seabag::qcow2 {

void Decompressor::Free::operator()(libdeflate_decompressor* inflater) const noexcept {
  libdeflate_free_decompressor(inflater);
}

void Decompressor::Free::operator()(ZSTD_DCtx_s* context) const noexcept {
  ZSTD_freeDCtx(context);
}

Decompressor::Decompressor(Compression compression) {
  if (compression == Compression::kZstd) {
    zstd_.reset(ZSTD_createDCtx());
  } else {
    inflater_.reset(libdeflate_alloc_decompressor());
  }
  if (!zstd_ && !inflater_) throw std::bad_alloc();
}

Decompressor::~Decompressor() = default;

void Decompressor::decompress(std::span<const std::byte> in, std::span<std::byte> out) {
  if (zstd_) {
    decompress_zstd(in, out);
  } else {
    inflate(in, out);
  }
}

// Raw deflate, without zlib's header and checksum. qemu compresses with a window of 4 KiB, which
// readers need not know.
void Decompressor::inflate(std::span<const std::byte> in, std::span<std::byte> out) {
  // Without a place for the actual length, anything but all of `out` is a failure.
  switch (libdeflate_deflate_decompress(inflater_.get(), in.data(), in.size(), out.data(),
                                        out.size(), nullptr)) {
    case LIBDEFLATE_SUCCESS:
      return;
    case LIBDEFLATE_SHORT_OUTPUT:
      throw Error(Code::kMalformed,
                  fmt::format("the deflate data end before {} bytes have come out", out.size()));
    case LIBDEFLATE_INSUFFICIENT_SPACE:
      throw Error(Code::kMalformed,
                  fmt::format("the deflate data do not end with {} bytes", out.size()));
    case LIBDEFLATE_BAD_DATA:
      break;
  }
  throw Error(Code::kMalformed, "the deflate data are damaged");
}

// Frames until the cluster is full. Each is decoded whole and into its place, so that a frame's
// window is never allocated, however large it claims to be.
void Decompressor::decompress_zstd(std::span<const std::byte> in, std::span<std::byte> out) {
  const std::size_t expected = out.size();
  while (!out.empty()) {
    if (in.empty()) {
      throw Error(Code::kMalformed,
                  fmt::format("the zstd frames end before {} bytes have come out", expected));
    }
    const std::size_t frame = ZSTD_findFrameCompressedSize(in.data(), in.size());
    if (ZSTD_isError(frame) != 0) {
      throw Error(Code::kMalformed,
                  fmt::format("no whole zstd frame: {}", ZSTD_getErrorName(frame)));
    }
    const std::size_t produced =
        ZSTD_decompressDCtx(zstd_.get(), out.data(), out.size(), in.data(), frame);
    if (ZSTD_isError(produced) != 0) {
      throw Error(Code::kMalformed,
                  fmt::format("the zstd frame does not give the {} bytes left: {}", out.size(),
                              ZSTD_getErrorName(produced)));
    }
    in = in.subspan(frame);
    out = out.subspan(produced);
  }
}

}  // namespace seabag::qcow2
