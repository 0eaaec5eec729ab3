// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/utc_time.h"

namespace seabag::cli {

/// What the process was given beside its arguments. Read once, in main(), and handed down. Empty:
/// not set.
struct Environment {
  std::string home;                ///< HOME
  std::string xdg_runtime_dir;     ///< XDG_RUNTIME_DIR
  std::string xdg_config_home;     ///< XDG_CONFIG_HOME
  std::string docker_config;       ///< DOCKER_CONFIG: the directory of Docker's config.json
  std::string registry_auth_file;  ///< REGISTRY_AUTH_FILE
  std::string https_proxy;         ///< https_proxy, HTTPS_PROXY, all_proxy or ALL_PROXY
  std::string
      http_proxy;  ///< http_proxy, all_proxy or ALL_PROXY; never HTTP_PROXY, see CVE-2016-5385
  std::string no_proxy;       ///< no_proxy or NO_PROXY
  std::string terminal;       ///< TERM
  std::uint32_t user_id = 0;  ///< of getuid(2)
  /// SOURCE_DATE_EPOCH: the time to write into a bundle in place of the clock's.
  std::optional<UtcTime> source_date_epoch;
};

/// getenv(3), or its like in a test: null if the variable is not set.
using LookUpVariable = std::function<const char*(const char* name)>;

/// Errors: kUsage if SOURCE_DATE_EPOCH is no number of seconds.
Environment read_environment();
Environment read_environment(const LookUpVariable& look_up, std::uint32_t user_id);

}  // namespace seabag::cli
