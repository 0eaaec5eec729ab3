// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/registry_options.h"
#include "digest/digest.h"
#include "importing/names.h"
#include "importing/push.h"
#include "importing/restore_disks.h"
#include "target/open_target.h"

namespace seabag::importer {

enum class Command { kHelp, kVersion, kVerify, kList, kPush, kPatch, kIndex };

/// The command line of seabag-import, taken apart and checked.
struct CommandLine {
  Command command = Command::kHelp;
  bool json = false;
  bool quiet = false;
  std::string bundle;
  std::optional<digest::Digest> seal;  ///< --seal
  bool quick = false;                  ///< verify --quick
  bool deep = false;                   ///< verify --deep
  std::string output;                  ///< index --output; empty: beside the bundle
  std::string damage;                  ///< verify --damage FILE; empty: none
  std::vector<std::string> patches;    ///< of the command patch
  // push
  target::TargetName target;
  importing::NameOptions names;
  importing::PushOptions push;
  std::uint64_t chunk_size = 0;
  std::string receipt;  ///< empty: none
  importing::RestoreOptions disks;
  std::uint64_t disk_chunk_size = 0;
  std::string container_architecture;  ///< --disk-as-container; empty: not asked for
  bool dry_run = false;
  bool verify_first = false;
  cli::RegistryOptions registries;
};

/// Errors: kUsage, naming the option, what was expected and what was got.
CommandLine parse_command_line(int argc, const char* const* argv);

/// What --help prints.
std::string_view help_text();

}  // namespace seabag::importer
