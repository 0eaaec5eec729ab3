// SPDX-License-Identifier: Apache-2.0
#include "exporting/landing.h"

#include "base/error.h"

namespace seabag::exporting {

Landing::Landing(const index::Content& content, bundle::TarballWriter& tarballs,
                 bundle::LandedLog log, const Checkpoints& checkpoints)
    : content_(content),
      tarballs_(tarballs),
      log_(std::move(log)),
      begun_(content.blobs.size(), 0),
      is_landed_(content.blobs.size(), false),
      checkpoints_(checkpoints) {}

void Landing::begin(index::BlobId blob, std::uint64_t already) {
  const std::scoped_lock lock(mutex_);
  check(!is_landed_[blob], "what has landed is not written any more");
  ++begun_[blob];
  in_place_[blob] = already;
  tell_of(blob);
}

void Landing::wrote(index::BlobId blob, std::uint64_t bytes) {
  {
    const std::scoped_lock lock(mutex_);
    in_place_.at(blob) += bytes;
    tell_of(blob);
  }
  bytes_since_ += bytes;
  write_journal_when_due();
}

void Landing::landed(index::BlobId blob) {
  {
    const std::scoped_lock lock(mutex_);
    set_landed(blob);
    unwritten_[content_.blobs[blob].digest] = content_.blobs[blob].size;
  }
  ++blobs_since_;
  write_journal_when_due();
}

bool Landing::is_due() const {
  return bytes_since_ >= checkpoints_.bytes || blobs_since_ >= checkpoints_.blobs ||
         std::chrono::steady_clock::now() - checkpoint_at_.load() >= checkpoints_.time;
}

void Landing::write_journal_when_due() {
  if (!is_due()) return;
  // Whoever comes while another syncs has nothing to wait for: the next round is due soon enough.
  const std::unique_lock syncing(log_mutex_, std::try_to_lock);
  if (syncing.owns_lock() && is_due()) write_journal();
}

void Landing::was_landed(index::BlobId blob) {
  const std::scoped_lock lock(mutex_);
  set_landed(blob);
}

void Landing::set_landed(index::BlobId blob) {
  in_place_.erase(blob);
  is_landed_[blob] = true;
  tell_of(blob);
}

void Landing::drop(index::BlobId blob) {
  {
    const std::scoped_lock lock(mutex_);
    in_place_.erase(blob);
    tell_of(blob);
    unwritten_[content_.blobs[blob].digest] = 0;
  }
  ++blobs_since_;
  write_journal_when_due();
}

void Landing::checkpoint() {
  const std::scoped_lock syncing(log_mutex_);
  write_journal();
}

Standing Landing::standing_of(index::BlobId blob) const {
  const std::scoped_lock lock(mutex_);
  return standing_now(blob);
}

std::optional<Standing> Landing::wait_for_change(index::BlobId blob, const Standing& known,
                                                 const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  awaited_ = blob;
  Standing now;
  const bool has_changed = changed_.wait(lock, stop, [&] {
    now = standing_now(blob);
    return now != known;
  });
  awaited_.reset();
  return has_changed ? std::optional(now) : std::nullopt;
}

// Blobs land by the thousand; a thread that waits for one of them need not wake for each.
void Landing::tell_of(index::BlobId blob) {
  if (awaited_ == blob) changed_.notify_all();
}

Standing Landing::standing_now(index::BlobId blob) const {
  if (is_landed_[blob]) return {begun_[blob], content_.blobs[blob].size, true};
  const auto found = in_place_.find(blob);
  return {begun_[blob], found == in_place_.end() ? 0 : found->second, false};
}

// What is to be written is fixed before the sync, so that the sync covers it.
void Landing::write_journal() {
  bytes_since_ = 0;
  blobs_since_ = 0;
  bundle::LandedBytes lines;
  {
    const std::scoped_lock lock(mutex_);
    lines.swap(unwritten_);
    for (const auto& [blob, bytes] : in_place_) {
      if (bytes > 0) lines[content_.blobs[blob].digest] = bytes;
    }
  }
  tarballs_.sync();
  log_.append(lines);
  checkpoint_at_ = std::chrono::steady_clock::now();
}

}  // namespace seabag::exporting
