// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "cli/environment.h"
#include "transfer/progress.h"

namespace seabag::cli {

/// News as the user wants it, on standard error: JSON events, warnings alone, a bar on a terminal,
/// or else lines.
std::unique_ptr<transfer::Progress> make_progress(const std::string& program, bool json, bool quiet,
                                                  const Environment& environment);

}  // namespace seabag::cli
