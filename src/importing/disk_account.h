// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "importing/receipt.h"
#include "transfer/progress.h"

namespace seabag::importing {

/// Does `work` for one disk and notes in `result` what became of it. An error that concerns this
/// disk alone ends there; one of this machine, of a target that is gone, or a stop is thrown on.
void account_for(RestoredDisk& result, transfer::Progress& progress,
                 const std::function<PushOutcome()>& work);

}  // namespace seabag::importing
