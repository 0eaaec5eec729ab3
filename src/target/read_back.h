// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "oci/descriptor.h"
#include "registry/registry.h"

namespace seabag::target {

/// Reads a blob that is not a manifest from a registry, and holds it against size and digest. A
/// transfer that breaks off is gone on with.
/// Errors: those of Registry; kIntegrity for other bytes, or none.
void read_back_blob(registry::Registry& registry, const std::string& repository,
                    const oci::Descriptor& blob);

}  // namespace seabag::target
