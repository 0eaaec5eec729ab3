// SPDX-License-Identifier: Apache-2.0
#include "http/proxy.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace seabag::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct ProxyRow {
  std::string proxy;
  std::string address;
};

TEST(ProxyAddress, IsHostAndPortAlone) {
  for (const ProxyRow& row : {ProxyRow{"http://proxy.example:3128", "proxy.example:3128"},
                              {"proxy.example:3128", "proxy.example:3128"},
                              {"http://me:secret@proxy.example:3128/", "proxy.example:3128"},
                              {"http://proxy.example", "proxy.example:1080"},
                              {"https://proxy.example", "proxy.example:443"},
                              {"socks5h://[::1]:9050", "[::1]:9050"}}) {
    EXPECT_EQ(proxy_address(row.proxy), row.address) << row.proxy;
  }
}

TEST(ProxyAddress, RefusesWhatIsNoProxyWithoutRepeatingItsPassword) {
  for (const char* proxy :
       {"http://me:secret@proxy.example:http", "http://me:secret @proxy.example",
        "gopher://me:secret@proxy.example", "http://me:80/secret@proxy.example",
        "http://me:80?secret@proxy.example", "http://me:80#secret@proxy.example",
        "http://me:secret@", "http://me:secret@proxy.example:99999"}) {
    try {
      ADD_FAILURE() << proxy << " is " << proxy_address(proxy);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage) << proxy;
      EXPECT_THAT(error.what(), HasSubstr("proxy"));
      EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
      EXPECT_THAT(error.next_step(), HasSubstr("https_proxy"));
    }
  }
}

}  // namespace
}  // namespace seabag::http
