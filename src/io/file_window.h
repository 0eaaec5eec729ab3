// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/byte_sink.h"
#include "io/file_system.h"

namespace seabag::io {

/// Writes one blob into the range of a shared file that the plan reserved for it, and nowhere else.
/// finish() does not sync: that is done for many windows at once.
class FileWindow : public ByteSink {
 public:
  /// `already`: bytes at the front that lie there from an earlier run; writing goes on behind them.
  FileWindow(File& file, std::uint64_t offset, std::uint64_t size, std::uint64_t already = 0);
  /// Errors: kInternal if more than the range holds is written.
  void write(std::span<const std::byte> chunk) override;
  /// Errors: kInternal if the range is not full.
  void finish() override;

 private:
  File& file_;
  std::uint64_t position_;  // from the start of the file
  std::uint64_t end_;
};

}  // namespace seabag::io
