// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "testing/scripted_registry.h"

namespace seabag::testing {

/// A new key and a certificate that it signed itself, as files in `directory`, made by the openssl
/// command. Good for two days, for a server of that `subject_alt_name` or a client.
TlsFiles make_certificate(const std::string& directory,
                          const std::string& subject_alt_name = "IP:127.0.0.1");

}  // namespace seabag::testing
