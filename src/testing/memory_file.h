// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>

#include "io/bytes.h"
#include "io/file_system.h"

namespace seabag::testing {

/// A file in memory, for parsers of files. Threads: as io::File.
class MemoryFile : public io::File {
 public:
  explicit MemoryFile(io::Bytes bytes, std::string path = "memory")
      : bytes_(std::move(bytes)), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }
  std::uint64_t size() const override;
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
  void resize(std::uint64_t size) override;
  void reserve(std::uint64_t /*size*/) override {}
  void sync() override {}
  void close() override {}
  int descriptor() const override { return -1; }

  const io::Bytes& bytes() const { return bytes_; }

 private:
  mutable std::mutex mutex_;  // guards bytes_, which grows
  io::Bytes bytes_;
  std::string path_;
};

}  // namespace seabag::testing
