// SPDX-License-Identifier: Apache-2.0
#include "cli/registries.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/password.h"

namespace seabag::cli {
namespace {

void require_file(io::FileSystem& files, const char* option, const std::string& path) {
  if (path.empty() || files.find(path)) return;
  throw Error(Code::kUsage, fmt::format("{}: there is no file {}", option, seabag::quoted(path)));
}

// The registry that a "--user NAME" without a registry is for.
std::string only_registry(const std::vector<std::string>& named) {
  const std::set<std::string> different(named.begin(), named.end());
  if (different.size() == 1) return *different.begin();
  throw Error(Code::kUsage, fmt::format("--user: expected one registry on the command line, got {}",
                                        different.size()))
      .add_next_step("say which registry the user is for: --user HOST[:PORT]=NAME");
}

// The proxy's URL with the user and the password of the options.
std::string with_login(const std::string& proxy, const RegistryOptions& options) {
  if (options.proxy_user.empty()) return proxy;
  const std::string login =
      fmt::format("{}:{}@", http::percent_encoded(options.proxy_user),
                  http::percent_encoded(read_password(options.proxy_password_file)));
  const auto scheme = proxy.find("://");
  return std::string(proxy).insert(scheme == std::string::npos ? 0 : scheme + 3, login);
}

class Registries {
 public:
  Registries(RegistryOptions options, RegistrySurroundings surroundings, http::Settings http)
      : options_(std::move(options)),
        surroundings_(std::move(surroundings)),
        http_(std::move(http)),
        credentials_(credential_sources(options_, surroundings_)) {}

  std::shared_ptr<registry::Registry> open(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    std::shared_ptr<registry::Registry>& registry = opened_[name];
    if (!registry) registry = std::make_shared<registry::Registry>(access(name));
    return registry;
  }

 private:
  registry::Access access(const std::string& name) const {
    registry::Access access;
    access.registry = name;
    access.plain_http =
        std::ranges::find(options_.plain_http, to_lower(name)) != options_.plain_http.end();
    access.http = http_;
    access.auth_realms = options_.auth_realms;
    access.own_origin_only = !surroundings_.goes_elsewhere;
    access.warn = surroundings_.warn;
    access.credential = [sources = credentials_, name, files = surroundings_.files,
                         run_helper =
                             registry::run_credential_helper()](const std::string& repository) {
      return registry::find_credential(sources, name, repository, *files, run_helper);
    };
    access.pause = http::real_pause();
    access.stop = surroundings_.stop;
    return access;
  }

  const RegistryOptions options_;
  const RegistrySurroundings surroundings_;
  const http::Settings http_;
  const registry::CredentialSources credentials_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<registry::Registry>> opened_;
};

}  // namespace

std::vector<std::string> auth_files(const RegistryOptions& options,
                                    const Environment& environment) {
  if (!options.auth_files.empty()) return options.auth_files;
  if (!environment.registry_auth_file.empty()) return {environment.registry_auth_file};
  std::vector<std::string> files;
  // Without XDG_RUNTIME_DIR (sudo, cron) podman and skopeo keep it in /run/containers/UID.
  files.push_back(environment.xdg_runtime_dir.empty()
                      ? fmt::format("/run/containers/{}/auth.json", environment.user_id)
                      : environment.xdg_runtime_dir + "/containers/auth.json");
  if (!environment.xdg_config_home.empty()) {
    files.push_back(environment.xdg_config_home + "/containers/auth.json");
  } else if (!environment.home.empty()) {
    files.push_back(environment.home + "/.config/containers/auth.json");
  }
  if (!environment.docker_config.empty()) {
    files.push_back(environment.docker_config + "/config.json");
  } else if (!environment.home.empty()) {
    files.push_back(environment.home + "/.docker/config.json");
  }
  return files;
}

registry::CredentialSources credential_sources(const RegistryOptions& options,
                                               const RegistrySurroundings& surroundings) {
  registry::CredentialSources sources;
  for (const std::string& file : options.auth_files) {
    require_file(*surroundings.files, "--authfile", file);
  }
  sources.files = auth_files(options, surroundings.environment);
  for (const auto& [key, user] : options.users) {
    const std::string name = key.empty() ? only_registry(surroundings.named_registries) : key;
    const auto file = options.password_files.find(key);
    std::string password = read_password(file == options.password_files.end() ? "-" : file->second);
    const bool added =
        sources.given.emplace(name, registry::Credential{user, std::move(password), {}}).second;
    if (!added) {
      throw Error(Code::kUsage, fmt::format("--user is given twice for {}", seabag::quoted(name)));
    }
  }
  return sources;
}

http::Settings http_settings(const RegistryOptions& options,
                             const RegistrySurroundings& surroundings) {
  require_file(*surroundings.files, "--ca-file", options.ca_file);
  require_file(*surroundings.files, "--client-cert", options.client_certificate);
  require_file(*surroundings.files, "--client-key", options.client_key);
  http::Settings settings;
  settings.user_agent = surroundings.user_agent;
  settings.ca_file = options.ca_file;
  settings.client_certificate = options.client_certificate;
  settings.client_key = options.client_key;
  settings.https_proxy = with_login(options.proxy, options);
  settings.http_proxy = settings.https_proxy;
  settings.no_proxy = options.no_proxy;
  if (surroundings.goes_elsewhere) {
    const Environment& environment = surroundings.environment;
    if (options.proxy.empty()) {
      settings.https_proxy = environment.https_proxy;
      settings.http_proxy = environment.http_proxy;
    }
    if (settings.no_proxy.empty()) settings.no_proxy = environment.no_proxy;
  }
  settings.attempts = options.attempts;
  settings.connect_timeout = options.connect_timeout;
  settings.stall_timeout = options.stall_timeout;
  return settings;
}

std::function<std::shared_ptr<registry::Registry>(const std::string& registry)> open_registries(
    const RegistryOptions& options, const RegistrySurroundings& surroundings,
    const http::Settings& http) {
  // Shared by the copies of the function.
  const auto registries = std::make_shared<Registries>(options, surroundings, http);
  return [registries](const std::string& registry) { return registries->open(registry); };
}

}  // namespace seabag::cli
