// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/registry_options.h"
#include "exporting/request.h"

namespace seabag::exporter {

/// The command line of seabag-export, taken apart and checked.
struct CommandLine {
  bool help = false;
  bool version = false;
  bool json = false;
  bool quiet = false;
  exporting::ExportRequest request;       ///< sources without those of --from
  std::vector<std::string> source_lists;  ///< --from FILE, "-" for standard input
  cli::RegistryOptions registries;
};

/// Errors: kUsage, naming the option, what was expected and what was got.
CommandLine parse_command_line(int argc, const char* const* argv);

/// What --help prints.
std::string_view help_text();

/// The sources in the text of a --from file: one a line, "#" begins a comment, empty lines are
/// passed over. Errors: kUsage, with the line's number.
std::vector<source::SourceName> parse_source_list(std::string_view text, const std::string& file);

}  // namespace seabag::exporter
