// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "http/client.h"

namespace seabag::registry {

/// What a status that is no success means for the caller: see Registry.
Code code_of(int status);

/// The status, and what the body says about it, made harmless:
/// "404 Not Found: MANIFEST_UNKNOWN \"manifest unknown\"".
/// Source: OCI distribution-spec v1.1, "Error Codes". Of any other body nothing is shown.
std::string answer_text(const http::Response& response);

/// Its media type in lower case, without parameters; empty if it has none.
std::string content_type_of(const http::Response& response);

/// How users log in, for errors of kDenied.
inline constexpr std::string_view kLoginStep =
    "log in with docker login or podman login, or pass --user and --password-file";

}  // namespace seabag::registry
