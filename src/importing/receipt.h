// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/utc_time.h"
#include "digest/digest.h"

namespace seabag::importing {

enum class PushOutcome {
  kPushed,        ///< the name means this digest at the target now, and did not before
  kAlreadyThere,  ///< it did before
  kSkipped,  ///< the name means something else there and was left alone (--on-existing-tag skip)
  kFailed,
};

/// What became of one reference.
struct PushedReference {
  std::string source;  ///< "localhost:5000/library/busybox:1.35"
  std::string target;  ///< "mirror/busybox:1.35"
  digest::Digest digest;
  PushOutcome outcome = PushOutcome::kFailed;
  std::optional<digest::Digest> replaced =
      {};                       ///< what the tag meant at the target before, where it was another
  Code code = Code::kInternal;  ///< of a failure
  std::string detail = {};      ///< of a failure or of what was skipped: one line
};

/// What became of one disk.
struct RestoredDisk {
  std::string name;
  std::string content;      ///< its content digest
  std::string target = {};  ///< the file or device, or the name at a registry
  PushOutcome outcome = PushOutcome::kFailed;
  Code code = Code::kInternal;  ///< of a failure
  std::string detail = {};
};

/// The account of one push. format-spec/receipt.md has its JSON.
struct Receipt {
  std::string tool;
  std::string bundle;  ///< the bundle's directory name
  digest::Digest seal;
  std::string target;
  UtcTime started;
  UtcTime finished;
  bool complete = false;  ///< the run came to its end; false: it was interrupted
  std::vector<PushedReference> references;
  std::vector<RestoredDisk> disks = {};
  std::uint64_t blobs_uploaded = 0;
  std::uint64_t blobs_mounted = 0;
  std::uint64_t blobs_there = 0;
  std::uint64_t bytes_uploaded = 0;
};

std::string_view name_of(PushOutcome outcome);  ///< "pushed", "already-there", "skipped", "failed"

/// The receipt as JSON: names in a fixed order, two blanks of indentation, a line break at the end.
std::string write_receipt(const Receipt& receipt);

}  // namespace seabag::importing
