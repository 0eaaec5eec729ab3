// SPDX-License-Identifier: Apache-2.0
#include "cli/registry_options.h"

#include <cxxopts.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/program_options.h"

namespace seabag::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

using Map = std::map<std::string, std::string>;

RegistryOptions read(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "seabag-export");
  cxxopts::Options options("seabag-export");
  add_registry_options(options);
  return read_registry_options(
      parse_command_line(options, static_cast<int>(arguments.size()), arguments.data()));
}

TEST(RegistryOptions, HaveTheDefaultsOfTheManual) {
  const RegistryOptions options = read({});
  EXPECT_EQ(options.jobs, 8);
  EXPECT_EQ(options.max_rate, 0U);
  EXPECT_EQ(options.attempts, 5);
  EXPECT_EQ(options.connect_timeout, std::chrono::seconds(30));
  EXPECT_EQ(options.stall_timeout, std::chrono::seconds(60));
  EXPECT_EQ(options.ca_file, "");
  EXPECT_EQ(options.proxy, "");
  EXPECT_TRUE(options.users.empty());
}

TEST(RegistryOptions, AreRead) {
  const RegistryOptions options = read({"--authfile",
                                        "a,b.json",
                                        "--authfile=c.json",
                                        "--ca-file",
                                        "ca.pem",
                                        "--client-cert",
                                        "me.pem",
                                        "--client-key",
                                        "me.key",
                                        "--plain-http",
                                        "Registry.local:5000",
                                        "--plain-http",
                                        "[::1]:5000",
                                        "--auth-realm",
                                        "auth.local",
                                        "--proxy",
                                        "http://proxy:3128",
                                        "--proxy-user",
                                        "us",
                                        "--proxy-password-file",
                                        "secret",
                                        "--no-proxy",
                                        "a,b",
                                        "--jobs",
                                        "3",
                                        "--max-rate",
                                        "10M",
                                        "--retries",
                                        "0",
                                        "--connect-timeout",
                                        "5",
                                        "--stall-timeout",
                                        "7"});
  EXPECT_EQ(options.auth_files, (std::vector<std::string>{"a,b.json", "c.json"}));
  EXPECT_EQ(options.ca_file, "ca.pem");
  EXPECT_EQ(options.client_certificate, "me.pem");
  EXPECT_EQ(options.client_key, "me.key");
  EXPECT_EQ(options.plain_http, (std::vector<std::string>{"registry.local:5000", "[::1]:5000"}));
  EXPECT_EQ(options.auth_realms, (std::vector<std::string>{"auth.local"}));
  EXPECT_EQ(options.proxy, "http://proxy:3128");
  EXPECT_EQ(options.proxy_user, "us");
  EXPECT_EQ(options.proxy_password_file, "secret");
  EXPECT_EQ(options.no_proxy, "a,b");
  EXPECT_EQ(options.jobs, 3);
  EXPECT_EQ(options.max_rate, 10U << 20U);
  EXPECT_EQ(options.attempts, 1);
  EXPECT_EQ(options.connect_timeout, std::chrono::seconds(5));
  EXPECT_EQ(options.stall_timeout, std::chrono::seconds(7));
}

TEST(RegistryOptions, TakeUsersWithAndWithoutARegistry) {
  const RegistryOptions options =
      read({"--user", "me", "--password-stdin", "--user", "b.local:5000=you", "--password-file",
            "b.local:5000=./x=y"});
  EXPECT_EQ(options.users, (Map{{"", "me"}, {"b.local:5000", "you"}}));
  EXPECT_EQ(options.password_files, (Map{{"b.local:5000", "./x=y"}}));
  EXPECT_TRUE(options.password_from_stdin);
}

TEST(RegistryOptions, TakeAFileWithAnEqualsSignInItsPath) {
  EXPECT_EQ(read({"--user", "me", "--password-file", "./a=b"}).password_files,
            (Map{{"", "./a=b"}}));
}

TEST(RegistryOptions, RefuseWhatDoesNotFitTogether) {
  const struct {
    const char* name;
    std::vector<const char*> arguments;
    const char* says;
  } cases[] = {
      {"user without a password", {"--user", "me"}, "--user: \"me\" without a password"},
      {"users without a password",
       {"--user", "a:1=x", "--user", "b=y", "--user", "c=z", "--password-file", "c=f"},
       "--user: \"a:1=x\", \"b=y\" without a password"},
      {"password on standard input for two",
       {"--user", "a=x", "--user", "b=y", "--password-stdin"},
       "got 2"},
      {"password on standard input for nobody", {"--password-stdin"}, "got 0"},
      {"password file for nobody", {"--password-file", "f"}, "no --user"},
      {"password file for another registry",
       {"--user", "a=x", "--password-file", "b=f", "--password-stdin"},
       "\"b\""},
      {"two users for one registry", {"--user", "a=x", "--user", "a=y"}, "twice"},
      {"user without a name", {"--user", "a="}, "--user"},
      {"key without a certificate", {"--client-key", "k"}, "--client-cert"},
      {"URL in place of a host", {"--plain-http", "http://a"}, "HOST"},
      {"repository in place of a host", {"--plain-http", "a/b"}, "HOST"},
      {"proxy login without a proxy",
       {"--proxy-user", "me", "--proxy-password-file", "f"},
       "without --proxy"},
      {"proxy login without a password",
       {"--proxy", "http://p", "--proxy-user", "me"},
       "--proxy-password-file"},
      {"proxy password of nobody",
       {"--proxy", "http://p", "--proxy-password-file", "f"},
       "--proxy-user"},
      {"no jobs", {"--jobs", "0"}, "--jobs"},
      {"too many jobs", {"--jobs", "65"}, "--jobs"},
      {"rate that is no size", {"--max-rate", "fast"}, "--max-rate"},
      {"negative retries", {"--retries=-1"}, "--retries"},
      {"no time to connect", {"--connect-timeout", "0"}, "--connect-timeout"},
  };
  for (const auto& [name, arguments, says] : cases) {
    try {
      read(arguments);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage) << name;
      EXPECT_THAT(error.what(), HasSubstr(says)) << name;
    }
  }
}

TEST(RegistryOptions, RefuseSecretsWithoutRepeatingThem) {
  for (const std::vector<const char*>& arguments :
       {std::vector<const char*>{"--user", "me:hunter2"},
        {"--proxy", "p", "--proxy-user", "me:hunter2", "--proxy-password-file", "f"},
        {"--proxy", "http://me:hunter2@proxy:3128"}}) {
    try {
      read(arguments);
      ADD_FAILURE() << arguments[0];
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage);
      EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
      EXPECT_THAT(error.next_step(), Not(HasSubstr("hunter2")));
    }
  }
}

}  // namespace
}  // namespace seabag::cli
