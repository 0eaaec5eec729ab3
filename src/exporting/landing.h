// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "bundle/landed_log.h"
#include "bundle/tarball_writer.h"
#include "index/content.h"

namespace seabag::exporting {

/// How far a blob is.
struct Standing {
  std::uint32_t begun = 0;     ///< times; what lay there before the last of them does not count
  std::uint64_t in_place = 0;  ///< bytes from the front that lie in their place
  bool is_landed = false;      ///< all of it was verified, and is not written any more

  friend bool operator==(const Standing&, const Standing&) = default;
};

/// When the journal is due, whichever comes first since it was written: a run that is cut off loses
/// what came behind it.
struct Checkpoints {
  std::uint64_t bytes = 128U << 20U;
  std::uint32_t blobs = 4096;
  std::chrono::steady_clock::duration time = std::chrono::seconds(10);
};

/// Knows how far each blob is, and keeps the journal of an unfinished bundle while blobs land: what
/// is synced is in it, never the other way round. Syncing costs the same for one blob and for many,
/// so it is done at Checkpoints and at the end.
///
/// Threads: all but close() may be called concurrently; one at a time waits for a change.
class Landing {
 public:
  Landing(const index::Content& content, bundle::TarballWriter& tarballs, bundle::LandedLog log,
          const Checkpoints& checkpoints = {});

  /// A blob is on its way, once more perhaps, with `already` bytes at the front.
  void begin(index::BlobId blob, std::uint64_t already);
  /// So many more of its bytes lie in their place. Writes the journal when it is due.
  void wrote(index::BlobId blob, std::uint64_t bytes);
  /// All of the blob lies in its place and was verified. Writes the journal when it is due.
  void landed(index::BlobId blob);
  /// An earlier run landed it, and it was verified again: the journal has it.
  void was_landed(index::BlobId blob);
  /// The blob is not on its way any more; what lies there of it is not to be continued. Writes the
  /// journal when it is due.
  void drop(index::BlobId blob);
  /// Writes the journal now.
  void checkpoint();
  void close() { log_.close(); }

  Standing standing_of(index::BlobId blob) const;
  /// Waits until the standing of `blob` is another than `known`; nothing if it is asked to stop
  /// before.
  std::optional<Standing> wait_for_change(index::BlobId blob, const Standing& known,
                                          const std::stop_token& stop);

 private:
  bool is_due() const;
  void write_journal_when_due();
  void write_journal();                             // log_mutex_ is held
  void set_landed(index::BlobId blob);              // mutex_ is held
  void tell_of(index::BlobId blob);                 // mutex_ is held
  Standing standing_now(index::BlobId blob) const;  // mutex_ is held

  const index::Content& content_;
  bundle::TarballWriter& tarballs_;
  std::mutex log_mutex_;  // held while syncing; taken before mutex_
  bundle::LandedLog log_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  std::optional<index::BlobId> awaited_;             // whose change somebody waits for
  std::map<index::BlobId, std::uint64_t> in_place_;  // of those on their way
  std::vector<std::uint32_t> begun_;                 // parallel to blobs
  std::vector<bool> is_landed_;                      // parallel to blobs
  bundle::LandedBytes unwritten_;
  const Checkpoints checkpoints_;
  std::atomic<std::uint64_t> bytes_since_ = 0;  // the last checkpoint
  std::atomic<std::uint32_t> blobs_since_ = 0;
  std::atomic<std::chrono::steady_clock::time_point> checkpoint_at_ =
      std::chrono::steady_clock::now();
};

}  // namespace seabag::exporting
