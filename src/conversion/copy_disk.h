// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "disk/content_digest.h"
#include "disk/disk_source.h"
#include "disk/disk_writer.h"
#include "transfer/progress.h"

namespace seabag::conversion {

/// A run of a disk that could not be read and was taken for zeros.
struct ZeroedRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  friend bool operator==(const ZeroedRange&, const ZeroedRange&) = default;
};

struct CopyOptions {
  int jobs = 1;
  bool zero_unreadable = false;  ///< go on where the medium fails, with zeros
};

struct CopyReport {
  disk::ContentDigest content;
  std::uint64_t data_bytes = 0;     ///< of chunks that are not all zeros
  std::vector<ZeroedRange> zeroed;  ///< ascending, neighbours joined
};

/// Reads all of `from` but its holes, once, and writes it with `to`; without `to` only takes the
/// content digest. The files of `to` are the same bytes for any number of jobs.
///
/// Memory: some 5 MiB a job.
/// Errors: kIo with the ranges that cannot be read, unless zero_unreadable; kCancelled; those of
///         `from` and of the files of `to`. What was written then is of no use.
CopyReport copy_disk(const disk::DiskSource& from, disk::DiskWriter* to, const CopyOptions& options,
                     transfer::Progress& progress, const std::stop_token& stop);

}  // namespace seabag::conversion
