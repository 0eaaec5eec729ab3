// SPDX-License-Identifier: Apache-2.0
#include "cli/registry_options.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <cxxopts.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/parse_size.h"
#include "cli/program_options.h"

namespace seabag::cli {
namespace {

// A connection a job; registries that count clients refuse more long before.
constexpr std::uint64_t kMostJobs = 64;
constexpr std::uint64_t kMostRetries = 100;
constexpr std::uint64_t kLongestTimeoutSeconds = 86'400;

// "HOST[:PORT]" by what cannot be in one; whether there is such a host only a connection can tell.
bool looks_like_a_registry(std::string_view text) {
  return !text.empty() && text.find_first_of("/@?#= \t") == std::string_view::npos;
}

std::vector<std::string> hosts_of(const cxxopts::ParseResult& arguments,
                                  const std::string& option) {
  std::vector<std::string> hosts;
  for (const std::string& host : values_of(arguments, option)) {
    if (!looks_like_a_registry(host)) {
      throw Error(Code::kUsage, fmt::format("--{}: expected HOST or HOST:PORT, got {}", option,
                                            seabag::quoted(host)));
    }
    hosts.push_back(to_lower(host));
  }
  return hosts;
}

// "[HOST[:PORT]=]VALUE" of a repeatable option, by registry. What stands before the "=" is a
// registry only if it can be one: "./a=b" is a file.
std::map<std::string, std::string> by_registry(const cxxopts::ParseResult& arguments,
                                               const std::string& option) {
  std::map<std::string, std::string> values;
  for (const std::string& text : values_of(arguments, option)) {
    const std::size_t equals = text.find('=');
    const bool named = equals != std::string::npos && looks_like_a_registry(text.substr(0, equals));
    const std::string registry = named ? text.substr(0, equals) : "";
    const std::string value = named ? text.substr(equals + 1) : text;
    if (value.empty()) {
      throw Error(Code::kUsage, fmt::format("--{}: expected [HOST[:PORT]=]VALUE, got {}", option,
                                            seabag::quoted(text)));
    }
    if (!values.emplace(registry, value).second) {
      throw Error(Code::kUsage, fmt::format("--{} is given twice for {}", option,
                                            named ? seabag::quoted(registry)
                                                  : "the registry of the command line"))
          .add_next_step(fmt::format("write --{} HOST[:PORT]=VALUE for each registry", option));
    }
  }
  return values;
}

// For docker users' habit "--user NAME:PASSWORD", as curl takes it.
void refuse_passwords_in_users(const std::map<std::string, std::string>& users) {
  for (const auto& [registry, user] : users) {
    if (user.find(':') == std::string::npos) continue;
    throw Error(Code::kUsage, "--user: expected a name without a colon")
        .add_next_step("give the password with --password-file FILE or --password-stdin");
  }
}

void require_passwords_for_users(const RegistryOptions& options) {
  std::vector<std::string> without;  // as they stand on the command line
  for (const auto& [registry, user] : options.users) {
    if (options.password_files.contains(registry)) continue;
    without.push_back(
        seabag::quoted(registry.empty() ? user : fmt::format("{}={}", registry, user)));
  }
  if (without.size() == 1 && options.password_from_stdin) return;
  if (options.password_from_stdin) {
    throw Error(
        Code::kUsage,
        fmt::format("--password-stdin: expected one --user without a --password-file, got {}",
                    without.size()));
  }
  if (!without.empty()) {
    throw Error(Code::kUsage,
                fmt::format("--user: {} without a password", fmt::join(without, ", ")))
        .add_next_step("add --password-file [HOST[:PORT]=]FILE or --password-stdin");
  }
}

void require_users_for_passwords(const RegistryOptions& options) {
  for (const auto& [registry, file] : options.password_files) {
    if (options.users.contains(registry)) continue;
    throw Error(Code::kUsage, fmt::format("--password-file: no --user for {}",
                                          registry.empty() ? "it" : seabag::quoted(registry)));
  }
}

std::string read_proxy(const cxxopts::ParseResult& arguments) {
  if (arguments.count("proxy") == 0) return {};
  auto proxy = arguments["proxy"].as<std::string>();
  if (proxy.find('@') == std::string::npos) return proxy;
  throw Error(Code::kUsage,
              "--proxy: everybody on this machine can read a command line, so it takes no user and "
              "password")
      .add_next_step("give them by --proxy-user NAME --proxy-password-file FILE");
}

void read_proxy_login(const cxxopts::ParseResult& arguments, RegistryOptions& options) {
  const auto text = [&](const char* option) {
    return arguments.count(option) > 0 ? arguments[option].as<std::string>() : std::string();
  };
  options.proxy_user = text("proxy-user");
  options.proxy_password_file = text("proxy-password-file");
  if (options.proxy_user.find(':') != std::string::npos) {
    throw Error(Code::kUsage, "--proxy-user: expected a name without a colon");
  }
  if (options.proxy_user.empty() != options.proxy_password_file.empty()) {
    throw Error(Code::kUsage, "--proxy-user and --proxy-password-file go together");
  }
  if (!options.proxy_user.empty() && options.proxy.empty()) {
    throw Error(Code::kUsage, "--proxy-user without --proxy");
  }
}

}  // namespace

// Without descriptions: the programs write their help by hand, to fit a screen.
void add_registry_options(cxxopts::Options& options) {
  const auto text = [] { return cxxopts::value<std::string>(); };
  const auto usually = [](const char* value) {
    return cxxopts::value<std::string>()->default_value(value);
  };
  const auto repeatable = [] { return cxxopts::value<std::vector<std::string>>(); };
  auto add = options.add_options();
  add("user", "", repeatable());
  add("password-file", "", repeatable());
  add("password-stdin", "");
  add("authfile", "", repeatable());
  add("auth-realm", "", repeatable());
  add("ca-file", "", text());
  add("client-cert", "", text());
  add("client-key", "", text());
  add("plain-http", "", repeatable());
  add("proxy", "", text());
  add("proxy-user", "", text());
  add("proxy-password-file", "", text());
  add("no-proxy", "", text());
  add("jobs", "", usually("8"));
  add("max-rate", "", usually("0"));
  add("retries", "", usually("4"));
  add("connect-timeout", "", usually("30"));
  add("stall-timeout", "", usually("60"));
}

RegistryOptions read_registry_options(const cxxopts::ParseResult& arguments) {
  const auto text = [&](const char* option) {
    const cxxopts::OptionValue& value = arguments[option];
    return value.count() > 0 || value.has_default() ? value.as<std::string>() : std::string();
  };
  const auto number = [&](const char* option, std::uint64_t smallest, std::uint64_t largest) {
    return static_cast<int>(
        parse_number(text(option), fmt::format("--{}", option), smallest, largest));
  };
  RegistryOptions options;
  options.auth_files = values_of(arguments, "authfile");
  options.users = by_registry(arguments, "user");
  options.password_files = by_registry(arguments, "password-file");
  options.password_from_stdin = arguments.count("password-stdin") > 0;
  refuse_passwords_in_users(options.users);
  require_passwords_for_users(options);
  require_users_for_passwords(options);
  options.ca_file = text("ca-file");
  options.client_certificate = text("client-cert");
  options.client_key = text("client-key");
  if (!options.client_key.empty() && options.client_certificate.empty()) {
    throw Error(Code::kUsage, "--client-key without --client-cert");
  }
  options.plain_http = hosts_of(arguments, "plain-http");
  options.auth_realms = hosts_of(arguments, "auth-realm");
  options.proxy = read_proxy(arguments);
  read_proxy_login(arguments, options);
  options.no_proxy = text("no-proxy");
  options.jobs = number("jobs", 1, kMostJobs);
  options.max_rate = parse_size(text("max-rate"), "--max-rate");
  options.attempts = number("retries", 0, kMostRetries) + 1;
  options.connect_timeout =
      std::chrono::seconds(number("connect-timeout", 1, kLongestTimeoutSeconds));
  options.stall_timeout = std::chrono::seconds(number("stall-timeout", 1, kLongestTimeoutSeconds));
  return options;
}

}  // namespace seabag::cli
