// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/blob_source.h"
#include "json/json.h"
#include "registry/answer_internal.h"
#include "registry/base64_internal.h"
#include "registry/token_internal.h"

namespace seabag::registry {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::vector<std::string_view> labels_of(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::vector<std::string_view> labels;
  while (true) {
    const auto dot = host.find('.');
    labels.push_back(host.substr(0, dot));
    if (dot == std::string_view::npos) return labels;
    host.remove_prefix(dot + 1);
  }
}

/// The domain that one owner has, by rule of thumb, because there is no list of public suffixes
/// here: the last two labels, but three under "co.uk", "com.au" and all that look like them. Empty
/// for an address and for a name without a dot.
std::string registrable_domain(const std::string& host) {
  const auto labels = labels_of(host);
  const std::string_view top = labels.back();
  const bool address = host.starts_with('[') || top.empty() || is_digit(top.front());
  if (address || labels.size() < 2) return {};
  const bool short_suffix = top.size() == 2 && labels[labels.size() - 2].size() <= 3;
  const std::size_t wanted = short_suffix ? 3 : 2;
  if (labels.size() < wanted) return {};
  std::string domain;
  for (std::size_t i = labels.size() - wanted; i < labels.size(); ++i) {
    domain.append(".").append(labels[i]);
  }
  return domain;
}

bool is_named(const http::Origin& realm, const std::vector<std::string>& named) {
  const std::uint16_t usual_port = realm.scheme == "https" ? 443 : 80;
  return std::ranges::any_of(named, [&](const std::string& name) {
    const std::string lower = to_lower(name);
    return lower == fmt::format("{}:{}", realm.host, realm.port) ||
           (realm.port == usual_port && lower == realm.host);
  });
}

http::Request get_request(const TokenRequest& asked) {
  http::Request request = {.method = http::Method::kGet, .url = asked.realm};
  if (!asked.service.empty()) request.url = http::with_query(request.url, "service", asked.service);
  for (const std::string& scope : asked.scopes) {
    request.url = http::with_query(request.url, "scope", scope);
  }
  if (asked.credential) {
    request.credentials = {{"Authorization", basic_authorization(*asked.credential)}};
  }
  return request;
}

/// A form of RFC 6749 section 6. The blank between scopes is section 3.3's.
std::string refresh_form(const TokenRequest& asked) {
  return fmt::format(
      "grant_type=refresh_token&client_id=seabag&service={}&scope={}&refresh_token={}",
      http::percent_encoded(asked.service),
      http::percent_encoded(fmt::format("{}", fmt::join(asked.scopes, " "))),
      http::percent_encoded(asked.credential->identity_token));
}

http::Response exchange(const TokenRequest& asked, const Send& send) {
  http::Request request = get_request(asked);
  request.max_body_bytes = limits::kErrorBodyBytes;
  if (!asked.credential || asked.credential->identity_token.empty()) return send(request);
  const std::string form = refresh_form(asked);
  const io::MemoryBlob body(io::bytes_of(form));
  request.method = http::Method::kPost;
  request.url = asked.realm;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.credentials.clear();
  request.body = http::BodyRange{.blob = &body, .offset = 0, .length = form.size()};
  return send(request);
}

}  // namespace

void require_trusted_realm(const http::Origin& registry, const http::Origin& realm,
                           const std::vector<std::string>& named, OwnDomain own_domain) {
  if (realm == registry) return;
  if (registry.scheme == "https" && realm.scheme != "https") {
    throw Error(Code::kProtocol,
                fmt::format("{} wants a login at {}: expected https, as the registry has it",
                            printable(registry.text()), printable(realm.text())));
  }
  if (is_named(realm, named)) return;
  const std::string domain = registrable_domain(realm.host);
  const bool is_trusted = own_domain == OwnDomain::kTrusted;
  const bool ours = !domain.empty() && domain == registrable_domain(registry.host);
  if (ours && is_trusted && realm.scheme == "https") return;
  const std::string text = realm.text();
  Error error(Code::kProtocol, fmt::format("{} wants a login at {}: expected its own origin{}",
                                           printable(registry.text()), printable(text),
                                           is_trusted ? ", or https on its own domain" : ""));
  error.add_next_step(fmt::format("if that server may have your login, add --auth-realm {}",
                                  printable(text.substr(text.find("://") + 3))));
  throw error;
}

Token ask_for_token(const TokenRequest& request, const Send& send) {
  const http::Response response = exchange(request, send);
  const std::string server = fmt::format("token server {}", response.url.shown());
  const int status = response.status;
  if (status != 200) {
    // ICR and OAuth2 servers answer a wrong password or an old identity token with 400.
    const Code code = status == 400 ? Code::kDenied : code_of(status);
    Error error(code, fmt::format("{}: {}", server, answer_text(response)));
    if (code == Code::kDenied) error.add_next_step(kLoginStep);
    throw error;
  }
  try {
    return parse_token(io::text_of(response.body));
  } catch (const Error& error) {
    throw Error(Code::kProtocol, fmt::format("{}: {}", server, error.what()));
  }
}

Token parse_token(std::string_view body) {
  constexpr std::uint64_t kDefaultLifetime = 60;     // the specification's
  constexpr std::uint64_t kLongestLifetime = 86400;  // keeps sums with the clock in range
  const json::Value document = json::parse(body, "answer");
  auto text = json::find_string(document, "token", limits::kTokenBytes);
  if (!text || text->empty()) {
    text = json::find_string(document, "access_token", limits::kTokenBytes);
  }
  if (!text || text->empty()) {
    throw Error(Code::kMalformed, "answer has neither \"token\" nor \"access_token\"");
  }
  const bool fits_header = std::ranges::all_of(*text, [](char c) { return c > 0x20 && c < 0x7F; });
  if (!fits_header) {
    throw Error(Code::kMalformed, "the token has characters that no header may have");
  }
  // Some servers write a string or a fraction there. A token that ends early is asked for again.
  const auto expires_in = document.find("expires_in");
  const bool says = expires_in != document.end() && expires_in->is_number_unsigned();
  const std::uint64_t lifetime = says ? expires_in->get<std::uint64_t>() : kDefaultLifetime;
  return {.text = *std::move(text),
          .lifetime = std::chrono::seconds(std::min(lifetime, kLongestLifetime))};
}

std::string basic_authorization(const Credential& credential) {
  return "Basic " + to_base64(credential.user + ':' + credential.password);
}

}  // namespace seabag::registry
