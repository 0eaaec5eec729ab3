// SPDX-License-Identifier: Apache-2.0
#include "cli/environment.h"

#include <cstdlib>
#include <initializer_list>

#include <unistd.h>

#include "cli/parse_size.h"

namespace seabag::cli {
namespace {

// 9999-12-31T23:59:59Z: RFC 3339 has four digits for the year.
constexpr std::uint64_t kLastSecond = 253'402'300'799;

}  // namespace

Environment read_environment(const LookUpVariable& look_up, std::uint32_t user_id) {
  const auto first_of = [&](std::initializer_list<const char*> names) -> std::string {
    for (const char* name : names) {
      const char* value = look_up(name);
      if (value != nullptr && *value != '\0') return value;
    }
    return {};
  };
  Environment environment;
  environment.home = first_of({"HOME"});
  environment.xdg_runtime_dir = first_of({"XDG_RUNTIME_DIR"});
  environment.xdg_config_home = first_of({"XDG_CONFIG_HOME"});
  environment.docker_config = first_of({"DOCKER_CONFIG"});
  environment.registry_auth_file = first_of({"REGISTRY_AUTH_FILE"});
  environment.https_proxy = first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  environment.http_proxy = first_of({"http_proxy", "all_proxy", "ALL_PROXY"});
  environment.no_proxy = first_of({"no_proxy", "NO_PROXY"});
  environment.terminal = first_of({"TERM"});
  environment.user_id = user_id;
  if (const std::string epoch = first_of({"SOURCE_DATE_EPOCH"}); !epoch.empty()) {
    const std::uint64_t seconds = parse_number(epoch, "SOURCE_DATE_EPOCH", 0, kLastSecond);
    environment.source_date_epoch = UtcTime{static_cast<std::int64_t>(seconds)};
  }
  return environment;
}

Environment read_environment() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): main() calls this before it starts a thread.
  return read_environment([](const char* name) { return std::getenv(name); }, ::getuid());
}

}  // namespace seabag::cli
