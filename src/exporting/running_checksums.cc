// SPDX-License-Identifier: Apache-2.0
#include "exporting/running_checksums.h"

#include <algorithm>
#include <system_error>

#include "base/limits.h"
#include "io/bytes.h"

namespace seabag::exporting {
namespace {

using bundle::BegunChecksum;
using index::BlobId;

// Takes the checksum of one tarball on.
class Follower {
 public:
  Follower(const bundle::TarballWriter& tarballs, std::uint32_t tarball, BegunChecksum& checksum,
           Landing& landing, const std::stop_token& stop)
      : tarballs_(tarballs),
        tarball_(tarball),
        checksum_(checksum),
        landing_(landing),
        stop_(stop) {}

  /// To `end`; nothing before it is written any more. False: asked to stop before.
  bool pass(std::uint64_t end) {
    while (checksum_.bytes < end) {
      if (stop_.stop_requested()) return false;
      const auto chunk =
          std::span(buffer_).first(std::min<std::uint64_t>(buffer_.size(), end - checksum_.bytes));
      tarballs_.read_at(tarball_, checksum_.bytes, chunk);
      checksum_.hasher.update(chunk);
      checksum_.bytes += chunk.size();
    }
    return true;
  }

  /// To the end of the blob that begins here. False: asked to stop before.
  bool follow(BlobId blob) {
    const BegunChecksum before = checksum_;
    Standing seen;  // the one that checksum_ goes by
    while (!seen.is_landed) {
      const auto now = landing_.wait_for_change(blob, seen, stop_);
      if (now && now->begun != seen.begun) checksum_ = before;
      if (now) seen = *now;
      if (!now || !pass(before.bytes + seen.in_place)) {
        // Only what has landed as it was read stays.
        const Standing last = landing_.standing_of(blob);
        if (!last.is_landed || last.begun != seen.begun) checksum_ = before;
        return false;
      }
    }
    return true;
  }

 private:
  const bundle::TarballWriter& tarballs_;
  const std::uint32_t tarball_;
  BegunChecksum& checksum_;
  Landing& landing_;
  const std::stop_token& stop_;
  io::Bytes buffer_ = io::Bytes(limits::kBufferBytes);
};

// False: asked to stop before.
bool follow_tarball(Follower& follower, const bundle::PlannedTarball& planned,
                    const index::Graph& graph) {
  for (std::size_t i = 0; i < planned.blobs.size(); ++i) {
    // Manifests lie there since the tarball was prepared, as headers do.
    if (graph.find_manifest(planned.blobs[i]) != nullptr) continue;
    if (!follower.pass(planned.placement_of_blob(i).data_offset)) return false;
    if (!follower.follow(planned.blobs[i])) return false;
  }
  return follower.pass(planned.plan.tarball_size);
}

}  // namespace

RunningChecksums::RunningChecksums(const index::Graph& graph, const bundle::BundlePlan& plan,
                                   const bundle::TarballWriter& tarballs, Landing& landing)
    : checksums_(plan.tarballs.size()) {
  const auto follow_all = [&graph, &plan, &tarballs, &landing, this](const std::stop_token& stop) {
    failure_.guard([&] {
      for (std::uint32_t i = 0; i < plan.tarballs.size(); ++i) {
        Follower follower(tarballs, i, checksums_[i], landing, stop);
        if (!follow_tarball(follower, plan.tarballs[i], graph)) return;
      }
    });
  };
  try {
    thread_ = std::jthread(follow_all);
  } catch (const std::system_error&) {
    // EAGAIN: see transfer::run_on_threads().
  }
}

std::vector<BegunChecksum> RunningChecksums::take() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  failure_.rethrow();
  return std::move(checksums_);
}

}  // namespace seabag::exporting
