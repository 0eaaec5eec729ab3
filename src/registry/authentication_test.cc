// SPDX-License-Identifier: Apache-2.0
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/blob_source.h"
#include "registry/registry.h"
#include "testing/scripted_registry.h"

namespace seabag::registry {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const Scope kPull = {.repository = "a/b", .push = false, .mount_from = ""};
const Scope kPush = {.repository = "a/b", .push = true, .mount_from = ""};
const Credential kUser = {.user = "user", .password = "secret", .identity_token = ""};
constexpr const char* kUserBasic = "Basic dXNlcjpzZWNyZXQ=";

Access access_to(const testing::ScriptedRegistry& server, std::optional<Credential> credential) {
  Access access;
  access.registry = server.name();
  access.plain_http = true;
  access.http = {.user_agent = "test", .attempts = 2};
  access.pause = [](auto, const auto&) {};
  access.credential = [credential](const std::string&) { return credential; };
  return access;
}

class Authentication : public ::testing::Test {
 protected:
  void SetUp() override { testing::add_image(server_, "a/b", "1", {"layer"}); }

  int get(Registry& registry, const std::string& target, const Scope& scope) {
    return registry.send({.url = registry.url(target)}, scope).status;
  }
  int get_tags(Registry& registry) { return get(registry, "/v2/a/b/tags/list", kPull); }

  void expect_error(Registry& registry, Code code, const std::string& text) {
    try {
      get_tags(registry);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }

  std::size_t token_requests() const { return server_.count({.target = "/token.*"}); }

  testing::ScriptedRegistry server_;
};

TEST_F(Authentication, SendsNothingUntilItIsAskedFor) {
  Registry registry(access_to(server_, kUser));
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_THAT(server_.authorizations(), IsEmpty());
}

TEST_F(Authentication, SendsBasicFromTheFirstChallengeOn) {
  server_.require_basic({.user = "user", .password = "secret"});
  Registry registry(access_to(server_, kUser));
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_THAT(server_.requests(), SizeIs(3));
  EXPECT_THAT(server_.authorizations(), ElementsAre(kUserBasic, kUserBasic));
}

TEST_F(Authentication, GivesUpABasicLoginAfterOneTry) {
  server_.require_basic({.user = "user", .password = "other"});
  Registry registry(access_to(server_, kUser));
  expect_error(registry, Code::kDenied,
               "answered 401 Unauthorized: UNAUTHORIZED \"authentication required\"");
  EXPECT_THAT(server_.authorizations(), SizeIs(1));
  // Now that Basic is known to be wanted, once more and not twice: accounts are locked for less.
  expect_error(registry, Code::kDenied, "401");
  EXPECT_THAT(server_.authorizations(), SizeIs(2));
}

TEST_F(Authentication, SaysHowToLogIn) {
  server_.require_basic({.user = "user", .password = "other"});
  Registry registry(access_to(server_, std::nullopt));
  try {
    get_tags(registry);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kDenied);
    EXPECT_THAT(error.next_step(), AllOf(HasSubstr("docker login"), HasSubstr("--password-file")));
  }
  EXPECT_THAT(server_.requests(), SizeIs(1));
}

TEST_F(Authentication, FetchesATokenOncePerScope) {
  server_.require_token({.user = "user", .password = "secret"});
  Registry registry(access_to(server_, kUser));
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_EQ(token_requests(), 1U);
  EXPECT_EQ(get(registry, "/v2/_catalog", {}), 200);
  EXPECT_EQ(token_requests(), 2U);
  const auto requests = server_.requests();
  EXPECT_EQ(requests[1].parameter("scope"), "repository:a/b:pull");
  EXPECT_EQ(requests[1].parameter("service"), "scripted");
  EXPECT_EQ(requests[1].header("authorization"), kUserBasic);
  EXPECT_EQ(requests[4].parameter("scope"), "registry:catalog:*");
}

TEST_F(Authentication, FetchesAnAnonymousToken) {
  server_.require_token({});
  Registry registry(access_to(server_, std::nullopt));
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_THAT(server_.authorizations(), ElementsAre(StartsWith("Bearer ")));
}

TEST_F(Authentication, FetchesATokenByIdentityToken) {
  server_.require_token({.user = "user", .password = "secret", .identity_token = "refresh me"});
  Registry registry(
      access_to(server_, Credential{.user = "", .password = "", .identity_token = "refresh me"}));
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_EQ(server_.count({.method = "POST", .target = "/token"}), 1U);
}

TEST_F(Authentication, IsDeniedByTheTokenServer) {
  server_.require_token({.user = "user", .password = "other"});
  Registry registry(access_to(server_, kUser));
  expect_error(registry, Code::kDenied, "token server");
}

TEST_F(Authentication, GivesUpWhenTheTokenAllowsTooLittle) {
  server_.require_token({.granted_scope = "repository:other:pull"});
  Registry registry(access_to(server_, std::nullopt));
  expect_error(registry, Code::kDenied, "401");
  EXPECT_EQ(token_requests(), 1U);
}

TEST_F(Authentication, AsksForOneTokenToMountWith) {
  server_.require_token({});
  Registry registry(access_to(server_, std::nullopt));
  const Scope scope = {.repository = "a/b", .push = true, .mount_from = "c"};
  get(registry, "/v2/a/b/tags/list", scope);
  EXPECT_THAT(server_.requests()[1].target,
              AllOf(HasSubstr("scope=repository%3Aa%2Fb%3Apull%2Cpush"),
                    HasSubstr("scope=repository%3Ac%3Apull")));
}

TEST_F(Authentication, RenewsATokenThatIsRefused) {
  server_.require_token({.uses = 1});
  Registry registry(access_to(server_, std::nullopt));
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_EQ(token_requests(), 2U);
}

TEST_F(Authentication, RenewsATokenInTheMiddleOfAnUpload) {
  server_.require_token({.uses = 1});
  Registry registry(access_to(server_, std::nullopt));
  const std::string bytes = "the blob";
  const std::string digest = testing::digest_text(bytes);
  const io::MemoryBlob blob(io::bytes_of(bytes));
  const auto start = registry.send({.method = http::Method::kPost,
                                    .url = registry.url("/v2/a/b/blobs/uploads/"),
                                    .idempotent = false},
                                   kPush);
  ASSERT_EQ(start.status, 202);
  const http::Url location = http::resolve(start.url, start.header("location").value_or(""));
  const auto end =
      registry.send({.method = http::Method::kPut,
                     .url = http::with_query(location, "digest", digest),
                     .body = http::BodyRange{.blob = &blob, .offset = 0, .length = bytes.size()},
                     .idempotent = false},
                    kPush);
  EXPECT_EQ(end.status, 201);
  EXPECT_EQ(server_.find_blob("a/b", digest::parse_digest(digest)), bytes);
  EXPECT_EQ(server_.count({.method = "PUT"}), 2U);
  EXPECT_EQ(token_requests(), 2U);
}

TEST_F(Authentication, RenewsATokenThatHasExpiredBeforeItIsSent) {
  server_.script({.target = "/token.*", .count = 0},
                 {.status = 200, .body = R"({"token":"t","expires_in":0})"});
  server_.script({.target = "/v2/.*", .count = 0}, [this](const testing::RecordedRequest& request) {
    if (request.header("authorization")) return testing::Reply{};
    const std::string challenge = "Bearer realm=\"" + server_.url("/token").text() + "\"";
    return testing::Reply{.status = 401, .headers = {{"WWW-Authenticate", challenge}}};
  });
  Registry registry(access_to(server_, std::nullopt));
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_EQ(token_requests(), 2U);
  EXPECT_EQ(server_.count({.target = "/v2/.*"}), 3U);
}

TEST_F(Authentication, FetchesOneTokenForAllWhoWait) {
  server_.require_token({});
  server_.script({.target = "/token.*"}, {.delay = std::chrono::milliseconds(30)});
  Registry registry(access_to(server_, std::nullopt));
  std::vector<std::future<int>> answers;
  for (int i = 0; i < 8; ++i) {
    answers.push_back(std::async(std::launch::async, [&] { return get_tags(registry); }));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get(), 200);
  EXPECT_EQ(token_requests(), 1U);
}

TEST_F(Authentication, AsksForTheCredentialOncePerRepository) {
  server_.require_token({});
  std::vector<std::string> asked;
  Access access = access_to(server_, std::nullopt);
  access.credential = [&](const std::string& repository) {
    asked.push_back(repository);
    return std::nullopt;
  };
  Registry registry(std::move(access));
  get(registry, "/v2/_catalog", {});
  get_tags(registry);
  get(registry, "/v2/a/b/tags/list", kPush);
  EXPECT_THAT(asked, ElementsAre("", "a/b"));
}

TEST_F(Authentication, DoesNotTellATokenServerElsewhere) {
  testing::ScriptedRegistry elsewhere;
  elsewhere.require_token({});
  server_.require_token({.realm = elsewhere.url("/token").text()});
  Registry registry(access_to(server_, kUser));
  expect_error(registry, Code::kProtocol, elsewhere.name());
  EXPECT_THAT(elsewhere.requests(), IsEmpty());
  EXPECT_THAT(server_.authorizations(), IsEmpty());
}

TEST_F(Authentication, TellsATokenServerThatTheUserNamed) {
  testing::ScriptedRegistry elsewhere;
  elsewhere.require_token({.user = "user", .password = "secret"});
  server_.require_token({.realm = elsewhere.url("/token").text()});
  Access access = access_to(server_, kUser);
  access.auth_realms = {elsewhere.name()};
  Registry registry(std::move(access));
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_THAT(elsewhere.authorizations(), ElementsAre(kUserBasic));
  EXPECT_THAT(server_.authorizations(), ElementsAre(StartsWith("Bearer ")));
}

TEST_F(Authentication, RefusesChallengesThatLeadAstray) {
  const std::string challenges[] = {
      R"(Bearer realm="http://169.254.169.254/latest/meta-data")",
      R"(Bearer realm="http://0.0.0.0/token")",
      R"(Bearer realm="https://evil.example/token")",
      R"(Bearer realm="file:///etc/passwd")",
      "Bearer realm=\"http://" + server_.name() + "@evil.example/token\"",
      "Bearer realm=\"http://user:word@" + server_.name() + "/token\"",
      R"(Bearer realm="/token")",
      R"(Bearer realm="http://evil example/")",
      R"(Bearer realm="https://evil.example/)" + std::string(30'000, 'x') + "\"",
      R"(Basic realm="r", Bearer realm="https://evil.example/token")",
  };
  for (const std::string& challenge : challenges) {
    server_.forget_scripts();
    server_.script({.count = 0}, {.status = 401, .headers = {{"WWW-Authenticate", challenge}}});
    Registry registry(access_to(server_, kUser));
    try {
      get_tags(registry);
      ADD_FAILURE() << challenge;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kProtocol) << challenge << ": " << error.what();
      EXPECT_THAT(error.what(), Not(HasSubstr("word"))) << challenge;
    }
  }
  EXPECT_THAT(server_.authorizations(), IsEmpty());
}

TEST_F(Authentication, IsDeniedWhereNothingSaysHowToLogIn) {
  for (const char* challenge : {"", "Negotiate", "Bearer service=\"x\"", "\x01\x02"}) {
    server_.forget_scripts();
    server_.script({.count = 0}, {.status = 401, .headers = {{"WWW-Authenticate", challenge}}});
    Registry registry(access_to(server_, kUser));
    expect_error(registry, Code::kDenied, "answered 401");
  }
  EXPECT_THAT(server_.authorizations(), IsEmpty());
}

TEST_F(Authentication, StaysAtItsOriginWhenARedirectLeaves) {
  testing::ScriptedRegistry storage;
  storage.add_blob("a/b", "bytes");
  server_.require_basic({.user = "user", .password = "secret"});
  server_.script(
      {.target = "/v2/a/b/blobs/.*", .first = 2, .count = 0},
      {.status = 307,
       .headers = {
           {"Location", storage.url("/v2/a/b/blobs/" + testing::digest_text("bytes")).text()}}});
  Registry registry(access_to(server_, kUser));
  EXPECT_EQ(get(registry, "/v2/a/b/blobs/x", kPull), 200);
  EXPECT_THAT(storage.requests(), SizeIs(1));
  EXPECT_THAT(storage.authorizations(), IsEmpty());
}

TEST_F(Authentication, IsNotTalkedOutOfByAnotherOrigin) {
  testing::ScriptedRegistry storage;
  storage.require_basic({.user = "user", .password = "secret"});
  server_.script(
      {.target = "/v2/a/b/tags/.*", .count = 0},
      {.status = 307, .headers = {{"Location", storage.url("/v2/a/b/tags/list").text()}}});
  Registry registry(access_to(server_, kUser));
  expect_error(registry, Code::kDenied, storage.name() + " answered 401");
  EXPECT_THAT(server_.authorizations(), IsEmpty());
  EXPECT_THAT(storage.authorizations(), IsEmpty());
}

TEST_F(Authentication, StaysAtItsOriginWhenALocationLeaves) {
  testing::ScriptedRegistry elsewhere;
  elsewhere.require_basic({.user = "user", .password = "secret"});
  server_.require_basic({.user = "user", .password = "secret"});
  Registry registry(access_to(server_, kUser));
  EXPECT_EQ(get_tags(registry), 200);
  EXPECT_THROW(registry.send({.url = elsewhere.url("/v2/")}, kPush), Error);
  EXPECT_THAT(elsewhere.requests(), SizeIs(1));
  EXPECT_THAT(elsewhere.authorizations(), IsEmpty());
}

TEST_F(Authentication, DoesNotLendOneAccountToAnother) {
  server_.require_basic({.user = "user", .password = "secret"});
  Registry ours(access_to(server_, kUser));
  Registry theirs(
      access_to(server_, Credential{.user = "other", .password = "hidden", .identity_token = ""}));
  EXPECT_EQ(get_tags(ours), 200);
  expect_error(theirs, Code::kDenied, "401");
  EXPECT_EQ(get_tags(ours), 200);
  EXPECT_THAT(server_.authorizations(),
              ElementsAre(kUserBasic, "Basic b3RoZXI6aGlkZGVu", kUserBasic));
}

}  // namespace
}  // namespace seabag::registry
