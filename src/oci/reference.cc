// SPDX-License-Identifier: Apache-2.0
#include "oci/reference.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

namespace seabag::oci {
namespace {

constexpr std::string_view kLowerAlnum = "abcdefghijklmnopqrstuvwxyz0123456789";

bool is_lower_alnum(char c) {
  return kLowerAlnum.find(c) != std::string_view::npos;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

// Whether every part of `text` between separators passes.
template <class Predicate>
bool all_parts(std::string_view text, char separator, Predicate passes) {
  for (;;) {
    const auto end = text.find(separator);
    if (!passes(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  while (!text.empty()) {
    const auto run = std::min(text.find_first_not_of(kLowerAlnum), text.size());
    const auto next_run = std::min(text.find_first_of(kLowerAlnum, run), text.size());
    const auto separator = text.substr(run, next_run - run);
    const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
    text.remove_prefix(next_run);
  }
  return true;
}

// Letters, digits and inner dashes: a label of a DNS name (RFC 1123 section 2.1).
bool is_host_label(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) && is_alnum(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || !std::ranges::all_of(text, is_digit)) return false;
  int port = 0;
  for (const char c : text) port = port * 10 + (c - '0');
  return port >= 1 && port <= 65535;
}

// Enough to tell it from anything else; whoever connects parses it in full.
bool is_ipv6(std::string_view text) {
  return text.size() <= 45 && std::ranges::count(text, ':') >= 2 &&
         text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
}

// A reference cut at its separators, nothing of it checked yet.
struct Parts {
  std::string_view registry;
  std::string_view repository;
  std::optional<std::string_view> tag;
  std::optional<std::string_view> digest;
};

Parts split(std::string_view text) {
  Parts parts;
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    parts.digest = text.substr(at + 1);
    text = text.substr(0, at);
  }
  // Only what stands before a "/" can be a registry: "localhost:5000" is a repository with a tag.
  const auto slash = text.find('/');
  if (slash != std::string_view::npos && is_registry(text.substr(0, slash))) {
    parts.registry = text.substr(0, slash);
    text.remove_prefix(slash + 1);
  }
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find('/', colon) == std::string_view::npos) {
    parts.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  parts.repository = text;
  return parts;
}

// What breaks the grammar, the digest's aside; empty if nothing does.
std::string fault_of(const Parts& parts) {
  if (!is_repository(parts.repository)) {
    const auto first = parts.repository.substr(0, parts.repository.find('/'));
    if (parts.registry.empty() && first.find(':') != std::string_view::npos) {
      return fmt::format("registry {} is not HOST or HOST:PORT", quoted(first));
    }
    return fmt::format(
        "repository {} is not of lower-case letters and digits, joined by / . _ __ or -",
        quoted(parts.repository));
  }
  const auto size =
      parts.registry.size() + (parts.registry.empty() ? 0 : 1) + parts.repository.size();
  if (size > limits::kRepositoryBytes) {
    return fmt::format("registry and repository are {} bytes, more than the limit of {}", size,
                       limits::kRepositoryBytes);
  }
  if (parts.tag && !is_tag(*parts.tag)) {
    return fmt::format("tag {} is not of 1 to {} letters, digits, and . _ - after the first",
                       quoted(*parts.tag), limits::kTagBytes);
  }
  return {};
}

Reference to_reference(const Parts& parts, const std::optional<digest::Digest>& digest) {
  return {.registry = std::string(parts.registry),
          .repository = std::string(parts.repository),
          .tag = std::string(parts.tag.value_or("")),
          .digest = digest};
}

}  // namespace

std::string Reference::repository_text() const {
  return registry.empty() ? repository : fmt::format("{}/{}", registry, repository);
}

std::string Reference::text() const {
  std::string text = repository_text();
  if (!tag.empty()) text += ":" + tag;
  if (digest) text += "@" + digest->text();
  return text;
}

bool is_registry(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    const auto rest = text.substr(end + 1);
    return is_ipv6(text.substr(1, end - 1)) &&
           (rest.empty() || (rest[0] == ':' && is_port(rest.substr(1))));
  }
  const auto colon = text.find(':');
  const auto host = text.substr(0, colon);
  if (!all_parts(host, '.', is_host_label)) return false;
  if (colon != std::string_view::npos) return is_port(text.substr(colon + 1));
  return host == "localhost" || host.find('.') != std::string_view::npos;
}

bool is_repository(std::string_view text) {
  return all_parts(text, '/', is_path_component);
}

// [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}
bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= limits::kTagBytes && text[0] != '.' && text[0] != '-' &&
         std::ranges::all_of(
             text, [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

Reference parse_reference(std::string_view text) {
  const Parts parts = split(text);
  if (const std::string fault = fault_of(parts); !fault.empty()) {
    throw Error(Code::kMalformed, fmt::format("reference {}: {}", quoted(text), fault));
  }
  if (!parts.digest) return to_reference(parts, std::nullopt);
  try {
    return to_reference(parts, digest::parse_digest(*parts.digest));
  } catch (Error& error) {
    error.add_context(fmt::format("reference {}", quoted(text)));
    throw;
  }
}

std::optional<Reference> find_reference(std::string_view text) {
  const Parts parts = split(text);
  const auto digest = parts.digest ? digest::find_digest(*parts.digest) : std::nullopt;
  if (!fault_of(parts).empty() || (parts.digest && !digest)) return std::nullopt;
  return to_reference(parts, digest);
}

}  // namespace seabag::oci
