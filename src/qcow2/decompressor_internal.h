// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "qcow2/header_internal.h"

struct libdeflate_decompressor;
struct ZSTD_DCtx_s;

namespace seabag::qcow2 {

/// Decompresses clusters, one after the other. Threads: one at a time.
class Decompressor {
 public:
  explicit Decompressor(Compression compression);
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// Fills all of `out`, one cluster. `in` may go on behind the compressed bytes: an entry gives
  /// their length in sectors only.
  /// Errors: kMalformed if they are damaged, or more or less than `out` comes out of them.
  void decompress(std::span<const std::byte> in, std::span<std::byte> out);

 private:
  void inflate(std::span<const std::byte> in, std::span<std::byte> out);
  void decompress_zstd(std::span<const std::byte> in, std::span<std::byte> out);

  struct Free {
    void operator()(libdeflate_decompressor* inflater) const noexcept;
    void operator()(ZSTD_DCtx_s* context) const noexcept;
  };
  std::unique_ptr<libdeflate_decompressor, Free> inflater_;  // exactly one of the two is there
  std::unique_ptr<ZSTD_DCtx_s, Free> zstd_;
};

}  // namespace seabag::qcow2
