// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/environment.h"
#include "cli/registry_options.h"
#include "http/client.h"
#include "io/file_system.h"
#include "registry/credentials.h"
#include "registry/registry.h"

namespace seabag::cli {

/// What the options do not say. All of it outlives what is made of it.
struct RegistrySurroundings {
  Environment environment;
  /// The exporter goes through the environment's proxies, and to where registries redirect it; the
  /// importer opens connections to nothing that is not on its command line.
  bool goes_elsewhere = false;
  std::string user_agent;
  std::vector<std::string> named_registries;  ///< of the command line, as written
  io::FileSystem* files = nullptr;
  std::function<void(const std::string& text)> warn = {};  ///< told what registries say to users
  std::stop_token stop;
};

/// The auth files that are asked, first to last: those of --authfile alone; else REGISTRY_AUTH_FILE
/// alone; else those of containers-auth.json(5) and then Docker's config.json, as the environment
/// places them.
std::vector<std::string> auth_files(const RegistryOptions& options, const Environment& environment);

/// Reads the passwords. Errors: kUsage: a password that cannot be read, a --user that fits no
/// registry or several, an --authfile that does not exist.
registry::CredentialSources credential_sources(const RegistryOptions& options,
                                               const RegistrySurroundings& surroundings);

/// Reads the proxy's password. Errors: kUsage for a certificate or key file that does not exist,
/// and a password that cannot be read.
http::Settings http_settings(const RegistryOptions& options,
                             const RegistrySurroundings& surroundings);

/// Gives the one Registry of the run for each "HOST[:PORT]", made on first use and reached by
/// `http`. Credentials are read now. Errors: of credential_sources(). Threads: what is returned may
/// be called concurrently.
std::function<std::shared_ptr<registry::Registry>(const std::string& registry)> open_registries(
    const RegistryOptions& options, const RegistrySurroundings& surroundings,
    const http::Settings& http);

}  // namespace seabag::cli
