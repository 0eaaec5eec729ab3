// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cxxopts {
class Options;
class ParseResult;
}  // namespace cxxopts

namespace seabag::cli {

/// How to reach registries, as the command line says it.
struct RegistryOptions {
  std::vector<std::string> auth_files;  ///< if any, no other place is asked for credentials
  /// By registry ("HOST[:PORT]"); "": the one registry of the command line.
  std::map<std::string, std::string> users;
  std::map<std::string, std::string> password_files;  ///< the same keys
  bool password_from_stdin = false;  ///< the password of the one user without a file
  std::string ca_file;
  std::string client_certificate;
  std::string client_key;
  std::vector<std::string> plain_http;   ///< "HOST[:PORT]", lower case
  std::vector<std::string> auth_realms;  ///< hosts of token servers that may have the credential
  std::string proxy;
  std::string proxy_user;
  std::string proxy_password_file;
  std::string no_proxy;
  int jobs = 0;
  std::uint64_t max_rate = 0;  ///< bytes a second, over all transfers; 0: no limit
  int attempts = 0;            ///< tries of a request, the first included
  std::chrono::seconds connect_timeout{};
  std::chrono::seconds stall_timeout{};
};

void add_registry_options(cxxopts::Options& options);

/// Errors: kUsage, naming the option. What could hold a secret is never quoted.
RegistryOptions read_registry_options(const cxxopts::ParseResult& arguments);

}  // namespace seabag::cli
