// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/limits.h"
#include "registry/authority_internal.h"

namespace seabag::registry {
namespace {

/// The challenge to take up: a token if one is offered, because it says less about us.
std::optional<Challenge> best_challenge(const http::Response& response) {
  std::optional<Challenge> best;
  for (const auto& [name, value] : response.headers) {
    if (name != "www-authenticate") continue;
    for (Challenge& challenge : parse_challenges(value)) {
      const bool token = challenge.scheme == Challenge::Scheme::kBearer && !challenge.realm.empty();
      const bool basic = challenge.scheme == Challenge::Scheme::kBasic && !best;
      if (token || basic) best = std::move(challenge);
      if (token) return best;
    }
  }
  return best;
}

/// Ours, never the challenge's: a token can do what we are about to do and no more.
std::vector<std::string> scope_texts(const Scope& scope) {
  if (scope.repository.empty()) return {"registry:catalog:*"};
  std::vector<std::string> texts = {
      fmt::format("repository:{}:{}", scope.repository, scope.push ? "pull,push" : "pull")};
  if (!scope.mount_from.empty()) {
    texts.push_back(fmt::format("repository:{}:pull", scope.mount_from));
  }
  return texts;
}

}  // namespace

Authority::Authority(const Access& access, http::Origin registry, Send send)
    : access_(access), registry_(std::move(registry)), send_(std::move(send)) {}

std::string Authority::header_for(const Scope& scope) {
  std::optional<Challenge> challenge;
  {
    const std::lock_guard lock(mutex_);
    challenge = challenge_;
  }
  if (!challenge) return {};
  if (challenge->scheme == Challenge::Scheme::kBearer) return token_header(*challenge, scope);
  const auto credential = credential_for(scope.repository);
  if (!credential || !credential->identity_token.empty()) return {};
  return basic_authorization(*credential);
}

void Authority::learn(const http::Response& response, const Scope& scope,
                      const std::string& refused) {
  if (auto challenge = best_challenge(response)) {
    const std::lock_guard lock(mutex_);
    challenge_ = std::move(challenge);
  }
  const auto slot = slot_for(scope);
  const std::lock_guard lock(slot->mutex);
  // Another thread may have fetched a new one since.
  if (slot->header == refused) slot->header.clear();
}

std::string Authority::token_header(const Challenge& challenge, const Scope& scope) {
  const auto slot = slot_for(scope);
  const std::lock_guard lock(slot->mutex);
  const auto now = std::chrono::steady_clock::now();
  if (!slot->header.empty() && now < slot->expires_at) return slot->header;
  const http::Url realm = http::parse_url(challenge.realm);
  require_trusted_realm(registry_, realm.origin, access_.auth_realms,
                        access_.own_origin_only ? OwnDomain::kDistrusted : OwnDomain::kTrusted);
  const Token token = ask_for_token({.realm = realm,
                                     .service = challenge.service,
                                     .scopes = scope_texts(scope),
                                     .credential = credential_for(scope.repository)},
                                    send_);
  slot->header = "Bearer " + token.text;
  slot->expires_at = now + token.lifetime;
  return slot->header;
}

std::shared_ptr<Authority::Slot> Authority::slot_for(const Scope& scope) {
  const std::lock_guard lock(mutex_);
  auto key = scope_texts(scope);
  if (slots_.size() >= limits::kTokens && !slots_.contains(key)) slots_.clear();
  auto& slot = slots_[std::move(key)];
  if (!slot) slot = std::make_shared<Slot>();
  return slot;
}

std::optional<Credential> Authority::credential_for(const std::string& repository) {
  const std::lock_guard lock(credentials_mutex_);
  const auto found = credentials_.find(repository);
  if (found != credentials_.end()) return found->second;
  if (credentials_.size() >= limits::kTokens) credentials_.clear();
  auto credential = access_.credential ? access_.credential(repository) : std::nullopt;
  return credentials_.emplace(repository, std::move(credential)).first->second;
}

}  // namespace seabag::registry
