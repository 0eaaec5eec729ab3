// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "digest/digest.h"
#include "importing/push.h"
#include "importing/receipt.h"
#include "oci/reference.h"
#include "target/target.h"
#include "transfer/progress.h"

namespace seabag::importing {

/// Disks of a bundle on their way to one kind of place. All of them stand in the receipt from the
/// beginning, as not reached.
///
/// Order:   look(), and only then, before or after other things are pushed, run().
/// Threads: one at a time.
class DiskWork {
 public:
  DiskWork(transfer::Progress& progress, Receipt& receipt)
      : progress_(progress), receipt_(receipt) {}
  virtual ~DiskWork() = default;
  DiskWork(const DiskWork&) = delete;
  DiskWork& operator=(const DiskWork&) = delete;

  /// Looks at what is there where the disks go, and changes nothing. Returns of how many that is
  /// something else, and may not be replaced; each is noted as failed.
  /// Errors: those of this machine, of a target that is gone; kCancelled.
  int look();

  /// Brings the disks there. What one of them fails with does not stop the others; it is in the
  /// receipt. Errors: as look().
  void run();

 protected:
  /// A further disk, with the bytes that are read for it.
  void enter(RestoredDisk disk, std::uint64_t bytes);

  transfer::Progress& progress_;
  Receipt& receipt_;

 private:
  /// What is there in the place of the disk that was entered as number `i`, from 0, and may not be
  /// replaced.
  virtual std::optional<Error> find_conflict(std::size_t i) = 0;
  /// Brings it there; what it learns of the disk's target and detail goes into `result`.
  virtual PushOutcome bring(std::size_t i, RestoredDisk& result) = 0;

  std::vector<std::size_t> rows_;  // positions in Receipt::disks
  std::uint64_t bytes_ = 0;
};

/// That a tag means something else at the target than what is to be pushed: kRefused.
Error tag_conflict(const oci::Reference& name, const digest::Digest& there,
                   const digest::Digest& wanted);

/// That a file with another content is in the place of one that is to be written: kRefused.
Error conflict_at(const std::string& path);

/// Looks at what the tag of `name` means at the target: nothing if `wanted` is to be pushed, else
/// kAlreadyThere or kSkipped, with the reason in `detail`.
/// Errors: tag_conflict() (OnExistingTag::kFail); those of the target.
std::optional<PushOutcome> look_at_tag(target::Target& target, const oci::Reference& name,
                                       const digest::Digest& wanted, OnExistingTag on_existing,
                                       std::string& detail);

}  // namespace seabag::importing
