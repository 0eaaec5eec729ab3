// SPDX-License-Identifier: Apache-2.0
#include "cli/outlet.h"

#include <cerrno>
#include <utility>

#include <unistd.h>

namespace seabag::cli {

Outlet standard_error(std::string program) {
  return {.program = std::move(program), .write = write_standard_error, .now = [] {
            return std::chrono::steady_clock::now();
          }};
}

void write_standard_error(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace seabag::cli
