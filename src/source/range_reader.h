// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "http/client.h"
#include "io/byte_sink.h"

namespace seabag::source {

/// One GET of a blob from an offset on: what to ask for, which answers are right, and dropping the
/// bytes in front when a server sends all of them.
///
/// Order:  headers(), send() with this as the sink and accepts() as its test, require_range().
/// Source: RFC 9110 section 14.
class RangeReader : public io::ByteSink {
 public:
  RangeReader(std::uint64_t offset, io::ByteSink& next) : offset_(offset), next_(next) {}

  /// A Range header, unless the blob is wanted from its start.
  http::Headers headers() const;
  /// Whether the body of `answer` is the blob, from the offset or from its start.
  bool accepts(const http::Response& answer);
  /// Errors: kProtocol if `answer` is a 206 with another range, or a 416.
  void require_range(const http::Response& answer) const;

  void write(std::span<const std::byte> chunk) override;
  void finish() override {}
  std::uint64_t passed_on() const { return passed_on_; }

 private:
  std::uint64_t offset_;
  std::uint64_t skip_ = 0;
  std::uint64_t passed_on_ = 0;
  io::ByteSink& next_;
};

}  // namespace seabag::source
