// SPDX-License-Identifier: Apache-2.0
#include "registry/registry.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "oci/media_types.h"
#include "testing/scripted_registry.h"

namespace seabag::registry {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const Scope kScope = {.repository = "a", .push = false, .mount_from = ""};

Access access_to(const std::string& name) {
  Access access;
  access.registry = name;
  access.plain_http = true;
  access.http = {.user_agent = "test", .attempts = 2};
  access.pause = [](auto, const auto&) {};
  return access;
}

class OneRegistry : public ::testing::Test {
 protected:
  std::vector<std::string> tags() {
    std::vector<std::string> names;
    registry_.for_each_page("/v2/a/tags/list", kScope, "reading the tags of a",
                            [&](const json::Value& page) {
                              if (const auto* list = json::find_array(page, "tags")) {
                                for (const auto& name : *list)
                                  names.push_back(name.get<std::string>());
                              }
                            });
    return names;
  }

  /// What for_each_page() or find_manifest() throws.
  template <class Action>
  void expect_error(const Action& action, Code code, const std::string& text) {
    try {
      action();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }

  void answer_tags(testing::Reply reply) {
    server_.script({.target = "/v2/a/tags/list.*", .count = 0}, std::move(reply));
  }
  void answer_manifests(testing::Reply reply) {
    server_.script({.target = "/v2/a/manifests/.*", .count = 0}, std::move(reply));
  }

  testing::ScriptedRegistry server_;
  Registry registry_{access_to(server_.name())};
};

class Listing : public OneRegistry {};

TEST_F(Listing, FollowsAllPages) {
  server_.set_rules({.page_size = 2});
  for (const char* tag : {"1", "2", "3", "4", "5"}) server_.add_manifest("a", tag, "x/y", "{}");
  EXPECT_THAT(tags(), ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_EQ(server_.count({.target = "/v2/a/tags/list.*"}), 3U);
}

TEST_F(Listing, IsAbsentWhereThereIsNone) {
  EXPECT_FALSE(
      registry_.for_each_page("/v2/none/tags/list", kScope, "", [](const auto&) { FAIL(); }));
}

TEST_F(Listing, LeavesNullListsToTheVisitor) {
  answer_tags({.status = 200, .body = R"({"name":"a","tags":null})"});
  EXPECT_THAT(tags(), IsEmpty());
}

TEST_F(Listing, FailsWhenAFurtherPageIsGone) {
  answer_tags(
      {.status = 200, .headers = {{"Link", "</v2/gone/tags/list>; rel=\"next\""}}, .body = "{}"});
  expect_error([&] { tags(); }, Code::kRefused, "answered 404 Not Found");
}

TEST_F(Listing, StaysAtTheOrigin) {
  testing::ScriptedRegistry elsewhere;
  answer_tags({.status = 200,
               .headers = {{"Link", "<" + elsewhere.url("/v2/a").text() + ">; rel=next"}},
               .body = "{}"});
  expect_error([&] { tags(); }, Code::kProtocol,
               "reading the tags of a: " + server_.name() + " links to a page at");
  EXPECT_THAT(elsewhere.requests(), IsEmpty());
}

TEST_F(Listing, DoesNotGoInCircles) {
  answer_tags(
      {.status = 200, .headers = {{"Link", "</v2/a/tags/list?n=1>; rel=next"}}, .body = "{}"});
  expect_error([&] { tags(); }, Code::kProtocol, "read already");
  EXPECT_THAT(server_.requests(), SizeIs(2));
}

TEST_F(Listing, RefusesALoginPage) {
  answer_tags(
      {.status = 200, .headers = {{"Content-Type", "text/html; charset=utf-8"}}, .body = "<html>"});
  expect_error([&] { tags(); }, Code::kProtocol,
               R"(expected a JSON document, got content type "text/html")");
}

TEST_F(Listing, RefusesAPageWithoutEnd) {
  answer_tags({.status = 200, .body = std::string(65536, '['), .endless = true});
  expect_error([&] { tags(); }, Code::kProtocol, std::to_string(limits::kListPageBytes));
}

TEST_F(Listing, NamesWhatWasDone) {
  answer_tags({.status = 200, .body = R"({"tags":5})"});
  expect_error([&] { tags(); }, Code::kMalformed, "reading the tags of a: \"tags\"");
}

class FindManifest : public OneRegistry {
 protected:
  const std::string kManifest = std::string(oci::media_type::kImageManifest);
  const std::string kIndexText = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","manifests":[]}})", oci::media_type::kImageIndex);

  std::optional<oci::RawManifest> find(const std::string& tag_or_digest) {
    return registry_.find_manifest("a", tag_or_digest, kScope);
  }
};

TEST_F(FindManifest, FindsByTagAndByDigest) {
  const auto digest = testing::add_image(server_, "a", "1", {"layer"});
  for (const std::string& name : {std::string("1"), digest.text()}) {
    const auto found = find(name);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->digest(), digest);
    EXPECT_EQ(found->media_type(), kManifest);
    EXPECT_EQ(io::text_of(found->bytes()), server_.find_manifest("a", "1")->bytes);
  }
  EXPECT_EQ(server_.requests().front().header("accept"), oci::media_type::accept_header());
}

TEST_F(FindManifest, FindsNothing) {
  EXPECT_FALSE(find("1"));
  EXPECT_FALSE(find(testing::digest_text("x")));
}

TEST_F(FindManifest, TakesTheTypeFromTheDocumentWhereTheServerSaysNothing) {
  for (const char* type :
       {"application/json", "application/octet-stream", "text/plain; charset=utf-8", "x"}) {
    server_.add_manifest("a", "1", type, kIndexText);
    EXPECT_EQ(find("1")->media_type(), oci::media_type::kImageIndex) << type;
  }
}

TEST_F(FindManifest, IgnoresParametersAndLetterCaseOfTheType) {
  server_.add_manifest("a", "1", "Application/VND.oci.image.index.v1+json; charset=utf-8",
                       kIndexText);
  EXPECT_EQ(find("1")->media_type(), oci::media_type::kImageIndex);
}

TEST_F(FindManifest, LetsSchema1Through) {
  server_.add_manifest("a", "1", std::string(oci::media_type::kDockerSchema1Signed),
                       R"({"schemaVersion":1})");
  EXPECT_EQ(find("1")->media_type(), oci::media_type::kDockerSchema1Signed);
}

TEST_F(FindManifest, RefusesOtherBytesWhateverTheHeaderSays) {
  const auto digest = testing::add_image(server_, "a", "1", {"layer"});
  server_.damage("a", digest, kIndexText);
  answer_manifests({.headers = {{"Docker-Content-Digest", digest.text()}}});
  expect_error([&] { find(digest.text()); }, Code::kIntegrity, "manifest a@" + digest.text());
}

TEST_F(FindManifest, RefusesALoginPage) {
  answer_manifests(
      {.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<html>log in</html>"});
  for (const std::string& name : {std::string("1"), testing::digest_text("x")}) {
    expect_error([&] { find(name); }, Code::kProtocol,
                 R"(expected a manifest, got content type "text/html")");
  }
}

TEST_F(FindManifest, RefusesABodyThatIsNoManifest) {
  answer_manifests(
      {.status = 200, .headers = {{"Content-Type", "text/plain"}}, .body = "please log in"});
  expect_error([&] { find("1"); }, Code::kProtocol,
               R"(expected a manifest, got content type "text/plain")");
}

TEST_F(FindManifest, RefusesAManifestBeyondTheLimit) {
  server_.add_manifest("a", "1", kManifest, std::string(limits::kManifestBytes + 1, ' '));
  expect_error([&] { find("1"); }, Code::kProtocol, std::to_string(limits::kManifestBytes));
}

TEST_F(FindManifest, RefusesADigestThatIsNone) {
  EXPECT_THROW(find("sha256:../../x"), Error);
  EXPECT_THAT(server_.requests(), IsEmpty());
}

struct FailureCase {
  int status;
  Code code;
};

const FailureCase kFailureCases[] = {
    {400, Code::kRefused},     {401, Code::kDenied},   {403, Code::kDenied},
    {404, Code::kRefused},     {405, Code::kRefused},  {408, Code::kUnavailable},
    {413, Code::kRefused},     {416, Code::kRefused},  {429, Code::kUnavailable},
    {500, Code::kUnavailable}, {501, Code::kRefused},  {503, Code::kUnavailable},
    {507, Code::kRefused},     {204, Code::kProtocol}, {304, Code::kProtocol},
    {0, Code::kProtocol},
};

http::Response response_of(const Registry& registry, int status, std::string_view body) {
  const auto bytes = io::bytes_of(body);
  return {.status = status, .body = {bytes.begin(), bytes.end()}, .url = registry.url("/v2/")};
}

TEST(Failure, HasTheCodeThatSaysWhatToDo) {
  const Registry registry(access_to("r.example:5000"));
  for (const FailureCase& row : kFailureCases) {
    const Error error = registry.failure(response_of(registry, row.status, ""), "doing it");
    EXPECT_EQ(error.code(), row.code) << row.status;
    EXPECT_EQ(error.next_step().empty(), row.code != Code::kDenied) << row.status;
    EXPECT_THAT(error.what(),
                HasSubstr(fmt::format("doing it: r.example:5000 answered {}", row.status)));
  }
}

struct BodyCase {
  std::string body;
  std::string text;
};

const BodyCase kBodyCases[] = {
    {R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"1"}}]})",
     R"(404 Not Found: MANIFEST_UNKNOWN "manifest unknown")"},
    {R"({"errors":[{"code":"A"},{"message":"m"},{"code":"C","message":""},{"code":"D"}]})",
     R"(404 Not Found: A; no code "m"; C)"},
    {"{\"errors\":[{\"code\":\"\\u001b[2J\",\"message\":\"a\\nb\\u202e\"}]}",
     R"(404 Not Found: \x1b[2J "a\x0ab\u{202e}")"},
    {R"({"errors":[{"code":"A","message":")" + std::string(1000, 'm') + "\"}]}",
     R"(404 Not Found: A ")" + std::string(300, 'm') + "...\""},
    {R"({"errors":[]})", "404 Not Found"},
    {R"({"errors":null})", "404 Not Found"},
    {R"({"errors":["x"]})", "404 Not Found"},
    {R"({"errors":[{"code":5}]})", "404 Not Found"},
    {"<html>\x1b[2J</html>", "404 Not Found"},
    {std::string(100'000, '['), "404 Not Found"},
    {"", "404 Not Found"},
};

TEST(Failure, ShowsWhatTheRegistrySaysHarmlessly) {
  const Registry registry(access_to("r.example:5000"));
  for (const BodyCase& row : kBodyCases) {
    const Error error = registry.failure(response_of(registry, 404, row.body), "doing it");
    EXPECT_EQ(std::string(error.what()), "doing it: r.example:5000 answered " + row.text);
  }
}

TEST_F(OneRegistry, KeepsNoMoreOfAnErrorThanTheLimit) {
  answer_tags({.status = 404, .body = std::string(65536, 'x'), .endless = true});
  const auto response = registry_.send({.url = registry_.url("/v2/a/tags/list")}, kScope);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body.size(), limits::kErrorBodyBytes);
}

TEST(Warnings, AreToldOnceAndHarmlessly) {  // G12
  testing::ScriptedRegistry server;
  const std::string text = "quota \x1B[31m" + std::string(4000, 'x');
  server.script({.count = 0}, {.headers = {{"Warning", "299 - \"" + text + "\""}}});
  std::vector<std::string> told;
  Access access = access_to(server.name());
  access.warn = [&](const std::string& warning) { told.push_back(warning); };
  Registry registry(std::move(access));
  for (int i = 0; i < 3; ++i) registry.send({.url = registry.url("/v2/")}, kScope);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0], HasSubstr(server.name() + " says: quota \\x1b[31mxxx"));
  EXPECT_LT(told[0].size(), 400U);
}

TEST(Warnings, AreNoMoreThanTheLimit) {  // G12
  testing::ScriptedRegistry server;
  int serial = 0;
  server.script({.count = 0}, [&](const testing::RecordedRequest&) {
    return testing::Reply{.headers = {{"Warning", fmt::format("299 - \"{}\"", ++serial)}}};
  });
  std::size_t told = 0;
  Access access = access_to(server.name());
  access.warn = [&](const std::string&) { ++told; };
  Registry registry(std::move(access));
  for (int i = 0; i < 50; ++i) registry.send({.url = registry.url("/v2/")}, kScope);
  EXPECT_EQ(told, limits::kRegistryWarnings);
}

class OwnOriginOnly : public OneRegistry {  // G13
 protected:
  void SetUp() override {
    Access access = access_to(server_.name());
    access.own_origin_only = true;
    access.credential = [](const std::string&) {
      return Credential{.user = "user", .password = "secret", .identity_token = ""};
    };
    strict_ = std::make_unique<Registry>(std::move(access));
  }
  void TearDown() override { EXPECT_THAT(elsewhere_.requests(), IsEmpty()); }

  testing::ScriptedRegistry elsewhere_;
  std::unique_ptr<Registry> strict_;
};

TEST_F(OwnOriginOnly, FollowsNoRedirectThatLeaves) {
  server_.script({.count = 0},
                 {.status = 307, .headers = {{"Location", elsewhere_.url("/x?sig=1").text()}}});
  EXPECT_EQ(strict_->send({.url = strict_->url("/v2/")}, kScope).status, 307);
  expect_error([&] { strict_->find_manifest("a", "1", kScope); }, Code::kProtocol,
               "answered 307 Temporary Redirect, which is not followed: \"" +
                   elsewhere_.url("/x").text() + '"');
}

TEST_F(OwnOriginOnly, FollowsNoTokenServerThatRedirects) {
  server_.require_token({.user = "user", .password = "secret"});
  server_.script({.target = "/token.*", .count = 0},
                 {.status = 307, .headers = {{"Location", elsewhere_.url("/token").text()}}});
  expect_error([&] { strict_->find_manifest("a", "1", kScope); }, Code::kProtocol, "307");
}

TEST_F(OneRegistry, AnswersWhoeverIsAllowedIn) {
  EXPECT_TRUE(registry_.answers());
  server_.require_basic({.user = "u", .password = "p"});
  EXPECT_TRUE(registry_.answers());
}

TEST_F(OneRegistry, DoesNotAnswer) {
  server_.script({.count = 1}, {.status = 404});
  EXPECT_FALSE(registry_.answers());
  server_.script({.count = 2}, {.status = 503});
  EXPECT_FALSE(registry_.answers());
  server_.script({.count = 2}, {.drop = true});
  EXPECT_FALSE(registry_.answers());
}

TEST(RegistryUrl, IsHttpsUnlessAskedOtherwise) {
  Access access;
  access.registry = "r.example:5000";
  EXPECT_EQ(Registry(access).url("/v2/").text(), "https://r.example:5000/v2/");
  access.plain_http = true;
  EXPECT_EQ(Registry(access).url("/v2/").text(), "http://r.example:5000/v2/");
}

TEST(RegistryUrl, KnowsWhereDockerHubAnswers) {
  Access access;
  access.registry = "docker.io";
  const Registry registry(access);
  EXPECT_EQ(registry.name(), "docker.io");
  EXPECT_EQ(registry.url("/v2/").text(), "https://registry-1.docker.io/v2/");
}

TEST(RegistryUrl, TakesNoPathThatWouldBreakTheRequest) {
  const Registry registry(access_to("r.example"));
  EXPECT_THROW(registry.url("/v2/a b/tags/list"), Error);
  EXPECT_THROW(registry.url("/v2/a\r\nX: 1/tags/list"), Error);
}

}  // namespace
}  // namespace seabag::registry
