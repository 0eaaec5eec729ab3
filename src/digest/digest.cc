// SPDX-License-Identifier: Apache-2.0
#include "digest/digest.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

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

Digest::Digest(Algorithm algorithm, std::span<const std::byte> raw)
    : raw_(stored(algorithm, raw)) {}

std::variant<Digest::Sha256, std::shared_ptr<const Digest::Sha512>> Digest::stored(
    Algorithm algorithm, std::span<const std::byte> raw) {
  check(raw.size() == raw_size(algorithm), "digest has its algorithm's length");
  if (algorithm == Algorithm::kSha256) {
    Sha256 bytes = {};
    std::ranges::copy(raw, bytes.begin());
    return bytes;
  }
  const auto bytes = std::make_shared<Sha512>();
  std::ranges::copy(raw, bytes->begin());
  return bytes;
}

std::span<const std::byte> Digest::raw() const {
  if (const auto* bytes = std::get_if<Sha256>(&raw_)) return *bytes;
  return *std::get<std::shared_ptr<const Sha512>>(raw_);
}

std::strong_ordering operator<=>(const Digest& a, const Digest& b) {
  if (const auto order = a.algorithm() <=> b.algorithm(); order != 0) return order;
  return std::memcmp(a.raw().data(), b.raw().data(), a.raw().size()) <=> 0;
}

bool operator==(const Digest& a, const Digest& b) {
  return (a <=> b) == 0;
}

std::string Digest::hex() const {
  return to_hex(raw());
}

std::string Digest::text() const {
  return fmt::format("{}:{}", name_of(algorithm()), hex());
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

// A digest in a manifest or in a name is what somebody says, of nothing perhaps: 30,000 layers that
// begin alike fell into one place of a table, and four manifests of them took 79 s. So where one
// falls depends on all of its bytes, and on what nobody outside of this process knows.
namespace {

std::uint64_t random_word() {
  std::random_device device;
  return std::uint64_t{device()} << 32U | device();
}

std::uint64_t folded_product(std::uint64_t one, std::uint64_t other) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{one} * other;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

}  // namespace

std::size_t std::hash<seabag::digest::Digest>::operator()(
    const seabag::digest::Digest& digest) const noexcept {
  static const std::array<std::uint64_t, 2> kSecrets = {random_word(), random_word()};
  std::uint64_t value = 0;
  for (auto rest = digest.raw(); !rest.empty(); rest = rest.subspan(sizeof value)) {
    std::uint64_t word = 0;
    std::memcpy(&word, rest.data(), sizeof word);
    value = folded_product(word ^ kSecrets[0], value ^ kSecrets[1]);
  }
  return value;
}
