// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string>

#include <sys/socket.h>

#include <netinet/in.h>

#include "testing/sockets_internal.h"

namespace seabag::testing {
namespace {

/// 0 if `fd` is no connected IPv4 socket.
std::uint16_t port_of(int fd, int (*name)(int, sockaddr*, socklen_t*)) {
  sockaddr_in address = {};
  socklen_t length = sizeof(address);
  if (name(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return address.sin_family == AF_INET ? ntohs(address.sin_port) : 0;
}

}  // namespace

void end_connection(int socket, Ending ending) {
  if (ending == Ending::kFin) {
    ::shutdown(socket, SHUT_RDWR);
    return;
  }
  // connect(2) to AF_UNSPEC dissolves a connection; Linux tells the peer by RST.
  sockaddr nowhere = {};
  nowhere.sa_family = AF_UNSPEC;
  static_cast<void>(::connect(socket, &nowhere, sizeof(nowhere)));
}

void end_connections(std::uint16_t local, std::uint16_t remote, Ending ending) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const std::string name = entry.path().filename();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    const std::uint16_t peer = port_of(fd, &::getpeername);
    if (peer == 0 || port_of(fd, &::getsockname) != local) continue;
    if (remote == 0 || remote == peer) end_connection(fd, ending);
  }
}

}  // namespace seabag::testing
