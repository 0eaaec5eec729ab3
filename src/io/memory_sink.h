// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "io/byte_sink.h"
#include "io/bytes.h"

namespace seabag::io {

/// Collects at most `max_bytes` in memory. Errors: kMalformed, naming `what`, when more comes.
class MemorySink : public ByteSink {
 public:
  MemorySink(std::uint64_t max_bytes, std::string what);
  void write(std::span<const std::byte> chunk) override;
  void finish() override {}
  const Bytes& bytes() const { return bytes_; }
  Bytes take() { return std::move(bytes_); }

 private:
  std::uint64_t max_bytes_;
  std::string what_;
  Bytes bytes_;
};

}  // namespace seabag::io
