// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace cxxopts {
class Options;
class ParseResult;
}  // namespace cxxopts

/// What both programs do with cxxopts.
namespace seabag::cli {

/// --json, --quiet, --version, --help.
void add_program_options(cxxopts::Options& options);

/// Errors: kUsage, in our words.
cxxopts::ParseResult parse_command_line(cxxopts::Options& options, int argc,
                                        const char* const* argv);

/// Every value of a repeatable option or positional argument, in order. cxxopts's own vectors would
/// be cut at commas, which names of files may hold.
std::vector<std::string> values_of(const cxxopts::ParseResult& arguments,
                                   const std::string& option);

/// Whether --json is among the arguments: run_program() must know before the command line is
/// parsed.
bool asks_for_json(int argc, const char* const* argv);

}  // namespace seabag::cli
