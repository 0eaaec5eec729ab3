// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "digest/digest.h"
#include "importing/push.h"
#include "importing/receipt.h"
#include "oci/reference.h"
#include "target/target.h"
#include "transfer/progress.h"

namespace seabag::importing {

/// Does `work` for one disk and notes in `result` what became of it. An error that concerns this
/// disk alone ends there; one of this machine, of a target that is gone, or a stop is thrown on.
void account_for(RestoredDisk& result, transfer::Progress& progress,
                 const std::function<PushOutcome()>& work);

/// Looks at what the tag of `name` means at the target: nothing if `wanted` is to be pushed, else
/// kAlreadyThere or kSkipped, with the reason in `detail`.
/// Errors: kRefused if it means something else (OnExistingTag::kFail); those of the target.
std::optional<PushOutcome> look_at_tag(target::Target& target, const oci::Reference& name,
                                       const digest::Digest& wanted, OnExistingTag on_existing,
                                       std::string& detail);

}  // namespace seabag::importing
