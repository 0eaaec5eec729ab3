// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "http/local_address_internal.h"

namespace seabag::http {
namespace {

struct Address {
  std::string text;
  bool is_local;
};

const Address kV4[] = {{"127.0.0.1", true},
                       {"169.254.169.254", true},
                       {"0.0.0.0", true},
                       {"10.0.0.1", false},
                       {"203.0.113.1", false}};
const Address kV6[] = {{"::1", true},          {"::", true},
                       {"fe80::1", true},      {"::ffff:127.0.0.1", true},
                       {"2001:db8::1", false}, {"::ffff:10.0.0.1", false}};

TEST(IsLocalIp, TakesTextAndWhatASocketHasAlike) {
  for (const Address& address : kV4) {
    sockaddr_in socket = {};
    socket.sin_family = AF_INET;
    ASSERT_EQ(inet_pton(AF_INET, address.text.c_str(), &socket.sin_addr), 1);
    EXPECT_EQ(is_local_ip(reinterpret_cast<const sockaddr&>(socket)), address.is_local);
    EXPECT_EQ(is_local_ip(address.text), address.is_local) << address.text;
  }
  for (const Address& address : kV6) {
    sockaddr_in6 socket = {};
    socket.sin6_family = AF_INET6;
    ASSERT_EQ(inet_pton(AF_INET6, address.text.c_str(), &socket.sin6_addr), 1);
    EXPECT_EQ(is_local_ip(reinterpret_cast<const sockaddr&>(socket)), address.is_local);
    EXPECT_EQ(is_local_ip(address.text), address.is_local) << address.text;
  }
}

TEST(IsLocalIp, IsNothingThatIsNoAddress) {
  sockaddr unix_socket = {};
  unix_socket.sa_family = AF_UNIX;
  EXPECT_FALSE(is_local_ip(unix_socket));
  EXPECT_FALSE(is_local_ip("localhost"));
  EXPECT_FALSE(is_local_ip(""));
}

}  // namespace
}  // namespace seabag::http
