// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "io/byte_sink.h"
#include "io/gathering_sink.h"

namespace seabag::transfer {

/// Passes the bytes on in chunks of limits::kBufferBytes, of a long transfer on a thread of its
/// own: who receives and hashes them does not wait for the file.
///
/// Order:   flush() before anybody asks `next` how far it is. What was taken and neither passed on
///          nor flushed is lost with the sink.
/// Errors:  what `next` throws, at the next write(), flush() or finish(); what it threw at is not
///          passed on again, and nothing behind it is.
/// Threads: `next` is called on one thread at a time; finish() of it on the caller's.
class WriteBehindSink : public io::ByteSink {
 public:
  /// `expected`: so many bytes will come, about. Few are passed on by the caller's thread, and so
  /// are all where the system grants no other.
  WriteBehindSink(io::ByteSink& next, std::uint64_t expected);
  ~WriteBehindSink() override;
  WriteBehindSink(const WriteBehindSink&) = delete;
  WriteBehindSink& operator=(const WriteBehindSink&) = delete;
  void write(std::span<const std::byte> chunk) override;
  void finish() override;
  /// Passes on what is held, and waits until `next` has it.
  void flush();

 private:
  class Writer;

  io::ByteSink& next_;
  std::optional<io::GatheringSink> gathering_;  // where one thread does it all
  std::unique_ptr<Writer> writer_;              // else
};

}  // namespace seabag::transfer
