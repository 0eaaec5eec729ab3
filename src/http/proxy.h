// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace seabag::http {

/// "host:port" of a proxy's URL: what of it may be shown, because the rest may be a password.
/// Errors: kUsage for what libcurl would not take as a proxy; the text does not repeat it.
std::string proxy_address(const std::string& proxy);

}  // namespace seabag::http
