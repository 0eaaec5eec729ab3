// SPDX-License-Identifier: Apache-2.0
#include "cli/make_progress.h"

#include <unistd.h>

#include "cli/json_progress.h"
#include "cli/line_progress.h"
#include "cli/outlet.h"
#include "cli/quiet_progress.h"
#include "cli/terminal_progress.h"

namespace seabag::cli {
namespace {

// An editor's shell window calls itself "dumb": it cannot go back on a line.
bool can_redraw(const Environment& environment) {
  return ::isatty(STDERR_FILENO) == 1 && !environment.terminal.empty() &&
         environment.terminal != "dumb";
}

}  // namespace

std::unique_ptr<transfer::Progress> make_progress(const std::string& program, bool json, bool quiet,
                                                  const Environment& environment) {
  Outlet outlet = standard_error(program);
  if (json) return std::make_unique<JsonProgress>(std::move(outlet), quiet);
  if (quiet) return std::make_unique<QuietProgress>(std::move(outlet));
  if (!can_redraw(environment)) return std::make_unique<LineProgress>(std::move(outlet));
  constexpr std::chrono::milliseconds kRefresh{500};
  return std::make_unique<TerminalProgress>(std::move(outlet), terminal_width, kRefresh);
}

}  // namespace seabag::cli
