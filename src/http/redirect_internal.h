// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "http/client.h"

namespace seabag::http {

/// Where `response` sends a request of this method on to; nothing if it is no redirect.
/// Errors: kProtocol for a target that the rules of Client forbid, or none.
/// Source: RFC 9110 section 15.4; OCI distribution-spec 1.1 allows 307 for pulls.
std::optional<Url> redirect_target(Method method, const Response& response);

}  // namespace seabag::http
