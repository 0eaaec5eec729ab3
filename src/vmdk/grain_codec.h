// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "deflate/compressor_state.h"

struct libdeflate_decompressor;

namespace seabag::vmdk {

/// Grains as zlib streams (RFC 1950). VMware's text says deflate alone, all programs write zlib.
/// Threads: one at a time.
class GrainEncoder {
 public:
  /// Compresses `grain` into `out`, the same bytes whatever was compressed before; its length.
  /// Requires: room in `out` for stored_length(grain.size()).
  std::size_t encode(std::span<const std::byte> grain, std::span<std::byte> out);

 private:
  deflate::CompressorState state_;
};

/// Length of `length` bytes as a zlib stream of stored blocks: what nothing compresses needs.
std::size_t stored_length(std::size_t length);
/// Writes that stream; its length.
std::size_t store_grain(std::span<const std::byte> grain, std::span<std::byte> out);

/// Threads: one at a time.
class GrainDecoder {
 public:
  GrainDecoder();
  ~GrainDecoder();
  GrainDecoder(const GrainDecoder&) = delete;
  GrainDecoder& operator=(const GrainDecoder&) = delete;

  /// Bytes that the zlib stream `in` has inside; at most out.size(). Nothing if it is damaged, does
  /// not end with `in`, or has more.
  std::optional<std::size_t> decode(std::span<const std::byte> in, std::span<std::byte> out);

 private:
  libdeflate_decompressor* decompressor_;
};

/// Objects that are costly to make, for as many threads as there are. Threads: safe.
template <class Object>
class Pool {
 public:
  /// Runs `work` with an object that no other thread has meanwhile; what it returns. An object that
  /// work() threw with is not used again.
  template <class Work>
  auto with(Work work) {
    std::unique_ptr<Object> object = take();
    if (!object) object = std::make_unique<Object>();
    auto result = work(*object);
    give_back(std::move(object));
    return result;
  }

 private:
  std::unique_ptr<Object> take() {
    const std::scoped_lock lock(mutex_);
    if (idle_.empty()) return nullptr;
    auto object = std::move(idle_.back());
    idle_.pop_back();
    return object;
  }
  void give_back(std::unique_ptr<Object> object) {
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(object));
  }

  std::mutex mutex_;  // guards what follows
  std::vector<std::unique_ptr<Object>> idle_;
};

}  // namespace seabag::vmdk
