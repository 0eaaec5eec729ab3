// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace seabag::http {

/// Who a credential belongs to. Source: RFC 6454, "The Web Origin Concept".
struct Origin {
  std::string scheme;  ///< "http" or "https"
  std::string host;    ///< lower case; an IPv6 address in brackets
  std::uint16_t port = 0;

  std::string text() const;  ///< "https://registry.local:5000"; the scheme's own port left out
  friend auto operator<=>(const Origin&, const Origin&) = default;
};

/// An http or https URL without user information and without fragment.
struct Url {
  Origin origin;
  std::string path_and_query;  ///< begins with "/"

  std::string text() const;
  /// For messages: without its query, which may hold a signature or a token, and printable().
  std::string shown() const;
  friend auto operator<=>(const Url&, const Url&) = default;
};

/// Errors: kProtocol, quoting `text` without user information and query: another scheme, user
/// information, no host, an IPv6 zone, a blank, a
///         backslash, a control character or one beyond ASCII. Parsed with libcurl's own parser, so
///         that what is checked is what is fetched: "0x7f.1" is 127.0.0.1 and dot segments are
///         gone.
Url parse_url(std::string_view text);

/// `reference` (absolute, "//host/p", "/p" or "p") as seen from `base`. Errors: as parse_url().
/// Source: RFC 3986 section 5.2.
Url resolve(const Url& base, std::string_view reference);

/// `url` with "name=value" appended to its query, the value percent-encoded.
Url with_query(Url url, std::string_view name, std::string_view value);

std::string percent_encoded(std::string_view text);  ///< all but RFC 3986's unreserved characters

/// Whether the host is an address (not a name) of this machine or link-local: 127.0.0.0/8, ::1,
/// 169.254.0.0/16, fe80::/10, 0.0.0.0, ::, the same mapped into IPv6, and "localhost". A server
/// elsewhere that sends us there wants something of our network, not of its own.
bool is_local_address(const Origin& origin);

}  // namespace seabag::http
