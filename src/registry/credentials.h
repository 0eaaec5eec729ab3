// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_system.h"

namespace seabag::registry {

/// What proves who we are to one registry. Never printed, never logged, never in a bundle.
struct Credential {
  std::string user;
  std::string password;
  std::string identity_token;  ///< an OAuth2 refresh token instead of user and password
};

/// Where credentials are looked for.
struct CredentialSources {
  /// Given for this run, by registry ("HOST[:PORT]"); wins over the files.
  std::map<std::string, Credential> given;
  /// Auth files in the order they are asked: containers' auth.json first, then Docker's
  /// config.json. Those that do not exist are passed over. Symbolic links are followed: mounted
  /// secrets are some.
  std::vector<std::string> files;
};

/// Asks a credential helper for `registry` and gives back what it printed; nothing if it has none.
using RunHelper = std::function<std::optional<std::string>(const std::string& helper,
                                                           const std::string& registry)>;

/// Runs `docker-credential-HELPER get` of the PATH, without a shell, with `registry` on its
/// standard input. Nothing if it exits non-zero saying that it has none.
/// Requires: `helper` has no "/", as find_credential() sees to.
/// Errors:   kDenied if it cannot be run, fails otherwise, prints more than
///           limits::kConfigFileBytes, or takes longer than `time_limit`; it is killed then.
RunHelper run_credential_helper(std::chrono::milliseconds time_limit = std::chrono::seconds(30));

/// The credential for `registry` as docker and podman look it up: `given`; then in each file
/// `credHelpers` for the host, `auths`, `credsStore`. Keys of `auths` are hosts, or
/// "https://HOST/v1/" and "https://HOST/v2/", or containers-auth.json(5)'s repository prefixes, the
/// longest first. Docker Hub's "https://index.docker.io/v1/" serves docker.io and
/// registry-1.docker.io. An entry or a helper that has nothing is passed over. Nothing found:
/// anonymous.
/// Errors: kUsage for a file that cannot be read or parsed, or names a helper that cannot be one,
///         naming the file; kDenied from a helper.
/// Source: containers-auth.json(5); docker-login, "Credential stores".
std::optional<Credential> find_credential(const CredentialSources& sources,
                                          const std::string& registry,
                                          const std::string& repository, io::FileSystem& files,
                                          const RunHelper& run_helper);

}  // namespace seabag::registry
