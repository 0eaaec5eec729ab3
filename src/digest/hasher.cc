// SPDX-License-Identifier: Apache-2.0
#include "digest/hasher.h"

#include <array>

#include <openssl/evp.h>

#include "base/error.h"

namespace seabag::digest {

void Hasher::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Hasher::Hasher(Algorithm algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  const EVP_MD* method = algorithm == Algorithm::kSha256 ? EVP_sha256() : EVP_sha512();
  check(context_ && EVP_DigestInit_ex(context_.get(), method, nullptr) == 1,
        "OpenSSL starts a digest");
}

Hasher::Hasher(const Hasher& other) : algorithm_(other.algorithm_), context_(EVP_MD_CTX_new()) {
  check(context_ && EVP_MD_CTX_copy_ex(context_.get(), other.context_.get()) == 1,
        "OpenSSL copies a digest");
}

Hasher& Hasher::operator=(const Hasher& other) {
  return *this = Hasher(other);
}

void Hasher::update(std::span<const std::byte> bytes) {
  check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1,
        "OpenSSL updates a digest");
}

Digest Hasher::finish() {
  std::array<std::byte, EVP_MAX_MD_SIZE> raw = {};
  unsigned length = 0;
  check(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(raw.data()), &length) ==
            1,
        "OpenSSL finishes a digest");
  return {algorithm_, std::span(raw).first(length)};
}

Digest digest_of(std::span<const std::byte> bytes, Algorithm algorithm) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.finish();
}

}  // namespace seabag::digest
