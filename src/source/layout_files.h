// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/byte_sink.h"
#include "io/bytes.h"

namespace seabag::source {

/// The files of an image layout, in a directory or in an archive, by their paths from its root.
///
/// Errors:  kMalformed (no regular file, or larger than allowed), kIntegrity (it ends early), kIo,
///          kPermission.
/// Threads: may be called concurrently.
class LayoutFiles {
 public:
  virtual ~LayoutFiles() = default;
  virtual const std::string& path() const = 0;  ///< of the directory or the archive
  /// Nothing if there is no such file.
  virtual std::optional<std::uint64_t> find_size(const std::string& file) const = 0;
  /// A small file whole.
  virtual io::Bytes read(const std::string& file, std::uint64_t max_bytes) const = 0;
  /// The bytes of a file from `offset` on, with write() alone.
  virtual void stream(const std::string& file, std::uint64_t offset, io::ByteSink& sink) const = 0;
};

/// Lets write() through and keeps finish() from a sink that its owner will finish.
class UnfinishedSink : public io::ByteSink {
 public:
  explicit UnfinishedSink(io::ByteSink& next) : next_(next) {}
  void write(std::span<const std::byte> chunk) override { next_.write(chunk); }
  void finish() override {}

 private:
  io::ByteSink& next_;
};

}  // namespace seabag::source
