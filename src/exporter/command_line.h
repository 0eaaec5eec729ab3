// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
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
  std::vector<std::string> disk_configs;  ///< --disk-config [NAME=]FILE
  std::string repair;                     ///< --repair LIST; empty: an export
  cli::RegistryOptions registries;
};

/// Errors: kUsage, naming the option, what was expected and what was got.
CommandLine parse_command_line(int argc, const char* const* argv);

/// What --help prints.
std::string_view help_text();

/// Adds the sources in the text of a --from file to `request`: one a line, "#" begins a comment,
/// empty lines are passed over. Errors: kUsage, with the line's number.
void add_source_list(exporting::ExportRequest& request, std::string_view text,
                     const std::string& file);

/// Gives each disk its configuration. Order: after all sources are known.
/// Errors: kUsage for a configuration that belongs to none of them.
void link_disk_configs(exporting::ExportRequest& request, const std::vector<std::string>& configs);

/// The same for a repair, whose disks need not be named for it.
/// Errors: kUsage for one that does not say whose it is.
std::map<std::string, std::string> repair_configs(const std::vector<std::string>& configs);

}  // namespace seabag::exporter
