// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/connection_internal.h"

namespace seabag::http {

/// What a transfer that ended with `result` (a CURLcode) means. `reason` is libcurl's text about
/// it. Errors: kProtocol, kDenied or kUsage for what another try would not change.
Breakage breakage_of(void* easy, int result, const char* reason, const Url& url,
                     const Settings& settings);

/// For a transfer that ended with `result` (a CURLcode) without an answer, at a server that asked
/// for a client certificate and has answered nothing yet. It may not get to tell us why it goes: in
/// TLS 1.3 its alert comes after our handshake is over, and a reset overtakes it.
/// Errors: kProtocol if our certificate, or that we have none, is the reason.
void refuse_unaccepted_certificate(int result, const Url& url, const Settings& settings);

/// Errors: kProtocol for the answer by which a TLS server tells that it was spoken to in plain
/// HTTP; kDenied if it is the proxy that wants a login.
void refuse_mixed_up_scheme(const Response& response);

}  // namespace seabag::http
