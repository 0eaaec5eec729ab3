// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "importer/command_line.h"
#include "importing/names.h"
#include "io/file_system.h"

namespace seabag::importer {

/// Nothing is written into a bundle that is read: what lies there is replaced, or is a file more
/// that no manifest lists. Holds all that the command line wants written against that, by what the
/// paths lead to and not by their text. Errors: kUsage, naming the option and the path.
void refuse_outputs_in_bundle(const CommandLine& line, io::FileSystem& files);

/// The same for the directories that images get in dir:DIR, where the bundle lies below DIR itself.
void refuse_names_in_bundle(const CommandLine& line,
                            const std::vector<importing::NamedReference>& names,
                            io::FileSystem& files);

}  // namespace seabag::importer
