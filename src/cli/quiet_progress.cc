// SPDX-License-Identifier: Apache-2.0
#include "cli/quiet_progress.h"

#include <utility>

#include <fmt/format.h>

namespace seabag::cli {

QuietProgress::QuietProgress(Outlet outlet) : outlet_(std::move(outlet)) {}

void QuietProgress::warn(std::string_view text) {
  outlet_.write(fmt::format("{}: warning: {}\n", outlet_.program, text));
}

}  // namespace seabag::cli
