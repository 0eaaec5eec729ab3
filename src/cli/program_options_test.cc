// SPDX-License-Identifier: Apache-2.0
#include "cli/program_options.h"

#include <cxxopts.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

using Arguments = std::vector<const char*>;

cxxopts::ParseResult parse(Arguments arguments) {
  arguments.insert(arguments.begin(), "seabag-export");
  cxxopts::Options options("seabag-export");
  add_program_options(options);
  options.add_options()("only", "", cxxopts::value<std::vector<std::string>>())(
      "sources", "", cxxopts::value<std::vector<std::string>>());
  options.parse_positional({"sources"});
  return parse_command_line(options, static_cast<int>(arguments.size()), arguments.data());
}

Error error_of(const Arguments& arguments) {
  try {
    parse(arguments);
  } catch (const Error& error) {
    return error;
  }
  return {Code::kInternal, "nothing was thrown"};
}

TEST(ProgramOptions, AreRead) {
  const auto arguments = parse({"--json", "-q"});
  EXPECT_EQ(arguments.count("json"), 1U);
  EXPECT_EQ(arguments.count("quiet"), 1U);
  EXPECT_EQ(arguments.count("help"), 0U);
}

TEST(ProgramOptions, RefuseAnUnknownOptionByNameAndPointToTheHelp) {
  const Error error = error_of({"--jason"});
  EXPECT_EQ(error.code(), Code::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("option"));
  EXPECT_THAT(error.what(), HasSubstr("jason"));
  EXPECT_EQ(error.next_step(), "seabag-export --help");
}

TEST(ProgramOptions, RefuseAPasswordWithoutRepeatingIt) {
  for (const Arguments& arguments :
       {Arguments{"--password", "hunter2"}, Arguments{"--password=hunter2"},
        Arguments{"--creds", "me:hunter2"}, Arguments{"--dest-creds=me:hunter2"}}) {
    const Error error = error_of(arguments);
    EXPECT_EQ(error.code(), Code::kUsage) << arguments[0];
    EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
    EXPECT_THAT(error.next_step(), HasSubstr("--password-file"));
  }
}

TEST(ValuesOf, KeepsCommasAndOrder) {
  const auto arguments = parse({"--only", "a,b", "oci:x,y", "--only=c", "oci:z"});
  EXPECT_EQ(values_of(arguments, "only"), (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(values_of(arguments, "sources"), (std::vector<std::string>{"oci:x,y", "oci:z"}));
}

TEST(AsksForJson, LooksAtOptionsAlone) {
  const auto asks = [](const Arguments& arguments) {
    return asks_for_json(static_cast<int>(arguments.size()), arguments.data());
  };
  EXPECT_TRUE(asks({"seabag-export", "--no-such-option", "--json"}));
  EXPECT_FALSE(asks({"seabag-export", "--", "--json"}));
  EXPECT_FALSE(asks({"seabag-export", "--jsonish"}));
}

}  // namespace
}  // namespace seabag::cli
