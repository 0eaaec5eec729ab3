// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace seabag::testing {

enum class Ending { kFin, kReset };

/// Ends the connections between our port `local` and `remote` (0: any), whoever in this process
/// holds them. cpp-httplib does not hand out its sockets; they are found in /proc/self/fd.
void end_connections(std::uint16_t local, std::uint16_t remote, Ending ending);

/// The same for one socket.
void end_connection(int socket, Ending ending);

}  // namespace seabag::testing
