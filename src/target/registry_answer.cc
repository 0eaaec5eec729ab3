// SPDX-License-Identifier: Apache-2.0
#include "target/registry_answer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace seabag::target {

std::optional<digest::Digest> digest_in(const http::Response& response) {
  const auto header = response.header("docker-content-digest");
  if (!header) return std::nullopt;
  return digest::find_digest(trimmed(*header));
}

void require_same_digest(const http::Response& response, const digest::Digest& expected) {
  const auto actual = digest_in(response);
  if (!actual || actual->algorithm() != expected.algorithm() || *actual == expected) return;
  throw Error(Code::kProtocol,
              fmt::format("the registry stored something else: expected digest {}, got {}",
                          expected.text(), actual->text()));
}

}  // namespace seabag::target
