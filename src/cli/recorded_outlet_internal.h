// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "cli/outlet.h"

namespace seabag::cli {

/// For tests: keeps what is written, under a clock that stands until it is moved. Outlives its
/// outlet().
struct RecordedOutlet {
  std::string text;
  std::chrono::steady_clock::time_point time{std::chrono::hours(1)};

  Outlet outlet() {
    return {.program = "seabag-export",
            .write = [this](std::string_view written) { text += written; },
            .now = [this] { return time; }};
  }
  std::string take() { return std::exchange(text, {}); }
};

}  // namespace seabag::cli
