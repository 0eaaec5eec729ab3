// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <thread>
#include <vector>

#include "bundle/plan.h"
#include "bundle/seal.h"
#include "bundle/tarball_writer.h"
#include "exporting/landing.h"
#include "index/content.h"
#include "transfer/threads.h"

namespace seabag::exporting {

/// Takes the tarballs' checksums while blobs land in them: a thread follows from the front of one
/// tarball after another, as far as blobs lie there, so that the bundle need not be read back
/// behind the last one. What it read of a blob that came wrong in the end is taken back. It reads
/// what was written, synced or not.
///
/// Order:   once the tarballs are prepared; take() when no blob lands any more, before their
///          finish().
/// Errors:  of the medium, from take(). Where the system grants no thread, all is left to whoever
///          goes on.
class RunningChecksums {
 public:
  /// All outlive this.
  RunningChecksums(const index::Graph& graph, const bundle::BundlePlan& plan,
                   const bundle::TarballWriter& tarballs, Landing& landing);
  /// Ends the following. Parallel to the tarballs: the checksum of each, as far as it got.
  std::vector<bundle::BegunChecksum> take();

 private:
  std::vector<bundle::BegunChecksum> checksums_;  // the thread's, until it has ended
  transfer::FirstFailure failure_;
  std::jthread thread_;  // last: it uses all above
};

}  // namespace seabag::exporting
