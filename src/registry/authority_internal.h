// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http/client.h"
#include "registry/challenge.h"
#include "registry/registry.h"
#include "registry/token_internal.h"

namespace seabag::registry {

/// Who we are to one registry: what it asked for, credentials by repository, tokens by scope.
/// Threads: may be called concurrently; a token that several wait for is fetched once.
class Authority {
 public:
  /// `send` reaches token servers.
  Authority(const Access& access, http::Origin registry, Send send);

  /// The value of the Authorization header for `scope`; empty while the registry has not asked for
  /// one, and where it asks for a user and there is none.
  /// Errors: of ask_for_token(), require_trusted_realm() and Access::credential.
  std::string header_for(const Scope& scope);

  /// Takes note of a 401 to a request that had `refused` as its header: the next header_for() gives
  /// another one if there is one.
  void learn(const http::Response& response, const Scope& scope, const std::string& refused);

 private:
  /// A token, and whoever fetches it has the lock meanwhile.
  struct Slot {
    std::mutex mutex;
    std::string header;
    std::chrono::steady_clock::time_point expires_at;
  };

  std::shared_ptr<Slot> slot_for(const Scope& scope);
  std::optional<Credential> credential_for(const std::string& repository);
  std::string token_header(const Challenge& challenge, const Scope& scope);

  const Access& access_;
  const http::Origin registry_;
  const Send send_;

  std::mutex mutex_;  // of the two below
  std::optional<Challenge> challenge_;
  // Shared with the threads that wait for a token while the map is emptied.
  std::map<std::vector<std::string>, std::shared_ptr<Slot>> slots_;

  std::mutex credentials_mutex_;  // held while the user's files and helpers are asked
  std::map<std::string, std::optional<Credential>> credentials_;
};

}  // namespace seabag::registry
