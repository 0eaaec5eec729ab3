// SPDX-License-Identifier: Apache-2.0
#include "http/url.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "http/local_address_internal.h"
#include "http/parsed_url_internal.h"

namespace seabag::http {
namespace {

// Not quoted as it stands: in front of an "@" may be a password, behind a "?" a signature.
Error bad_url(std::string_view text, std::string_view why) {
  std::string_view shown = text.substr(0, text.find('?'));
  const auto at = shown.find_last_of('@');
  if (at != std::string_view::npos) shown.remove_prefix(at);
  return {Code::kProtocol, fmt::format("URL {}: {}", quoted(shown), why)};
}

/// Empty if the URL has no such part.
std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owned(text, &curl_free);
  return text;
}

// libcurl lets "http:/h" and "http:///h" pass for "http://h"; RFC 3986 section 3.2 does not.
bool has_odd_authority(std::string_view text) {
  const auto colon = text.find_first_of(":/?#");
  const bool has_scheme = colon != std::string_view::npos && text[colon] == ':';
  if (has_scheme) text.remove_prefix(colon + 1);
  if (!text.starts_with("//")) return has_scheme;
  return text.size() == 2 || text[2] == '/';
}

// RFC 3986 section 2 leaves only these; anything else would be read differently by somebody.
void require_plain_text(std::string_view text) {
  const bool plain =
      std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F && c != '\\'; });
  if (!plain) {
    throw bad_url(text, "has a blank, a backslash, a control character or one beyond ASCII");
  }
  if (has_odd_authority(text)) throw bad_url(text, "expected http://HOST or https://HOST in front");
}

void parse_into(CURLU* url, std::string_view text) {
  require_plain_text(text);
  const CURLUcode result =
      curl_url_set(url, CURLUPART_URL, std::string(text).c_str(), CURLU_DISALLOW_USER);
  if (result != CURLUE_OK) throw bad_url(text, to_lower(curl_url_strerror(result)));
}

ParsedUrl new_handle() {
  ParsedUrl handle(curl_url());
  check(handle != nullptr, "memory for a URL");
  return handle;
}

// libcurl takes numbers for addresses before it decodes the host: "127%2e1" becomes "127.1", which
// is no address to is_local_address(), but is one to libcurl when it reads that.
void require_settled(const Origin& origin, std::string_view text) {
  const ParsedUrl handle = new_handle();
  parse_into(handle.get(), origin.text());
  if (to_lower(part_of(handle.get(), CURLUPART_HOST)) == origin.host) return;
  throw bad_url(text, "has a host that hides an address behind percent-encoding");
}

Url url_of(CURLU* parsed, std::string_view text) {
  Url url;
  url.origin.scheme = to_lower(part_of(parsed, CURLUPART_SCHEME));
  if (url.origin.scheme != "http" && url.origin.scheme != "https") {
    throw bad_url(text, fmt::format("expected http or https, got {}", quoted(url.origin.scheme)));
  }
  url.origin.host = to_lower(part_of(parsed, CURLUPART_HOST));
  if (url.origin.host.empty()) throw bad_url(text, "has no host");
  if (!part_of(parsed, CURLUPART_ZONEID).empty()) throw bad_url(text, "has an IPv6 zone");
  const std::string port = part_of(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const auto [end, error] =
      std::from_chars(port.data(), port.data() + port.size(), url.origin.port);
  if (error != std::errc() || url.origin.port == 0) throw bad_url(text, "has no usable port");
  require_settled(url.origin, text);
  url.path_and_query = part_of(parsed, CURLUPART_PATH);
  const std::string query = part_of(parsed, CURLUPART_QUERY);
  if (!query.empty()) url.path_and_query += '?' + query;
  return url;
}

}  // namespace

std::string Origin::text() const {
  const std::uint16_t usual = scheme == "https" ? 443 : 80;
  if (port == usual) return fmt::format("{}://{}", scheme, host);
  return fmt::format("{}://{}:{}", scheme, host, port);
}

std::string Url::text() const {
  return origin.text() + path_and_query;
}

std::string Url::shown() const {
  return printable(origin.text() + path_and_query.substr(0, path_and_query.find('?')));
}

Url parse_url(std::string_view text) {
  const ParsedUrl handle = new_handle();
  parse_into(handle.get(), text);
  return url_of(handle.get(), text);
}

Url resolve(const Url& base, std::string_view reference) {
  const ParsedUrl handle = new_handle();
  parse_into(handle.get(), base.text());
  parse_into(handle.get(), reference);
  return url_of(handle.get(), reference);
}

Url with_query(Url url, std::string_view name, std::string_view value) {
  url.path_and_query += url.path_and_query.find('?') == std::string::npos ? '?' : '&';
  url.path_and_query += fmt::format("{}={}", percent_encoded(name), percent_encoded(value));
  return url;
}

std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view kUnreserved =  // RFC 3986 section 2.3
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

bool is_local_address(const Origin& origin) {
  std::string host = origin.host;
  if (host.ends_with('.')) host.pop_back();
  if (host == "localhost" || host.ends_with(".localhost")) return true;  // RFC 6761 section 6.3
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return is_local_ip(host);
}

}  // namespace seabag::http
