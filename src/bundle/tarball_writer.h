// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/grouped.h"
#include "bundle/manifest_spool.h"
#include "bundle/plan.h"
#include "io/blob_source.h"
#include "io/byte_sink.h"
#include "io/file_system.h"
#include "oci/image_layout.h"

namespace seabag::bundle {

/// Writes the tarballs of a frozen plan in place: every member's header and every blob goes to its
/// offset, in any order, from any thread.
///
/// Order:   prepare() or reopen() first; land blobs; finish() last.
/// Threads: open_window(), windows of different blobs and read_at() may be used concurrently, and
///          one sync() beside them.
class TarballWriter {
 public:
  /// `bag`: the directory that the tarballs' paths are relative to. `content`, `graph` and `plan`
  /// outlive this.
  TarballWriter(io::FileSystem& files, std::string bag, const index::Content& content,
                const index::Graph& graph, const BundlePlan& plan);

  /// Creates the tarballs at their full size with all headers, tables of contents and manifests,
  /// and syncs them. May be repeated after a crash. Errors: kNoSpace before anything is written if
  /// the medium is too small; kIntegrity if a manifest of the plan is not in the spool.
  void prepare(const ManifestSpool& manifests);
  /// Opens tarballs that an earlier run prepared, and writes anew what prepare() writes: the
  /// journal says nothing of it, and it may have been changed since. Errors: kIntegrity as
  /// prepare(), or if a tarball has another size than is planned.
  void reopen(const ManifestSpool& manifests);

  /// Where the bytes of `blob` go, in every tarball that has it; `already`: bytes at the front that
  /// lie there.
  std::unique_ptr<io::ByteSink> open_window(index::BlobId blob, std::uint64_t already) const;
  /// The tarball that has the first copy of `blob`, and where in it the blob begins.
  std::pair<std::uint32_t, std::uint64_t> position_of(index::BlobId blob) const;
  /// In how many tarballs `blob` lies.
  std::size_t copies_of(index::BlobId blob) const;
  /// The bytes of one copy of `blob` as they lie there: to be hashed, not to be believed.
  std::unique_ptr<io::BlobSource> open_blob(index::BlobId blob, std::size_t copy = 0) const;

  /// Bytes of a tarball as they were written, synced or not. Order: before finish().
  void read_at(std::uint32_t tarball, std::uint64_t offset, std::span<std::byte> out) const;

  /// All that was written before is on the medium. Errors: those of File::sync(); kIo for good once
  /// one failed, because the kernel may have dropped what a second sync would report as written.
  void sync();

  /// Turns the reserved ranges of blobs that could not be had into members
  /// "missing/<algorithm>/<hex>" of zeros, and drops the images that need them from the tables of
  /// contents; then syncs and closes.
  /// Returns whether there were such blobs: bytes that were read before may be others now.
  bool finish();

 private:
  struct Place {
    std::uint32_t tarball = 0;
    std::uint32_t position = 0;  // among its blobs
  };
  void write_tables(std::uint32_t tarball);
  void write_table(std::uint32_t tarball, std::size_t member, std::uint64_t size,
                   const std::function<void(const oci::TextSink&)>& write_text);
  void create(std::uint32_t tarball);
  void write_headers(std::uint32_t tarball);
  void write_manifests(const ManifestSpool& manifests);
  void mark_missing(index::BlobId blob);
  const tar::Placement& placement_at(const Place& place) const;

  io::FileSystem& files_;
  std::string bag_;
  const index::Content& content_;
  const index::Graph& graph_;
  const BundlePlan& plan_;
  std::vector<std::unique_ptr<io::File>> tarballs_;  // parallel to plan_.tarballs
  Grouped<Place> places_;                            // by blob
  // Parallel to tarballs_: something was written since it was synced. A medium may take its time
  // for each sync, and a tarball for each repository are thousands.
  mutable std::vector<std::atomic<bool>> is_unsynced_;
  bool has_failed_to_sync_ = false;
};

}  // namespace seabag::bundle
