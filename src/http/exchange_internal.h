// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <string_view>

#include "http/connection_internal.h"

namespace seabag::http {

/// The state of one request and its answer while libcurl moves the bytes. libcurl's
/// callbacks call take_*(), give_body() and rewind_body(), and park what they throw in `failure`.
class Exchange {
 public:
  Exchange(const Request& request, const Url& url, io::ByteSink* sink, const Accept& accept);

  /// One line of the answer's head as it came.
  void take_header(std::string_view line);
  /// False: no more is wanted, the answer is as whole as it needs to be.
  bool take_body(std::span<const std::byte> chunk);
  /// The next bytes of the request's body, at most out.size(); 0 at its end.
  std::size_t give_body(std::span<std::byte> out);
  bool may_rewind_body() const { return request_.idempotent; }
  /// The body again, from `offset` on.
  void rewind_body(std::uint64_t offset) { given_ = offset; }

  bool has_enough() const { return has_enough_; }
  /// Whether the blank line behind the answer's headers came. Without it libcurl still calls it a
  /// success.
  bool has_whole_head() const { return has_whole_head_; }
  std::uint64_t passed_on() const { return passed_on_; }
  Response take_response() { return std::move(response_); }

  std::exception_ptr failure;

 private:
  enum class Destination { kUndecided, kSink, kMemory };

  Destination decide() const;
  bool keep(std::span<const std::byte> chunk);

  const Request& request_;
  io::ByteSink* sink_;
  const Accept& accept_;
  Response response_;
  Destination destination_ = Destination::kUndecided;
  std::uint64_t given_ = 0;      // of the request's body, from BodyRange::offset
  std::uint64_t passed_on_ = 0;  // into the sink
  std::uint64_t dropped_ = 0;    // that had no place in memory
  std::size_t header_bytes_ = 0;
  bool has_whole_head_ = false;
  bool has_enough_ = false;
};

}  // namespace seabag::http
