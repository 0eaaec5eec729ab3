// SPDX-License-Identifier: Apache-2.0
#include "exporting/landing.h"

namespace seabag::exporting {

Landing::Landing(const index::Content& content, bundle::TarballWriter& tarballs,
                 bundle::LandedLog log)
    : content_(content), tarballs_(tarballs), log_(std::move(log)) {}

std::atomic<std::uint64_t>& Landing::begin(index::BlobId blob) {
  const std::scoped_lock lock(mutex_);
  return on_the_way_[blob];
}

void Landing::landed(index::BlobId blob) {
  const std::scoped_lock lock(mutex_);
  on_the_way_.erase(blob);
  unwritten_[content_.blobs[blob].digest] = content_.blobs[blob].size;
}

void Landing::drop(index::BlobId blob) {
  const std::scoped_lock lock(mutex_);
  on_the_way_.erase(blob);
  unwritten_[content_.blobs[blob].digest] = 0;
}

void Landing::wrote(std::uint64_t bytes) {
  if (bytes_since_.fetch_add(bytes) + bytes < kCheckpointBytes) return;
  // Whoever comes while another syncs has nothing to wait for: the next round is due soon enough.
  const std::unique_lock syncing(log_mutex_, std::try_to_lock);
  if (syncing.owns_lock() && bytes_since_.load() >= kCheckpointBytes) write_journal();
}

void Landing::checkpoint() {
  const std::scoped_lock syncing(log_mutex_);
  write_journal();
}

// What is to be written is fixed before the sync, so that the sync covers it.
void Landing::write_journal() {
  bytes_since_ = 0;
  bundle::LandedBytes lines;
  {
    const std::scoped_lock lock(mutex_);
    lines.swap(unwritten_);
    for (const auto& [blob, received] : on_the_way_) {
      if (received.load() > 0) lines[content_.blobs[blob].digest] = received.load();
    }
  }
  tarballs_.sync();
  log_.append(lines);
}

}  // namespace seabag::exporting
