// SPDX-License-Identifier: Apache-2.0
#include "testing/scripted_registry.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "io/bytes.h"

namespace seabag::testing {
namespace {

using http::Method;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kIndexType = "application/vnd.oci.image.index.v1+json";
const std::string kManifestType = "application/vnd.oci.image.manifest.v1+json";

class ScriptedRegistryTest : public ::testing::Test {
 protected:
  http::Response send(Method method, const std::string& target, http::Headers headers = {},
                      const std::string& body = "") {
    const io::MemoryBlob blob(io::bytes_of(body));
    http::Request request = {.method = method,
                             .url = registry_.url(target),
                             .headers = std::move(headers),
                             .max_body_bytes = 1U << 20U};
    if (!body.empty()) request.body = http::BodyRange{&blob, 0, blob.size()};
    return client_.send(request);
  }

  static std::string text(const http::Response& response) {
    return std::string(io::text_of(response.body));
  }

  ScriptedRegistry registry_;
  http::Client client_{{}, [](std::chrono::milliseconds, const std::stop_token&) {}, {}};
};

TEST_F(ScriptedRegistryTest, ServesManifestsByTagAndDigest) {
  const auto digest = add_image(registry_, "a/b", "1", {"layer"});
  const auto by_tag = send(Method::kGet, "/v2/a/b/manifests/1");
  EXPECT_EQ(by_tag.status, 200);
  EXPECT_EQ(by_tag.header("content-type"), kManifestType);
  EXPECT_EQ(by_tag.header("docker-content-digest"), digest.text());
  EXPECT_EQ(digest_text(text(by_tag)), digest.text());
  const auto head = send(Method::kHead, "/v2/a/b/manifests/" + digest.text());
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), fmt::format("{}", by_tag.body.size()));
  EXPECT_EQ(send(Method::kGet, "/v2/a/b/manifests/2").status, 404);
}

TEST_F(ScriptedRegistryTest, ServesRangesOfBlobs) {
  const std::string blob = "/v2/a/blobs/" + registry_.add_blob("a", "0123456789").text();
  EXPECT_EQ(text(send(Method::kGet, blob)), "0123456789");
  const auto rest = send(Method::kGet, blob, {{"Range", "bytes=4-"}});
  EXPECT_EQ(rest.status, 206);
  EXPECT_EQ(rest.header("content-range"), "bytes 4-9/10");
  EXPECT_EQ(text(rest), "456789");
  EXPECT_EQ(text(send(Method::kGet, blob, {{"Range", "bytes=2-3"}})), "23");
  const auto beyond = send(Method::kGet, blob, {{"Range", "bytes=10-"}});
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.header("content-range"), "bytes */10");
}

TEST_F(ScriptedRegistryTest, ListsInPages) {
  for (const char* tag : {"1", "2", "3"}) add_image(registry_, "a", tag, {tag});
  registry_.set_rules({.page_size = 2});
  const auto first = send(Method::kGet, "/v2/a/tags/list");
  EXPECT_THAT(text(first), HasSubstr(R"(["1","2"])"));
  EXPECT_EQ(first.header("link"), "</v2/a/tags/list?last=2&n=2>; rel=\"next\"");
  const auto second = send(Method::kGet, "/v2/a/tags/list?last=2&n=2");
  EXPECT_THAT(text(second), HasSubstr(R"(["3"])"));
  EXPECT_EQ(second.header("link"), std::nullopt);
  EXPECT_THAT(text(send(Method::kGet, "/v2/_catalog")), HasSubstr(R"(["a"])"));
}

TEST_F(ScriptedRegistryTest, ListsReferrers) {
  const auto image = add_image(registry_, "a", "1", {"layer"});
  const auto signature = add_image(registry_, "a", "", {"signature"}, image.text());
  EXPECT_THAT(text(send(Method::kGet, "/v2/a/referrers/" + image.text())),
              HasSubstr(signature.text()));
  registry_.set_rules({.referrers_api = false});
  EXPECT_EQ(send(Method::kGet, "/v2/a/referrers/" + image.text()).status, 404);
}

TEST_F(ScriptedRegistryTest, TakesUploadsInOneAndInChunks) {
  const std::string digest = digest_text("0123456789");
  for (const bool chunked : {false, true}) {
    const auto start = send(Method::kPost, "/v2/a/blobs/uploads/");
    EXPECT_EQ(start.status, 202);
    const std::string session = *start.header("location");
    std::string rest = "0123456789";
    if (chunked) {
      const auto chunk = send(Method::kPatch, session, {{"Content-Range", "0-3"}}, "0123");
      EXPECT_EQ(chunk.header("range"), "0-3");
      EXPECT_EQ(send(Method::kPatch, session, {{"Content-Range", "5-6"}}, "56").status, 416);
      EXPECT_EQ(send(Method::kGet, session).header("range"), "0-3");
      rest = "456789";
    }
    EXPECT_EQ(send(Method::kPut, session + "?digest=" + digest, {}, rest).status, 201);
    EXPECT_EQ(registry_.find_blob("a", digest::parse_digest(digest)), "0123456789");
    EXPECT_EQ(send(Method::kGet, session).status, 404);
    registry_.remove("a", digest::parse_digest(digest));
  }
}

TEST_F(ScriptedRegistryTest, RefusesABlobOfAnotherDigest) {
  const std::string session = *send(Method::kPost, "/v2/a/blobs/uploads/").header("location");
  EXPECT_EQ(send(Method::kPut, session + "?digest=" + digest_text("x"), {}, "y").status, 400);
}

TEST_F(ScriptedRegistryTest, MountsBlobs) {
  const std::string digest = registry_.add_blob("a", "x").text();
  EXPECT_EQ(send(Method::kPost, "/v2/b/blobs/uploads/?mount=" + digest + "&from=a").status, 201);
  EXPECT_EQ(
      send(Method::kPost, "/v2/b/blobs/uploads/?mount=" + digest_text("y") + "&from=a").status,
      202);
}

TEST_F(ScriptedRegistryTest, RefusesManifestsWhosePartsLack) {
  const auto child = add_image(registry_, "a", "", {"layer"});
  const std::string index = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}","digest":"{}","size":1}}]}})",
      kIndexType, kManifestType, child.text());
  EXPECT_EQ(send(Method::kPut, "/v2/a/manifests/1", {{"Content-Type", kIndexType}}, index).status,
            201);
  EXPECT_THAT(text(send(Method::kPut, "/v2/b/manifests/1", {{"Content-Type", kIndexType}}, index)),
              HasSubstr("MANIFEST_BLOB_UNKNOWN"));
  EXPECT_THAT(registry_.tags("a"), ElementsAre("1"));
}

TEST_F(ScriptedRegistryTest, AnswersOCISubject) {
  const auto image = add_image(registry_, "a", "1", {"layer"});
  const auto signature = add_image(registry_, "a", "", {"signature"}, image.text());
  const std::string bytes = registry_.find_manifest("a", signature.text())->bytes;
  EXPECT_EQ(
      send(Method::kPut, "/v2/a/manifests/" + signature.text(), {}, bytes).header("oci-subject"),
      image.text());
}

TEST_F(ScriptedRegistryTest, DemandsBasic) {
  registry_.require_basic({"user", "pass"});
  const auto refused = send(Method::kGet, "/v2/");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.header("www-authenticate"), "Basic realm=\"scripted\"");
  http::Request request = {.url = registry_.url("/v2/"),
                           .credentials = {{"Authorization", "Basic dXNlcjpwYXNz"}}};
  EXPECT_EQ(client_.send(request).status, 200);
}

std::string token_in(const std::string& document) {
  const auto begin = document.find("\"token\":\"") + 9;
  return document.substr(begin, document.find('"', begin) - begin);
}

TEST_F(ScriptedRegistryTest, IssuesTokensThatExpireAfterTheirUses) {
  add_image(registry_, "a", "1", {"layer"});
  registry_.require_token({.uses = 2});
  const auto challenge = send(Method::kGet, "/v2/a/manifests/1").header("www-authenticate");
  EXPECT_THAT(challenge.value(), HasSubstr("scope=\"repository:a:pull\""));
  const auto issued = send(Method::kGet, "/token?service=scripted&scope=repository:a:pull");
  http::Request request = {.url = registry_.url("/v2/a/manifests/1"),
                           .credentials = {{"Authorization", "Bearer " + token_in(text(issued))}}};
  EXPECT_EQ(client_.send(request).status, 200);
  EXPECT_EQ(client_.send(request).status, 200);
  EXPECT_EQ(client_.send(request).status, 401);
  request.url = registry_.url("/v2/other/manifests/1");
  EXPECT_EQ(client_.send(request).status, 401);
}

TEST_F(ScriptedRegistryTest, GivesTokensToWhomItKnows) {
  registry_.require_token(
      {.user = "user", .password = "pass", .identity_token = "identity", .anonymous_pull = true});
  const std::string ask = "/token?service=scripted&scope=repository:a:pull,push";
  const std::string anonymous = token_in(text(send(Method::kGet, ask)));
  const std::string known =
      token_in(text(send(Method::kGet, ask, {{"Authorization", "Basic dXNlcjpwYXNz"}})));
  EXPECT_EQ(send(Method::kPost, "/token", {{"Content-Type", "application/x-www-form-urlencoded"}},
                 "grant_type=refresh_token&service=scripted&refresh_token=wrong&scope=repository:a:"
                 "pull,push")
                .status,
            401);
  const std::string refreshed = token_in(
      text(send(Method::kPost, "/token", {{"Content-Type", "application/x-www-form-urlencoded"}},
                "grant_type=refresh_token&service=scripted&refresh_token=identity&scope=repository:"
                "a:pull,push")));
  const auto push = [&](const std::string& token) {
    const http::Request request = {.method = Method::kPost,
                                   .url = registry_.url("/v2/a/blobs/uploads/"),
                                   .credentials = {{"Authorization", "Bearer " + token}}};
    return client_.send(request).status;
  };
  EXPECT_EQ(push(anonymous), 401);
  EXPECT_EQ(push(known), 202);
  EXPECT_EQ(push(refreshed), 202);
}

TEST_F(ScriptedRegistryTest, AppliesAHookToTheOccurrencesItNames) {
  registry_.script({.method = "GET", .target = "/v2/", .first = 2, .count = 2}, {.status = 418});
  std::vector<int> statuses;
  for (int i = 0; i < 4; ++i) statuses.push_back(send(Method::kGet, "/v2/").status);
  EXPECT_THAT(statuses, ElementsAre(200, 418, 418, 200));
}

TEST_F(ScriptedRegistryTest, ChangesPartsOfItsOwnAnswer) {
  add_image(registry_, "a", "1", {"layer"});
  registry_.script({}, {.headers = {{"Docker-Content-Digest", digest_text("lie")}}});
  const auto response = send(Method::kGet, "/v2/a/manifests/1");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("docker-content-digest"), digest_text("lie"));
  EXPECT_EQ(response.header("content-type"), kManifestType);
}

TEST_F(ScriptedRegistryTest, LetsAHookAskWhatItHas) {
  add_image(registry_, "a", "1", {"layer"});
  registry_.script({}, [this](const RecordedRequest&) {
    return Reply{.headers = {{"X-Tags", registry_.tags("a").at(0)}}};
  });
  EXPECT_EQ(send(Method::kGet, "/v2/a/manifests/1").header("x-tags"), "1");
}

TEST_F(ScriptedRegistryTest, KeepsPartOfAnUploadThatBrokeOff) {
  const auto session = send(Method::kPost, "/v2/a/blobs/uploads/").header("location");
  ASSERT_TRUE(session);
  registry_.script({.method = "PATCH"}, {.drop = true, .keep_bytes = 4});
  send(Method::kPatch, *session, {}, "0123456789");  // twice: the client tries again
  EXPECT_EQ(send(Method::kGet, *session).header("range"), "0-13");
}

TEST_F(ScriptedRegistryTest, RecordsWhatItWasSent) {
  send(Method::kPut, "/v2/a/manifests/1?x=%2F", {{"X-Test", "1"}}, "body");
  ASSERT_EQ(registry_.requests().size(), 1U);
  const RecordedRequest request = registry_.requests().front();
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.path, "/v2/a/manifests/1");
  EXPECT_EQ(request.parameter("x"), "/");
  EXPECT_EQ(request.header("x-test"), "1");
  EXPECT_EQ(request.body, "body");
  EXPECT_EQ(registry_.count({.method = "PUT"}), 1U);
  EXPECT_THAT(registry_.authorizations(), IsEmpty());
}

}  // namespace
}  // namespace seabag::testing
