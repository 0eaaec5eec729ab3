// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "io/byte_sink.h"
#include "io/bytes.h"

namespace seabag::io {

/// Passes the bytes on in chunks of `capacity`, so that what comes in drops of 16 KiB, as libcurl
/// gives it, costs one write and one lock of the file's inode for many of them.
///
/// Order: what was gathered and neither passed on nor flushed is lost with the sink. What `next`
///        threw at is not passed on again.
class GatheringSink : public ByteSink {
 public:
  /// `capacity`: above 0, in bytes.
  GatheringSink(ByteSink& next, std::size_t capacity);
  void write(std::span<const std::byte> chunk) override;
  void finish() override;
  /// Passes on what is held.
  void flush();

 private:
  ByteSink& next_;
  Bytes room_;
  std::size_t held_ = 0;  // bytes at the front of room_
};

}  // namespace seabag::io
