// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace seabag::digest {

enum class Algorithm : std::uint8_t { kSha256, kSha512 };

std::string_view name_of(Algorithm algorithm);  ///< "sha256", "sha512"

/// `algorithm:encoded`, parsed: what names a blob. Small where it is SHA-256, for a large registry
/// has a million of them. Source: OCI image-spec v1.1, descriptor.md, "Digests".
class Digest {
 public:
  /// `raw` has exactly the algorithm's length: 32 or 64 bytes.
  Digest(Algorithm algorithm, std::span<const std::byte> raw);

  Algorithm algorithm() const {
    return std::holds_alternative<Sha256>(raw_) ? Algorithm::kSha256 : Algorithm::kSha512;
  }
  std::string text() const;  ///< "sha256:6c3c..."
  std::string hex() const;   ///< the encoded part alone
  std::span<const std::byte> raw() const;

  /// By algorithm, then by the raw bytes.
  friend std::strong_ordering operator<=>(const Digest& a, const Digest& b);
  friend bool operator==(const Digest& a, const Digest& b);

 private:
  using Sha256 = std::array<std::byte, 32>;
  using Sha512 = std::array<std::byte, 64>;
  static std::variant<Sha256, std::shared_ptr<const Sha512>> stored(Algorithm algorithm,
                                                                    std::span<const std::byte> raw);

  std::variant<Sha256, std::shared_ptr<const Sha512>> raw_;
};

/// Errors: kMalformed if `text` is not a digest (upper-case digits and wrong lengths are not),
///         kUnsupported for a well-formed digest of another algorithm.
Digest parse_digest(std::string_view text);

/// Nothing where parse_digest() throws.
std::optional<Digest> find_digest(std::string_view text);

}  // namespace seabag::digest

template <>
struct std::hash<seabag::digest::Digest> {
  std::size_t operator()(const seabag::digest::Digest& digest) const noexcept;
};
