// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "digest/digest.h"
#include "http/client.h"

namespace seabag::target {

/// Docker-Content-Digest; nothing if the answer has none that we can read.
std::optional<digest::Digest> digest_in(const http::Response& response);

/// Errors: kProtocol if the answer names another digest of the same algorithm. One of another
///         algorithm (registries answer SHA-256 to what was pushed by SHA-512) cannot be compared.
void require_same_digest(const http::Response& response, const digest::Digest& expected);

}  // namespace seabag::target
