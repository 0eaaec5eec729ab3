// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>

#include "bundle/landed_log.h"
#include "bundle/tarball_writer.h"
#include "index/content.h"

namespace seabag::exporting {

/// Keeps the journal of an unfinished bundle while blobs land: what is synced is in it, never the
/// other way round. Syncing costs the same for one blob and for many, so it is done every
/// kCheckpointBytes and at the end.
///
/// Threads: all but close() may be called concurrently.
class Landing {
 public:
  Landing(const index::Content& content, bundle::TarballWriter& tarballs, bundle::LandedLog log);

  /// A blob is on its way. The counter takes how many of its bytes lie in their place, from the
  /// front.
  std::atomic<std::uint64_t>& begin(index::BlobId blob);
  /// All of the blob lies in its place and was verified.
  void landed(index::BlobId blob);
  /// The blob is not on its way any more; what lies there of it is not to be continued.
  void drop(index::BlobId blob);
  /// To be called now and then with the bytes written since: writes the journal when it is due.
  void wrote(std::uint64_t bytes);
  /// Writes the journal now.
  void checkpoint();
  void close() { log_.close(); }

 private:
  static constexpr std::uint64_t kCheckpointBytes = 128U << 20U;

  void write_journal();  // log_mutex_ is held

  const index::Content& content_;
  bundle::TarballWriter& tarballs_;
  std::mutex log_mutex_;  // held while syncing; taken before mutex_
  bundle::LandedLog log_;
  std::mutex mutex_;  // guards all below
  std::map<index::BlobId, std::atomic<std::uint64_t>> on_the_way_;
  bundle::LandedBytes unwritten_;
  std::atomic<std::uint64_t> bytes_since_ = 0;
};

}  // namespace seabag::exporting
