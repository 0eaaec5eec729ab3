// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "digest/digest.h"

struct evp_md_ctx_st;

namespace seabag::digest {

/// Computes one digest. A copy goes its own way from where the other stands.
/// Order: update() any number of times, finish() once.
class Hasher {
 public:
  explicit Hasher(Algorithm algorithm = Algorithm::kSha256);
  Hasher(const Hasher& other);
  Hasher& operator=(const Hasher& other);
  Hasher(Hasher&&) noexcept = default;
  Hasher& operator=(Hasher&&) noexcept = default;
  ~Hasher() = default;
  void update(std::span<const std::byte> bytes);
  Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  Algorithm algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Digest digest_of(std::span<const std::byte> bytes, Algorithm algorithm = Algorithm::kSha256);

}  // namespace seabag::digest
