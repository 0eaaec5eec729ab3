// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <regex>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "testing/gatekeeper_internal.h"
#include "testing/query_internal.h"
#include "testing/registry_content_internal.h"

namespace seabag::testing {
namespace {

// By resource ("repository:a/b"), the actions that are allowed.
using Grants = std::map<std::string, std::set<std::string>>;

// "repository:a/b:pull,push registry:catalog:*"
Grants parse_scope(const std::string& scope) {
  static const std::regex kPattern("(\\S+):([^:\\s]+)");
  Grants grants;
  for (auto i = std::sregex_iterator(scope.begin(), scope.end(), kPattern);
       i != std::sregex_iterator(); ++i) {
    std::string actions = (*i)[2].str() + ',';
    for (auto comma = actions.find(','); comma != std::string::npos; comma = actions.find(',')) {
      grants[(*i)[1]].insert(actions.substr(0, comma));
      actions.erase(0, comma + 1);
    }
  }
  return grants;
}

std::string scope_text(const Grants& grants) {
  std::string text;
  for (const auto& [resource, actions] : grants) {
    if (!text.empty()) text += ' ';
    text += resource + ':';
    for (const std::string& action : actions) text += action + ',';
    text.pop_back();
  }
  return text;
}

bool allows(const Grants& grants, const Grants& needed) {
  return std::ranges::all_of(needed, [&](const auto& entry) {
    const auto found = grants.find(entry.first);
    return found != grants.end() && std::ranges::includes(found->second, entry.second);
  });
}

// The scope that a request needs, as distribution's registry demands it.
std::string scope_needed(const RecordedRequest& request) {
  static const std::regex kPattern("/v2/(.+)/(?:manifests|blobs|tags|referrers)/.*");
  if (request.path == "/v2/_catalog") return "registry:catalog:*";
  std::smatch match;
  if (!std::regex_match(request.path, match, kPattern)) return "";
  const bool reads = request.method == "GET" || request.method == "HEAD";
  return fmt::format("repository:{}:{}", match[1].str(), reads ? "pull" : "pull,push");
}

std::string basic_value(const std::string& user, const std::string& password) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string text = user + ':' + password;
  std::string encoded = "Basic ";
  for (std::size_t i = 0; i < text.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      encoded += i + j <= text.size() ? kDigits[group >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return encoded;
}

// "token-SERIAL-HEX(scope)"
std::optional<Grants> grants_of(const std::string& token) {
  const auto dash = token.rfind('-');
  if (!token.starts_with("token-") || dash == std::string::npos) return std::nullopt;
  std::string scope((token.size() - dash - 1) / 2, '\0');
  if (!from_hex(token.substr(dash + 1), std::as_writable_bytes(std::span(scope))))
    return std::nullopt;
  return parse_scope(scope);
}

// Without credential only pulling is granted.
Grants for_anybody(const Grants& asked) {
  Grants granted;
  for (const auto& [resource, actions] : asked) {
    if (actions.contains("pull")) granted[resource] = {"pull"};
  }
  return granted;
}

void drop_mount_beyond(const Grants& grants, RecordedRequest& request) {
  const auto from = request.parameter("from");
  if (!from || allows(grants, {{"repository:" + *from, {"pull"}}})) return;
  request.target = path_part(request.target);
}

}  // namespace

Reply Gatekeeper::challenge(const TokenRules& rules, const std::string& base,
                            const std::string& scope, const std::string& error) const {
  Reply reply = error_reply(401, "UNAUTHORIZED", "authentication required");
  std::string value =
      fmt::format("Bearer realm=\"{}\",service=\"{}\"",
                  rules.realm.empty() ? base + "/token" : rules.realm, rules.service);
  if (!scope.empty()) value += fmt::format(",scope=\"{}\"", scope);
  if (!error.empty()) value += fmt::format(",error=\"{}\"", error);
  reply.headers.emplace_back("www-authenticate", value);
  return reply;
}

std::optional<Reply> Gatekeeper::refusal(RecordedRequest& request, const std::string& base) {
  const std::string given = request.header("authorization").value_or("");
  if (const auto* basic = std::get_if<BasicRules>(&rules_)) {
    if (given == basic_value(basic->user, basic->password)) return std::nullopt;
    Reply reply = error_reply(401, "UNAUTHORIZED", "authentication required");
    reply.headers.emplace_back("www-authenticate", "Basic realm=\"scripted\"");
    return reply;
  }
  const auto* rules = std::get_if<TokenRules>(&rules_);
  if (rules == nullptr) return std::nullopt;
  const std::string scope = scope_needed(request);
  if (!given.starts_with("Bearer ")) return challenge(*rules, base, scope, "");
  const std::string token = given.substr(7);
  const auto grants = grants_of(token);
  if (!grants || (rules->uses > 0 && uses_[token]++ >= rules->uses))
    return challenge(*rules, base, scope, "invalid_token");
  if (!allows(*grants, parse_scope(scope)))
    return challenge(*rules, base, scope, "insufficient_scope");
  drop_mount_beyond(*grants, request);
  return std::nullopt;
}

Reply Gatekeeper::issued(const std::string& scope) {
  const std::string token = fmt::format("token-{}-{}", next_token_++, to_hex(io::bytes_of(scope)));
  const nlohmann::json document = {{"token", token}, {"access_token", token}, {"expires_in", 300}};
  Reply reply;
  reply.status = 200;
  reply.headers = {{"content-type", "application/json"}};
  reply.body = document.dump();
  return reply;
}

Reply Gatekeeper::token(const RecordedRequest& request) {
  const auto* rules = std::get_if<TokenRules>(&rules_);
  if (rules == nullptr) return error_reply(404, "UNSUPPORTED", "no token server here");
  const bool is_form = request.method == "POST";
  const Parameters parameters =
      parse_parameters(is_form ? std::string_view(request.body) : query_part(request.target));
  if (value_of(parameters, "service") != rules->service)
    return error_reply(400, "UNSUPPORTED", "unknown service");
  std::string scope;
  for (const std::string& value : values_of(parameters, "scope")) scope += value + ' ';
  Grants grants = parse_scope(scope);

  bool is_known = request.header("authorization") == basic_value(rules->user, rules->password);
  if (is_form) {
    const bool refreshes = value_of(parameters, "grant_type") == "refresh_token";
    is_known = refreshes ? value_of(parameters, "refresh_token") == rules->identity_token &&
                               !rules->identity_token.empty()
                         : value_of(parameters, "username") == rules->user &&
                               value_of(parameters, "password") == rules->password;
  }
  if (!rules->user.empty() && !is_known) {
    const bool is_anonymous = !is_form && !request.header("authorization");
    if (!is_anonymous || !rules->anonymous_pull)
      return error_reply(401, "UNAUTHORIZED", "incorrect username or password");
    grants = for_anybody(grants);
  }
  return issued(rules->granted_scope.empty() ? scope_text(grants) : rules->granted_scope);
}

}  // namespace seabag::testing
