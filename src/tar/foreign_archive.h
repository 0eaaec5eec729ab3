// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "io/byte_sink.h"
#include "io/bytes.h"

namespace seabag::tar {

/// Somebody else's tar (of any dialect), as an input: plain, or compressed by gzip, bzip2, xz,
/// lzma, zstd, lz4, lzip or compress. Members are regular files, found by their path without a
/// leading "./"; links inside the archive are followed to a regular member (docker save writes
/// layers twice as links), up to 8 in a row. Links that lead elsewhere, directories and devices are
/// no members. Nothing is ever extracted.
///
/// Compressed archives have no random access: each read_member() decompresses from the start. Plain
/// tars are read at the member's header.
///
/// Threads: const methods may run concurrently: each reads the file, which stays open, on its own.
class ForeignArchive {
 public:
  /// Lists the archive once. A path of two entries is refused: some readers take the first, some
  /// the last.
  /// Errors: kUsage if it is not there or no regular file; kMalformed if it is no such archive, is
  ///         cut or damaged, has a path twice, an absolute one or one with "..", or its listing
  ///         would take more memory than limits::kArchiveListingBytes.
  explicit ForeignArchive(const std::string& path);
  ~ForeignArchive();
  ForeignArchive(const ForeignArchive&) = delete;
  ForeignArchive& operator=(const ForeignArchive&) = delete;

  const std::string& path() const;
  bool contains(const std::string& member) const;
  /// Errors: kIntegrity if there is no such member.
  std::uint64_t size_of(const std::string& member) const;
  /// A small member, whole. Errors: also kMalformed above `max_bytes`.
  io::Bytes read_member(const std::string& member, std::uint64_t max_bytes) const;
  /// Streams a member from `offset` on into `to`, and finishes `to`. What lies before is read and
  /// dropped.
  void read_member(const std::string& member, std::uint64_t offset, io::ByteSink& to) const;
  /// All regular members in their order in the archive; links are not among them.
  void for_each_member(
      const std::function<void(const std::string& path, std::uint64_t size)>& visit) const;

 private:
  struct Listing;
  std::unique_ptr<const Listing> listing_;
};

}  // namespace seabag::tar
