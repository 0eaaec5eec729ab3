// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

struct sockaddr;

namespace seabag::http {

/// Whether an IP address is one of this machine or link-local, as is_local_address() lists them.
/// False for text that is no address, and for other families of sockets.
bool is_local_ip(const std::string& address);
bool is_local_ip(const sockaddr& address);

}  // namespace seabag::http
