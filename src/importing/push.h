// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/utc_time.h"
#include "bundle/opened.h"
#include "importing/names.h"
#include "importing/receipt.h"
#include "target/target.h"
#include "transfer/progress.h"

namespace seabag::importing {

/// What to do where a tag means another digest at the target already.
enum class OnExistingTag { kFail, kSkip, kReplace };

struct PushOptions {
  OnExistingTag on_existing_tag = OnExistingTag::kFail;
  int jobs = 8;
  std::uint64_t max_rate = 0;  ///< bytes a second; 0: no limit
  /// Disks are read back from the registry when they are there. Images: read_back().
  bool read_back = false;
};

/// Pushes the named references of an opened bundle, straight from the tarballs.
///
/// Order: what the tags mean at the target is looked up first, and a conflict ends the run before a
/// byte is sent; then
///   blobs (each uploaded once, mounted into the other repositories), manifests from the leaves up,
///   tags when all below is there, referrers and signatures last. An image whose tag is there with
///   its digest is not looked into, but for the files of a local layout, which must have their
///   size.
/// What one image fails with does not stop the others; it is in the receipt.
/// `look_elsewhere`: looks at the places of what is pushed beside the images, when those of the
///   images were looked at, and returns how many hold something else.
/// Errors: kRefused for tags that exist (kFail); kUnavailable when the target stops answering;
/// kCancelled; those of a
///   local medium. `receipt` is filled as far as the run came in any case.
void push(const bundle::OpenedBundle& bundle, const std::vector<NamedReference>& names,
          target::Target& target, const PushOptions& options, transfer::Progress& progress,
          const std::stop_token& stop, Receipt& receipt,
          const std::function<int()>& look_elsewhere = {});

/// The exit status of a push that came to its end: 0, or that of the gravest failure.
int exit_status(const Receipt& receipt);

}  // namespace seabag::importing
