// SPDX-License-Identifier: Apache-2.0
// Any body as what a token server or a registry answers.

#include <algorithm>

#include "base/limits.h"
#include "harness.h"
#include "registry/answer_internal.h"
#include "registry/token_internal.h"

using namespace seabag;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = fuzz::bytes_of(data, size);
  fuzz::accept_or_refuse([&] {
    const registry::Token token = registry::parse_token(io::text_of(body));
    fuzz::require(!token.text.empty() && token.text.size() <= limits::kTokenBytes, "a token");
    fuzz::require(std::ranges::all_of(token.text, [](char c) { return c > ' ' && c < '\x7F'; }),
                  "a token adds no header");
    fuzz::require(token.lifetime.count() >= 0 && token.lifetime.count() <= 86400, "a day at most");
  });
  const http::Response response = {.status = 404, .body = {body.begin(), body.end()}};
  fuzz::accept_or_refuse([&] {
    fuzz::require(fuzz::is_harmless(registry::answer_text(response)), "what is shown is harmless");
  });
  return 0;
}
