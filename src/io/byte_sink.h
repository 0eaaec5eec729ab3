// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace seabag::io {

/// Takes the bytes of one blob in order.
///
/// Order:   write() any number of times, then finish() once. A sink that is destroyed without
///          finish() is abandoned: what it received must not be used.
/// Threads: one at a time.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(std::span<const std::byte> chunk) = 0;
  virtual void finish() = 0;
};

}  // namespace seabag::io
