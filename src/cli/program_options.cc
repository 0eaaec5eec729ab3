// SPDX-License-Identifier: Apache-2.0
#include "cli/program_options.h"

#include <algorithm>
#include <span>
#include <string_view>

#include <cxxopts.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace seabag::cli {
namespace {

// What users of docker, skopeo and curl would try. The value is not repeated: it may be the
// password.
bool gives_a_password(std::string_view argument) {
  const std::string_view name = argument.substr(0, argument.find('='));
  return name == "--password" || name == "--creds" || name == "--src-creds" ||
         name == "--dest-creds" || name == "--token";
}

void refuse_passwords(int argc, const char* const* argv) {
  for (const std::string_view argument : std::span(argv, static_cast<std::size_t>(argc))) {
    if (argument == "--") return;
    if (!gives_a_password(argument)) continue;
    throw Error(Code::kUsage,
                fmt::format("{}: everybody on this machine can read a command line, so it takes no "
                            "passwords",
                            argument.substr(0, argument.find('='))))
        .add_next_step(
            "use --user NAME with --password-file FILE or --password-stdin, or log in with "
            "podman, skopeo or docker");
  }
}

}  // namespace

// Without descriptions: the programs write their help by hand, to fit a screen.
void add_program_options(cxxopts::Options& options) {
  auto add = options.add_options();
  add("json", "");
  add("q,quiet", "");
  add("version", "");
  add("h,help", "");
}

cxxopts::ParseResult parse_command_line(cxxopts::Options& options, int argc,
                                        const char* const* argv) try {
  refuse_passwords(argc, argv);
  return options.parse(argc, argv);
} catch (const cxxopts::exceptions::exception& error) {
  std::string text = printable(error.what());
  text.replace(0, 1, to_lower(text.substr(0, 1)));
  throw Error(Code::kUsage, text).add_next_step(options.program() + " --help");
}

std::vector<std::string> values_of(const cxxopts::ParseResult& arguments,
                                   const std::string& option) {
  std::vector<std::string> values;
  for (const cxxopts::KeyValue& argument : arguments.arguments()) {
    if (argument.key() == option) values.push_back(argument.value());
  }
  return values;
}

bool asks_for_json(int argc, const char* const* argv) {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  const auto end = std::ranges::find(arguments, std::string_view("--"));
  return std::find(arguments.begin(), end, std::string_view("--json")) != end;
}

}  // namespace seabag::cli
