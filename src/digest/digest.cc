// SPDX-License-Identifier: Apache-2.0
#include "digest/digest.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/text.h"

namespace seabag::digest {
namespace {

std::size_t raw_size(Algorithm algorithm) {
  return algorithm == Algorithm::kSha256 ? 32 : 64;
}

std::optional<Algorithm> find_algorithm(std::string_view name) {
  if (name == "sha256") return Algorithm::kSha256;
  if (name == "sha512") return Algorithm::kSha512;
  return std::nullopt;
}

// algorithm ::= component (separator component)*, encoded ::= [a-zA-Z0-9=_-]+
bool is_grammatical(std::string_view algorithm, std::string_view encoded) {
  const auto component = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const auto in_encoded = [&](char c) {
    return component(c) || (c >= 'A' && c <= 'Z') || c == '=' || c == '_' || c == '-';
  };
  bool after_component = false;
  for (const char c : algorithm) {
    const bool separator = c == '+' || c == '.' || c == '_' || c == '-';
    if (!component(c) && !(separator && after_component)) return false;
    after_component = component(c);
  }
  return after_component && !encoded.empty() && std::ranges::all_of(encoded, in_encoded);
}

}  // namespace

std::string_view name_of(Algorithm algorithm) {
  return algorithm == Algorithm::kSha256 ? "sha256" : "sha512";
}

Digest::Digest(Algorithm algorithm, std::span<const std::byte> raw) : algorithm_(algorithm) {
  check(raw.size() == raw_size(algorithm), "digest has its algorithm's length");
  std::ranges::copy(raw, raw_.begin());
}

std::span<const std::byte> Digest::raw() const {
  return std::span(raw_).first(raw_size(algorithm_));
}

std::string Digest::hex() const {
  return to_hex(raw());
}

std::string Digest::text() const {
  return fmt::format("{}:{}", name_of(algorithm_), hex());
}

std::optional<Digest> find_digest(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto algorithm = find_algorithm(text.substr(0, colon));
  if (!algorithm) return std::nullopt;
  std::array<std::byte, 64> raw = {};
  const auto bytes = std::span(raw).first(raw_size(*algorithm));
  if (!from_hex(text.substr(colon + 1), bytes)) return std::nullopt;
  return Digest(*algorithm, bytes);
}

Digest parse_digest(std::string_view text) {
  if (const auto found = find_digest(text)) return *found;
  const auto colon = text.find(':');
  if (colon != std::string_view::npos && !find_algorithm(text.substr(0, colon)) &&
      is_grammatical(text.substr(0, colon), text.substr(colon + 1))) {
    throw Error(
        Code::kUnsupported,
        fmt::format("digest {} uses an algorithm other than sha256 and sha512", quoted(text, 160)));
  }
  throw Error(
      Code::kMalformed,
      fmt::format("{} is not a digest, expected sha256: and 64 or sha512: and 128 lower-case "
                  "hexadecimal digits",
                  quoted(text, 160)));
}

}  // namespace seabag::digest

std::size_t std::hash<seabag::digest::Digest>::operator()(
    const seabag::digest::Digest& digest) const noexcept {
  std::size_t value = 0;  // a digest's own bytes are as good a hash as any
  std::memcpy(&value, digest.raw().data(), sizeof value);
  return value;
}
