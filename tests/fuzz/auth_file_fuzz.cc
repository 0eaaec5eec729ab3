// SPDX-License-Identifier: Apache-2.0
// Any bytes up to the first NUL as an auth file, and behind it as what a credential helper prints.

#include "harness.h"
#include "io/posix_file_system.h"
#include "registry/credentials.h"
#include "temp_file.h"

using namespace seabag;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const auto end = std::min(input.find('\0'), input.size());
  const std::string answer(input.substr(std::min(end + 1, input.size())));
  const std::string path = fuzz::file_with(io::bytes_of(input.substr(0, end)));
  const auto files = io::posix_file_system();
  for (const std::string host : {"registry.local:5000", "docker.io"}) {
    fuzz::accept_or_refuse([&] {
      const auto credential = registry::find_credential(
          {.given = {}, .files = {path}}, host, "library/busybox", *files,
          [&](const std::string& helper, const std::string& registry) {
            fuzz::require(helper.find('/') == std::string::npos, "a helper is no path");
            fuzz::require(!registry.empty(), "a helper is asked for a registry");
            return answer.empty() ? std::nullopt : std::optional(answer);
          });
      const bool is_somebody = !credential || !credential->user.empty() ||
                               !credential->password.empty() || !credential->identity_token.empty();
      fuzz::require(is_somebody, "nobody is no credential");
    });
  }
  return 0;
}
