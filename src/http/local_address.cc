// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "http/local_address_internal.h"

namespace seabag::http {
namespace {

using V4 = std::array<unsigned char, 4>;
using V6 = std::array<unsigned char, 16>;

bool is_local_v4(std::span<const unsigned char, 4> address) {
  static constexpr V4 kAny = {};
  return address[0] == 127 || (address[0] == 169 && address[1] == 254) ||
         std::ranges::equal(address, kAny);
}

bool is_local_v6(std::span<const unsigned char, 16> address) {
  static constexpr std::array<unsigned char, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                                            0, 0, 0, 0, 0xFF, 0xFF};
  if (std::ranges::equal(address.first<12>(), kMapped)) return is_local_v4(address.last<4>());
  const bool zeros =
      std::ranges::all_of(address.first<15>(), [](unsigned char byte) { return byte == 0; });
  return (zeros && address[15] <= 1) || (address[0] == 0xFE && (address[1] & 0xC0U) == 0x80U);
}

}  // namespace

bool is_local_ip(const std::string& address) {
  V4 v4 = {};
  if (inet_pton(AF_INET, address.c_str(), v4.data()) == 1) return is_local_v4(v4);
  V6 v6 = {};
  return inet_pton(AF_INET6, address.c_str(), v6.data()) == 1 && is_local_v6(v6);
}

bool is_local_ip(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    V4 v4 = {};
    std::memcpy(v4.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, v4.size());
    return is_local_v4(v4);
  }
  if (address.sa_family != AF_INET6) return false;
  V6 v6 = {};
  std::memcpy(v6.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, v6.size());
  return is_local_v6(v6);
}

}  // namespace seabag::http
