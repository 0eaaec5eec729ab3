// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

struct isal_zstream;

namespace seabag::deflate {

/// What ISA-L compresses with at level 1, placed in memory so that the same input gives the same
/// output in every thread and every run. ISA-L 2.30 alone does not see to that: the .cc says why.
///
/// Errors:  std::bad_alloc.
/// Threads: one at a time.
class CompressorState {
 public:
  CompressorState();
  CompressorState(const CompressorState&) = delete;
  CompressorState& operator=(const CompressorState&) = delete;
  ~CompressorState() = default;

  /// The stream as isal_deflate_stateless() wants it, with level and buffer set; nothing is left of
  /// what was compressed before.
  isal_zstream& renewed();
  /// isal_deflate_stateless() on that stream, and its result. Nothing else of the thread is slower
  /// afterwards, as it is behind ISA-L's own.
  int compress();

 private:
  struct Unmap {
    void operator()(isal_zstream* stream) const noexcept;
  };

  std::unique_ptr<isal_zstream, Unmap> stream_;
  std::vector<std::byte> level_buffer_;
};

/// Bytes as ISA-L takes them: by a pointer that is not const, although it only reads there.
unsigned char* input_of(std::span<const std::byte> bytes);

}  // namespace seabag::deflate
