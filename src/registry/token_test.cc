// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "registry/token_internal.h"

namespace seabag::registry {
namespace {

using ::testing::HasSubstr;

http::Origin origin(std::string_view text) {
  return http::parse_url(text).origin;
}

struct RealmCase {
  std::string name;
  std::string registry;
  std::string realm;
  std::vector<std::string> named;
  bool trusted;
};

const RealmCase kRealmCases[] = {
    {"SameOrigin", "https://r.example", "https://r.example/token", {}, true},
    {"SameOriginWithTheUsualPort", "https://r.example", "https://r.example:443/token", {}, true},
    {"SameOriginOverHttp", "http://127.0.0.1:5000", "http://127.0.0.1:5000/token", {}, true},
    {"DockerHub", "https://registry-1.docker.io", "https://auth.docker.io/token", {}, true},
    {"GitLab", "https://registry.gitlab.com", "https://gitlab.com/jwt/auth", {}, true},
    {"OtherPortOnTheSameDomain", "https://r.example.com", "https://r.example.com:8443/t", {}, true},
    {"DotAtTheEnd", "https://r.example.com", "https://auth.example.com./t", {}, true},
    {"UnderASharedSuffix", "https://r.a.co.uk", "https://auth.a.co.uk/t", {}, true},
    {"HttpRegistryWithHttpsRealm", "http://r.example.com", "https://auth.example.com/t", {}, true},
    {"Named", "https://lscr.io", "https://ghcr.io/token", {"x.example", "GHCR.io"}, true},
    {"NamedWithPort",
     "https://r.example.com",
     "https://other.net:8443/t",
     {"other.net:8443"},
     true},
    {"NamedWithTheUsualPort",
     "https://r.example.com",
     "https://other.net/t",
     {"other.net:443"},
     true},
    {"NamedAddress",
     "http://127.0.0.1:5000",
     "http://127.0.0.1:5001/token",
     {"127.0.0.1:5001"},
     true},
    {"OtherHost", "https://r.example.com", "https://evil.example.net/t", {}, false},
    {"NeighbourUnderASharedSuffix", "https://r.a.co.uk", "https://evil.co.uk/t", {}, false},
    {"TheSuffixItself", "https://r.a.co.uk", "https://co.uk/t", {}, false},
    {"EndingOfTheDomain", "https://r.example.com", "https://evilexample.com/t", {}, false},
    {"DomainInFront", "https://r.example.com", "https://r.example.com.evil.net/t", {}, false},
    {"HttpOnTheSameDomain", "https://r.example.com", "http://auth.example.com/t", {}, false},
    {"HttpOnTheSameHost", "https://r.example.com", "http://r.example.com/t", {}, false},
    {"HttpThoughNamed", "https://r.example.com", "http://other.net/t", {"other.net"}, false},
    {"HttpOfAnotherHost", "http://r.example.com", "http://auth.example.com/t", {}, false},
    {"AddressWithTheSameEnd", "https://10.1.2.3", "https://10.9.2.3/t", {}, false},
    {"AddressV6", "https://[2001:db8::1]", "https://[2001:db8::2]/t", {}, false},
    {"OtherPortOfAnAddress", "http://127.0.0.1:5000", "http://127.0.0.1:5001/token", {}, false},
    {"MetadataService", "https://r.example.com", "https://169.254.169.254/t", {}, false},
    {"AnyAddress", "https://r.example.com", "https://0.0.0.0/t", {}, false},
    {"AddressAsANumber", "https://r.example.com", "https://2852039166/t", {}, false},
    {"NamesWithoutDots", "https://registry:5000", "https://auth/t", {}, false},
    {"NamedOnAnotherPort",
     "https://r.example.com",
     "https://other.net:8443/t",
     {"other.net"},
     false},
};

class TrustedRealm : public ::testing::TestWithParam<RealmCase> {};

TEST_P(TrustedRealm, IsOursOrNamed) {
  const RealmCase& row = GetParam();
  if (row.trusted) {
    EXPECT_NO_THROW(require_trusted_realm(origin(row.registry), origin(row.realm), row.named,
                                          OwnDomain::kTrusted));
    return;
  }
  try {
    require_trusted_realm(origin(row.registry), origin(row.realm), row.named, OwnDomain::kTrusted);
    ADD_FAILURE() << row.realm << " is trusted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kProtocol);
    EXPECT_THAT(error.what(), HasSubstr(origin(row.realm).text()));
  }
}

INSTANTIATE_TEST_SUITE_P(, TrustedRealm, ::testing::ValuesIn(kRealmCases),
                         [](const auto& test) { return test.param.name; });

TEST(DistrustedRealm, IsAlsoOneOfTheOwnDomainWhereThatIsNotTrusted) {  // G13
  const http::Origin registry = origin("https://r.example.com");
  const http::Origin realm = origin("https://auth.example.com/token");
  EXPECT_THROW(require_trusted_realm(registry, realm, {}, OwnDomain::kDistrusted), Error);
  EXPECT_NO_THROW(
      require_trusted_realm(registry, realm, {"auth.example.com"}, OwnDomain::kDistrusted));
  EXPECT_NO_THROW(require_trusted_realm(registry, registry, {}, OwnDomain::kDistrusted));
}

TEST(DistrustedRealm, IsToldHowToBeNamed) {
  try {
    require_trusted_realm(origin("https://lscr.io"), origin("https://ghcr.io:8443/token"), {},
                          OwnDomain::kTrusted);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.next_step(), HasSubstr("--auth-realm ghcr.io:8443"));
  }
}

struct TokenCase {
  std::string name;
  std::string body;
  std::string text;  // empty: refused
  std::int64_t seconds;
};

const TokenCase kTokenCases[] = {
    {"Token", R"({"token":"abc","expires_in":300,"issued_at":"2026-01-01T00:00:00Z"})", "abc", 300},
    {"AccessToken", R"({"access_token":"abc","expires_in":300})", "abc", 300},
    {"TokenBeforeAccessToken", R"({"access_token":"b","token":"a"})", "a", 60},
    {"EmptyToken", R"({"access_token":"b","token":""})", "b", 60},
    {"NoLifetime", R"({"token":"abc"})", "abc", 60},
    {"LifetimeNull", R"({"token":"abc","expires_in":null})", "abc", 60},
    {"LifetimeString", R"({"token":"abc","expires_in":"300"})", "abc", 60},
    {"LifetimeNegative", R"({"token":"abc","expires_in":-5})", "abc", 60},
    {"LifetimeZero", R"({"token":"abc","expires_in":0})", "abc", 0},
    {"LifetimeHuge", R"({"token":"abc","expires_in":18446744073709551615})", "abc", 86400},
    {"Neither", R"({"refresh_token":"abc"})", "", 0},
    {"TokenNumber", R"({"token":5})", "", 0},
    {"LineBreakInToken", R"({"token":"abc\r\nX-Evil: 1"})", "", 0},
    {"BlankInToken", R"({"token":"a b"})", "", 0},
    {"BeyondAscii", R"({"token":"ä"})", "", 0},
    {"LongToken", R"({"token":")" + std::string(limits::kTokenBytes + 1, 'x') + "\"}", "", 0},
    {"Array", "[]", "", 0},
    {"Html", "<html>log in</html>", "", 0},
    {"Deep", std::string(100'000, '['), "", 0},
};

class ParseToken : public ::testing::TestWithParam<TokenCase> {};

TEST_P(ParseToken, TakesWhatFitsAHeader) {
  const TokenCase& row = GetParam();
  if (row.text.empty()) {
    EXPECT_THROW(parse_token(row.body), Error);
    return;
  }
  const Token token = parse_token(row.body);
  EXPECT_EQ(token.text, row.text);
  EXPECT_EQ(token.lifetime.count(), row.seconds);
}

INSTANTIATE_TEST_SUITE_P(, ParseToken, ::testing::ValuesIn(kTokenCases),
                         [](const auto& test) { return test.param.name; });

/// What was sent, its body read while it was there.
struct Sent {
  http::Request request;
  std::string body;
};

Sent sent_for(const TokenRequest& asked) {
  Sent sent;
  ask_for_token(asked, [&](const http::Request& request) {
    sent.request = request;
    if (request.body) {
      sent.body.resize(request.body->length);
      request.body->blob->read_at(0, std::as_writable_bytes(std::span(sent.body)));
    }
    const auto bytes = io::bytes_of(R"({"token":"abc"})");
    return http::Response{.status = 200, .body = {bytes.begin(), bytes.end()}, .url = request.url};
  });
  return sent;
}

const TokenRequest kAnonymous = {.realm = http::parse_url("https://auth.example/token?tenant=1"),
                                 .service = "a b",
                                 .scopes = {"repository:x/y:pull,push", "repository:z:pull"},
                                 .credential = std::nullopt};

TEST(AskForToken, AsksWithoutCredentialForAnonymousUse) {
  const Sent sent = sent_for(kAnonymous);
  EXPECT_EQ(sent.request.method, http::Method::kGet);
  EXPECT_EQ(sent.request.url.path_and_query,
            "/token?tenant=1&service=a%20b&scope=repository%3Ax%2Fy%3Apull%2Cpush&scope=repository%"
            "3Az%3Apull");
  EXPECT_TRUE(sent.request.credentials.empty());
}

TEST(AskForToken, SendsUserAndPasswordAsBasic) {
  TokenRequest asked = kAnonymous;
  asked.credential = Credential{.user = "user", .password = "pass:word", .identity_token = ""};
  const Sent sent = sent_for(asked);
  EXPECT_EQ(sent.request.method, http::Method::kGet);
  const http::Headers expected = {{"Authorization", "Basic dXNlcjpwYXNzOndvcmQ="}};
  EXPECT_EQ(sent.request.credentials, expected);
}

TEST(AskForToken, PostsAnIdentityToken) {
  TokenRequest asked = kAnonymous;
  asked.credential = Credential{.user = "user", .password = "", .identity_token = "t+/="};
  const Sent sent = sent_for(asked);
  EXPECT_EQ(sent.request.method, http::Method::kPost);
  EXPECT_EQ(sent.request.url, asked.realm);
  EXPECT_TRUE(sent.request.credentials.empty());
  EXPECT_EQ(sent.body,
            "grant_type=refresh_token&client_id=seabag&service=a%20b&scope=repository%3Ax%2Fy%"
            "3Apull%2Cpush%20"
            "repository%3Az%3Apull&refresh_token=t%2B%2F%3D");
}

struct RefusalCase {
  std::string name;
  int status;
  std::string body;
  Code code;
};

const RefusalCase kRefusalCases[] = {
    {"WrongPassword", 401, R"({"details":"incorrect username or password"})", Code::kDenied},
    {"WrongPasswordAsBadRequest", 400, "", Code::kDenied},
    {"Forbidden", 403, "", Code::kDenied},
    {"NotThere", 404, "", Code::kRefused},
    {"NoContent", 204, "", Code::kProtocol},
    {"LoginPage", 200, "<html>", Code::kProtocol},
};

class RefusedToken : public ::testing::TestWithParam<RefusalCase> {};

TEST_P(RefusedToken, HasTheCodeThatSaysWhatToDo) {
  try {
    ask_for_token(kAnonymous, [](const http::Request& request) {
      const auto bytes = io::bytes_of(GetParam().body);
      return http::Response{
          .status = GetParam().status, .body = {bytes.begin(), bytes.end()}, .url = request.url};
    });
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), GetParam().code);
    EXPECT_THAT(error.what(), HasSubstr("token server https://auth.example/token: "));
  }
}

INSTANTIATE_TEST_SUITE_P(, RefusedToken, ::testing::ValuesIn(kRefusalCases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace seabag::registry
