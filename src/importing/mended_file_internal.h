// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "digest/digest.h"
#include "io/blob_source.h"
#include "io/file_system.h"

namespace seabag::importing {

/// A file of which some bytes are not what they should be. It is opened for writing when the first
/// of them is met, so whole files on a read-only medium are left in peace.
class FileInRepair {
 public:
  /// `there`: the file as it is, open for reading; outlives this.
  FileInRepair(io::FileSystem& files, std::string path, const io::File& there);
  /// A new file, which is written as it stands; outlives this.
  explicit FileInRepair(io::File& created);

  /// Cuts or extends it to `size`.
  void fit(std::uint64_t size);
  /// Makes the range at `offset` be `bytes`, and writes only where it is not yet. `bytes` are
  /// hashed on the way. Errors: kIntegrity if they do not have `digest`, or cannot be read back;
  /// kCancelled.
  void put(std::uint64_t offset, const io::BlobSource& bytes,
           const std::optional<digest::Digest>& digest, const std::stop_token& stop);
  /// What was written is on the medium. Order: last.
  void finish();

  bool was_changed() const { return was_changed_; }
  std::uint64_t bytes_written() const { return bytes_written_; }

 private:
  io::File& writable();
  bool reads_as(std::uint64_t offset, std::span<const std::byte> expected,
                std::span<std::byte> buffer) const;

  io::FileSystem* files_ = nullptr;  // null: `created`
  std::string path_;
  const io::File* readable_;
  io::File* writable_ = nullptr;
  std::unique_ptr<io::File> opened_;
  bool was_changed_ = false;
  std::uint64_t bytes_written_ = 0;
};

}  // namespace seabag::importing
