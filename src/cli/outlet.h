// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace seabag::cli {

/// Where news of a run goes, and the clock that paces it.
struct Outlet {
  std::string program;                          ///< put before warnings and errors
  std::function<void(std::string_view)> write;  ///< all of it in one call; must not throw
  std::function<std::chrono::steady_clock::time_point()> now;
};

/// The real clock, and standard error without a buffer. A failure to write there is passed over:
/// there is no better place to report it to.
Outlet standard_error(std::string program);

void write_standard_error(std::string_view text) noexcept;

}  // namespace seabag::cli
