// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/client.h"

namespace seabag::http {

/// Whether an answer of this status may be another one soon.
bool is_transient(int status);

/// The wait that the server asked for, if it did. A date counts from the answer's own Date header,
/// so that neither our clock nor its being wrong matters.
std::optional<std::chrono::seconds> retry_after_of(const Response& response);

/// Whether a request that ended in `response` may be sent again: see Client.
bool may_repeat(const Request& request, const Response& response);

}  // namespace seabag::http
