// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/client.h"
#include "registry/credentials.h"

namespace seabag::registry {

/// Whether token servers on the registry's own domain may be asked without having been named.
enum class OwnDomain { kTrusted, kDistrusted };

/// Sees to it that a registry cannot have its users' credentials sent, nor us connect, to where it
/// likes. `named`: the hosts ("HOST[:PORT]") of --auth-realm.
/// Errors: kProtocol unless `realm` is the registry's own origin, or one of `named`, or https on
///         the same registrable domain if that is trusted; always for http where the registry has
///         https.
void require_trusted_realm(const http::Origin& registry, const http::Origin& realm,
                           const std::vector<std::string>& named, OwnDomain own_domain);

/// What a token server is asked.
struct TokenRequest {
  http::Url realm;
  std::string service;                   ///< empty: none
  std::vector<std::string> scopes;       ///< "repository:library/busybox:pull"
  std::optional<Credential> credential;  ///< none: an anonymous token
};

struct Token {
  std::string text;  ///< fit for a header
  std::chrono::seconds lifetime{0};
};

using Send = std::function<http::Response(const http::Request&)>;

/// GET with Basic authentication for a user and password, POST of a form for an identity token.
/// Errors: kDenied for 400, 401 and 403; kProtocol for an answer without a token; those of `send`.
/// Source: distribution, "Token Authentication Specification" and "OAuth2 Token Authentication";
///         RFC 6749 section 6.
Token ask_for_token(const TokenRequest& request, const Send& send);

/// Lifetime: `expires_in`, at most a day; 60 s where there is none.
/// Errors: kMalformed.
Token parse_token(std::string_view body);

/// The value of an Authorization header (RFC 7617).
std::string basic_authorization(const Credential& credential);

}  // namespace seabag::registry
