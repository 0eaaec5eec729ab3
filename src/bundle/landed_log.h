// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "digest/digest.h"
#include "io/file_system.h"

namespace seabag::bundle {

/// Bytes of a blob that lie in their place, from the front. Never believed when they are read
/// again: they are hashed before they count.
using LandedBytes = std::map<digest::Digest, std::uint64_t>;

/// The journal of an unfinished bundle: one line for each blob whose bytes were synced before the
/// line was written, "DIGEST BYTES CHECK", where CHECK is the first 8 digits of the SHA-256 of what
/// stands before it. Later lines win. Everything from the first wrong line on is ignored and
/// overwritten: power was lost before it was synced, and what it would have said is fetched again.
///
/// Threads: one at a time; the caller locks.
class LandedLog {
 public:
  static LandedLog create(io::FileSystem& files, const std::string& path);
  /// Gives `visit` the lines of an earlier run in their order.
  static LandedLog reopen(io::FileSystem& files, const std::string& path,
                          const std::function<void(const digest::Digest&, std::uint64_t)>& visit);

  /// Adds lines and syncs. Order: the bytes that the lines speak of were synced before.
  void append(const LandedBytes& landed);
  void close();

 private:
  LandedLog(std::unique_ptr<io::File> file, std::uint64_t end)
      : file_(std::move(file)), end_(end) {}

  std::unique_ptr<io::File> file_;
  std::uint64_t end_;  // offset behind the last whole line
};

}  // namespace seabag::bundle
