// SPDX-License-Identifier: Apache-2.0
#include "http/url.h"

#include <gmock/gmock.h>

#include "base/error.h"

namespace seabag::http {
namespace {

struct Good {
  std::string name;
  std::string text;
  std::string normal;
};

class ParseUrl : public ::testing::TestWithParam<Good> {};

TEST_P(ParseUrl, ReadsAndNormalises) {
  EXPECT_EQ(parse_url(GetParam().text).text(), GetParam().normal);
}

const Good kGood[] = {
    {"Plain", "http://registry.local:5000/v2/", "http://registry.local:5000/v2/"},
    {"NoPath", "https://registry.local", "https://registry.local/"},
    {"UsualPortIsLeftOut", "https://registry.local:443/v2/", "https://registry.local/v2/"},
    {"UpperCaseSchemeAndHost", "HTTPS://Registry.LOCAL/V2/", "https://registry.local/V2/"},
    {"QueryIsKept", "http://h/p?a=1&b=%2F", "http://h/p?a=1&b=%2F"},
    {"FragmentIsDropped", "http://h/p?a=1#f", "http://h/p?a=1"},
    {"DotSegmentsGo", "http://h/a/../b/./c", "http://h/b/c"},
    {"Ipv6", "http://[::1]:5000/", "http://[::1]:5000/"},
    {"ShortIpv4", "http://127.1/", "http://127.0.0.1/"},
    {"HexadecimalIpv4", "http://0x7f.0.0.1/", "http://127.0.0.1/"},
    {"DecimalIpv4", "http://2130706433/", "http://127.0.0.1/"},
};

INSTANTIATE_TEST_SUITE_P(, ParseUrl, ::testing::ValuesIn(kGood),
                         [](const auto& test) { return test.param.name; });

struct Bad {
  std::string name;
  std::string text;
};

class ParseUrlRefuses : public ::testing::TestWithParam<Bad> {};

TEST_P(ParseUrlRefuses, WithProtocol) {
  try {
    parse_url(GetParam().text);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kProtocol);
    EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("secret")));
  }
}

const Bad kBad[] = {
    {"Empty", ""},
    {"NoScheme", "registry.local/v2/"},
    {"File", "file:///etc/passwd"},
    {"Ftp", "ftp://h/"},
    {"Javascript", "javascript:alert(1)"},
    {"UserInformation", "http://user:secret@h/"},
    {"UserInformationWithBackslash", "http://secret\\@h/"},
    {"NoHost", "http:///v2/"},
    {"NoHostAtAll", "http://"},
    {"OneSlash", "http:/h/v2/"},
    {"SignatureInQuery", "http://h:x/?sig=secret"},
    {"Blank", "http://h/a b"},
    {"LineBreak", "http://h/a\r\nHost: x"},
    {"Nul", std::string("http://h/a\0b", 12)},
    {"BeyondAscii", "http://h/\xc3\xa4"},
    {"BackslashInPath", "http://h/a\\b"},
    {"PortTooLarge", "http://h:65536/"},
    {"PortZero", "http://h:0/"},
    {"PortNoNumber", "http://h:x/"},
    {"BracketLeftOpen", "http://[::1/"},
    {"Ipv6Zone", "http://[fe80::1%25eth0]/"},
    {"PercentInHost", "http://h%2fx/"},
};

INSTANTIATE_TEST_SUITE_P(, ParseUrlRefuses, ::testing::ValuesIn(kBad),
                         [](const auto& test) { return test.param.name; });

struct Relative {
  std::string name;
  std::string reference;
  std::string expected;
};

class Resolve : public ::testing::TestWithParam<Relative> {};

TEST_P(Resolve, AsRfc3986Does) {
  const Url base = parse_url("https://h:5000/v2/a/blobs/uploads/1?state=x");
  EXPECT_EQ(resolve(base, GetParam().reference).text(), GetParam().expected);
}

const Relative kRelative[] = {
    {"Absolute", "http://other/p", "http://other/p"},
    {"SchemeRelative", "//other/p", "https://other/p"},
    {"PathAbsolute", "/p?q=1", "https://h:5000/p?q=1"},
    {"PathRelative", "2", "https://h:5000/v2/a/blobs/uploads/2"},
    {"Upwards", "../x", "https://h:5000/v2/a/blobs/x"},
    {"UpwardsBeyondTheRoot", "../../../../../../x", "https://h:5000/x"},
    {"QueryAlone", "?n=1", "https://h:5000/v2/a/blobs/uploads/1?n=1"},
};

INSTANTIATE_TEST_SUITE_P(, Resolve, ::testing::ValuesIn(kRelative),
                         [](const auto& test) { return test.param.name; });

TEST(ResolveRefuses, OtherSchemes) {
  const Url base = parse_url("https://h/p");
  EXPECT_THROW(resolve(base, "file:///etc/passwd"), Error);
  EXPECT_THROW(resolve(base, "//user@other/p"), Error);
  EXPECT_THROW(resolve(base, "///other/p"), Error);
}

TEST(WithQuery, AppendsAndEncodes) {
  EXPECT_EQ(with_query(parse_url("http://h/p"), "a", "x/y&z=1 %").path_and_query,
            "/p?a=x%2Fy%26z%3D1%20%25");
  EXPECT_EQ(with_query(parse_url("http://h/p?a=1"), "b", "2").path_and_query, "/p?a=1&b=2");
}

// Decoded, these hosts would be addresses of this machine that no check had seen.
TEST(UrlHost, HidesNoAddressBehindPercentEncoding) {
  const Url base = parse_url("https://registry.local/v2/");
  for (const std::string host : {"127%2e1", "0x7f%2E1", "0%2e0", "%32130706433"}) {
    SCOPED_TRACE(host);
    EXPECT_THROW(parse_url("https://" + host + "/"), Error);
    EXPECT_THROW(resolve(base, "//" + host + "/"), Error);
  }
  EXPECT_EQ(parse_url("https://r%65gistry.local/").origin, base.origin);
}

TEST(UrlShown, LeavesTheQueryOut) {
  EXPECT_EQ(parse_url("http://h/p?X-Signature=secret").shown(), "http://h/p");
}

TEST(Origins, AreEqualWhateverTheWayOfWriting) {
  EXPECT_EQ(parse_url("HTTPS://H:443/a").origin, parse_url("https://h/b?c").origin);
  EXPECT_NE(parse_url("https://h/").origin, parse_url("http://h/").origin);
  EXPECT_NE(parse_url("https://h/").origin, parse_url("https://h:444/").origin);
  EXPECT_NE(parse_url("https://h/").origin, parse_url("https://h.x/").origin);
}

TEST(IsLocalAddress, KnowsThisMachineAndItsLink) {
  for (const char* host :
       {"localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.255.0.9", "0x7f.1",
        "0.0.0.0", "169.254.169.254", "[::1]", "[::]", "[fe80::1]", "[febf::1]",
        "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[0:0:0:0:0:0:0:1]"}) {
    EXPECT_TRUE(is_local_address(parse_url(std::string("http://") + host + "/").origin)) << host;
  }
  for (const char* host :
       {"localhost.example", "10.0.0.1", "192.168.1.1", "128.0.0.1", "169.253.0.1", "[2001:db8::1]",
        "[fec0::1]", "[::ffff:10.0.0.1]", "127.0.0.1.example"}) {
    EXPECT_FALSE(is_local_address(parse_url(std::string("http://") + host + "/").origin)) << host;
  }
}

}  // namespace
}  // namespace seabag::http
