// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>

#include "testing/scripted_registry.h"

namespace seabag::testing {

/// Who may do what in a scripted registry, and its token server. Tokens carry what they allow, so
/// that one server issues what another one accepts. Threads: one at a time.
class Gatekeeper {
 public:
  using Rules = std::variant<std::monostate, BasicRules, TokenRules>;

  void set_rules(Rules rules) { rules_ = std::move(rules); }

  /// The refusal that `request` gets; nothing if it may pass. A mount from a repository that the
  /// token does not allow to read loses its query: it becomes an upload. `base`: scheme and host of
  /// this server.
  std::optional<Reply> refusal(RecordedRequest& request, const std::string& base);

  /// The answer to a request for a token.
  Reply token(const RecordedRequest& request);

 private:
  Reply challenge(const TokenRules& rules, const std::string& base, const std::string& scope,
                  const std::string& error) const;
  Reply issued(const std::string& scope);

  Rules rules_;
  std::map<std::string, int> uses_;  // by token
  int next_token_ = 1;
};

}  // namespace seabag::testing
