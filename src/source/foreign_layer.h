// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "http/client.h"
#include "io/byte_sink.h"
#include "oci/descriptor.h"

namespace seabag::source {

/// Makes a client without credentials; empty where foreign layers are not wanted.
using ForeignClient = std::function<std::unique_ptr<http::Client>()>;

/// Whether URLs of this machine or its link may be followed: only if the image came from there too.
enum class LocalUrls { kRefused, kAllowed };

/// Streams a layer that its registry may not distribute from the first of its URLs that gives it,
/// from `offset` on, into `sink` (write() alone).
/// Errors: kRefused without a client or without URLs; the last URL's error if none gives it;
///         kProtocol also for URLs that are not http or https, or local against `local_urls`.
///         May throw after a part was written.
/// Source: OCI image-spec v1.1, descriptor.md, "urls"; layer.md, "Non-Distributable Layers".
void read_foreign_layer(const ForeignClient& foreign_client, const oci::Descriptor& layer,
                        LocalUrls local_urls, std::uint64_t offset, io::ByteSink& sink);

}  // namespace seabag::source
