// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/connection_internal.h"

namespace seabag::http {

/// What a transfer that ended with `result` (a CURLcode) means. `reason` is libcurl's text about
/// it. Errors: kProtocol, kDenied or kUsage for what another try would not change.
Breakage breakage_of(void* easy, int result, const char* reason, const Url& url,
                     const Settings& settings);

/// Errors: kProtocol for the answer by which a TLS server tells that it was spoken to in plain
/// HTTP; kDenied if it is the proxy that wants a login.
void refuse_mixed_up_scheme(const Response& response);

}  // namespace seabag::http
