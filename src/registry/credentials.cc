// SPDX-License-Identifier: Apache-2.0
#include "registry/credentials.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/user_file.h"
#include "json/json.h"
#include "registry/base64_internal.h"

namespace seabag::registry {
namespace {

constexpr std::string_view kDockerHub = "docker.io";
// The name under which `docker login` keeps Docker Hub's credential, a relic of its first API.
constexpr const char* kDockerHubKey = "https://index.docker.io/v1/";

/// "HOST[:PORT]" in lower case, Docker Hub's three names as one.
std::string canonical_host(std::string_view host) {
  std::string lower = to_lower(host);
  if (lower == "index.docker.io" || lower == "registry-1.docker.io") return std::string(kDockerHub);
  return lower;
}

/// A key of an auth file as "HOST[:PORT][/PREFIX]". A path in a key with a scheme is an API's.
std::string canonical_key(std::string_view key) {
  const auto scheme = key.find("://");
  const std::string_view rest = scheme == std::string_view::npos ? key : key.substr(scheme + 3);
  const auto slash = std::min(rest.find('/'), rest.size());
  const std::string host = canonical_host(rest.substr(0, slash));
  const std::string_view path = rest.substr(slash);
  if (scheme == std::string_view::npos) return path == "/" ? host : host + std::string(path);
  const bool api = path.empty() || path == "/" || path == "/v1" || path == "/v1/" ||
                   path == "/v2" || path == "/v2/";
  return api ? host : std::string(key);
}

/// The keys that serve a repository, the longest first: "h/a/b", "h/a", "h".
std::vector<std::string> keys_for(const std::string& host, const std::string& repository) {
  std::vector<std::string> keys;
  std::string key = host;
  if (!repository.empty()) key.append("/").append(repository);
  for (; key.size() > host.size(); key.resize(key.rfind('/'))) keys.push_back(key);
  keys.push_back(host);
  return keys;
}

/// The member of `entries` whose key means the same as `key`.
const json::Value* find_entry(const json::Value& entries, const std::string& key) {
  for (const auto& [name, value] : entries.items()) {
    if (canonical_key(name) == key) return &value;
  }
  return nullptr;
}

std::string string_of(const json::Value& object, const char* key) {
  return json::find_string(object, key, limits::kConfigFileBytes).value_or("");
}

bool is_nobody(const Credential& credential) {
  return credential.user.empty() && credential.password.empty() &&
         credential.identity_token.empty();
}

std::optional<Credential> unless_nobody(Credential credential) {
  if (is_nobody(credential)) return std::nullopt;
  return credential;
}

/// An entry of `auths`. Where a store keeps the secret, it is empty.
std::optional<Credential> parse_entry(const json::Value& entry, const std::string& key) {
  Credential credential;
  credential.identity_token = string_of(entry, "identitytoken");
  const std::string encoded = string_of(entry, "auth");
  if (encoded.empty()) {
    credential.user = string_of(entry, "username");
    credential.password = string_of(entry, "password");
    return unless_nobody(std::move(credential));
  }
  const std::string decoded = from_base64(encoded).value_or("");
  const auto colon = decoded.find(':');
  if (colon == std::string::npos) {
    throw Error(
        Code::kMalformed,
        fmt::format("auths of {}: \"auth\" is not user:password in base64", seabag::quoted(key)));
  }
  credential.user = decoded.substr(0, colon);
  credential.password = decoded.substr(colon + 1);
  return unless_nobody(std::move(credential));
}

std::optional<Credential> find_in_auths(const json::Value& auths, const std::string& host,
                                        const std::string& repository) {
  for (const std::string& key : keys_for(host, repository)) {
    const json::Value* entry = find_entry(auths, key);
    if (entry == nullptr) continue;
    if (auto credential = parse_entry(*entry, key)) return credential;
  }
  return std::nullopt;
}

// It becomes a part of a program's name, so it may not hold a "/".
void require_helper_name(const std::string& name) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (!plain) {
    throw Error(
        Code::kMalformed,
        fmt::format("credential helper {}: expected letters, digits, \".\", \"_\" and \"-\"",
                    seabag::quoted(name)));
  }
}

/// Source: docker-credential-helpers, "Usage": a JSON object with ServerURL, Username and Secret.
std::optional<Credential> ask_helper(const std::string& helper, const std::string& host,
                                     const RunHelper& run) {
  require_helper_name(helper);
  const auto output = run(helper, host == kDockerHub ? kDockerHubKey : host);
  if (!output) return std::nullopt;
  try {
    const json::Value answer = json::parse(*output, "answer");
    Credential credential;
    credential.user = string_of(answer, "Username");
    std::string secret = string_of(answer, "Secret");
    if (credential.user == "<token>") {
      credential.user.clear();
      credential.identity_token = std::move(secret);
    } else {
      credential.password = std::move(secret);
    }
    return unless_nobody(std::move(credential));
  } catch (const Error& error) {
    throw Error(Code::kDenied, fmt::format("docker-credential-{}: {}", helper, error.what()));
  }
}

/// The helper that `helpers` name for the host; empty if there is none.
std::string helper_for(const json::Value& helpers, const std::string& host) {
  const json::Value* name = find_entry(helpers, host);
  if (name == nullptr) return {};
  if (!name->is_string()) {
    throw Error(Code::kMalformed,
                fmt::format("credHelpers of {}: expected a string", seabag::quoted(host)));
  }
  return name->get<std::string>();
}

std::optional<Credential> find_in_document(const json::Value& document, const std::string& host,
                                           const std::string& repository, const RunHelper& run) {
  if (const auto* helpers = json::find_object(document, "credHelpers")) {
    const std::string helper = helper_for(*helpers, host);
    auto credential = helper.empty() ? std::nullopt : ask_helper(helper, host, run);
    if (credential) return credential;
  }
  if (const auto* auths = json::find_object(document, "auths")) {
    if (auto credential = find_in_auths(*auths, host, repository)) return credential;
  }
  const std::string store = string_of(document, "credsStore");
  return store.empty() ? std::nullopt : ask_helper(store, host, run);
}

}  // namespace

std::optional<Credential> find_credential(const CredentialSources& sources,
                                          const std::string& registry,
                                          const std::string& repository, io::FileSystem& files,
                                          const RunHelper& run_helper) {
  const std::string host = canonical_host(registry);
  for (const auto& [name, credential] : sources.given) {
    if (canonical_host(name) == host) return credential;
  }
  for (const std::string& path : sources.files) {
    if (!files.find(path)) continue;
    try {
      const io::Bytes bytes = io::read_user_file(path, limits::kConfigFileBytes);
      auto credential = find_in_document(json::parse(io::text_of(bytes), "auth file"), host,
                                         repository, run_helper);
      if (credential) return credential;
    } catch (const Error& error) {
      Error named(error.code() == Code::kDenied ? Code::kDenied : Code::kUsage,
                  fmt::format("{}: {}", seabag::quoted(path), error.what()));
      named.add_next_step(error.next_step());
      throw named;
    }
  }
  return std::nullopt;
}

}  // namespace seabag::registry
