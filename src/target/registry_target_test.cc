// SPDX-License-Identifier: Apache-2.0
#include "target/registry_target.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "oci/media_types.h"
#include "oci/referrers.h"
#include "testing/scripted_registry.h"

namespace seabag::target {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Match;
using testing::RecordedRequest;
using testing::RegistryRules;
using testing::Reply;
using testing::ScriptedRegistry;
using ::testing::SizeIs;

constexpr const char* kUploads = ".*/blobs/uploads/.*";

oci::Descriptor descriptor_of(const std::string& bytes) {
  return {"application/octet-stream", digest::digest_of(io::bytes_of(bytes)), bytes.size()};
}

oci::RawManifest manifest_of(const std::string& text,
                             std::string_view media_type = oci::media_type::kImageManifest) {
  const auto bytes = io::bytes_of(text);
  return oci::verified({bytes.begin(), bytes.end()}, std::string(media_type), std::nullopt);
}

std::string image_text(const std::string& blob, const std::string& more = {}) {
  const std::string descriptor = R"({"mediaType":"application/octet-stream","digest":")" +
                                 testing::digest_text(blob) + R"(","size":)" +
                                 std::to_string(blob.size()) + "}";
  return R"({"schemaVersion":2,"mediaType":")" + std::string(oci::media_type::kImageManifest) +
         R"(","config":)" + descriptor + R"(,"layers":[])" + more + "}";
}

std::shared_ptr<registry::Registry> connect(const ScriptedRegistry& server) {
  registry::Access access;
  access.registry = server.name();
  access.plain_http = true;
  access.http.user_agent = "seabag-test";
  access.http.attempts = 3;
  access.own_origin_only = true;
  access.pause = [](std::chrono::milliseconds, const std::stop_token&) {};
  access.credential = [](const std::string&) { return std::nullopt; };
  return std::make_shared<registry::Registry>(std::move(access));
}

RegistryTarget open(const ScriptedRegistry& server, std::uint64_t chunk_size = 0,
                    const std::string& prefix = {}) {
  TargetName name{"docker://" + server.name(), Transport::kRegistry, server.name(), prefix, {}};
  return {std::move(name), connect(server), chunk_size};
}

/// "POST PUT HEAD": the methods of all requests to the server.
std::string methods(const ScriptedRegistry& server) {
  std::string text;
  for (const RecordedRequest& request : server.requests()) {
    text += (text.empty() ? "" : " ") + request.method;
  }
  return text;
}

void expect_error(Code code, const std::string& text, const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "expected an Error with " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

PutOutcome put(Target& target, const std::string& bytes,
               const std::vector<std::string>& mount_from = {}) {
  return target.put_blob("a/b", descriptor_of(bytes), io::MemoryBlob(io::bytes_of(bytes)),
                         mount_from);
}

const std::string kBlob = "0123456789";

TEST(RegistryTarget, UploadsABlobInOnePiece) {
  ScriptedRegistry server;
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.find_blob("a/b", descriptor_of(kBlob).digest), kBlob);
  EXPECT_EQ(methods(server), "HEAD POST PUT HEAD");
}

TEST(RegistryTarget, UploadsAnEmptyBlob) {
  ScriptedRegistry server;
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, ""), PutOutcome::kUploaded);
  EXPECT_EQ(server.find_blob("a/b", descriptor_of("").digest), "");
}

TEST(RegistryTarget, SendsNothingThatIsThere) {
  ScriptedRegistry server;
  server.add_blob("a/b", kBlob);
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kWasThere);
  EXPECT_EQ(methods(server), "HEAD");
}

TEST(RegistryTarget, ReplacesABlobOfAnotherSize) {
  ScriptedRegistry server;
  server.add_blob("a/b", kBlob);
  server.damage("a/b", descriptor_of(kBlob).digest, "012345678");
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.find_blob("a/b", descriptor_of(kBlob).digest), kBlob);
}

TEST(RegistryTarget, PutsThePrefixBeforeEveryRepository) {
  ScriptedRegistry server;
  server.add_blob("team/c", kBlob);
  RegistryTarget target = open(server, 0, "team");
  EXPECT_EQ(put(target, kBlob, {"c"}), PutOutcome::kMounted);
  target.put_manifest("a/b", manifest_of(image_text(kBlob)), std::nullopt, "1");
  EXPECT_THAT(server.repositories(), ::testing::UnorderedElementsAre("team/a/b", "team/c"));
  EXPECT_THAT(server.tags("team/a/b"), ElementsAre("1"));
  EXPECT_THAT(
      target.location({"", "a/b", "1", {}}),
      ::testing::AllOf(::testing::StartsWith("docker://"), ::testing::EndsWith("/team/a/b:1")));
}

// Mounting.

TEST(RegistryTarget, MountsInsteadOfSending) {
  ScriptedRegistry server;
  server.add_blob("c", kBlob);
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob, {"c"}), PutOutcome::kMounted);
  EXPECT_EQ(methods(server), "HEAD POST");
}

TEST(RegistryTarget, UsesTheSessionThatCameInsteadOfAMount) {
  ScriptedRegistry server(RegistryRules{.mounts = false});
  server.add_blob("c", kBlob);
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob, {"c", "d"}), PutOutcome::kUploaded);
  EXPECT_EQ(methods(server), "HEAD POST PUT HEAD");
}

TEST(RegistryTarget, UploadsWhenNoMountIsAllowed) {
  ScriptedRegistry server;
  server.script(Match{.method = "POST", .target = ".*mount=.*", .count = 0}, Reply{.status = 403});
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob, {"c", "d", "e"}), PutOutcome::kUploaded);
  EXPECT_EQ(methods(server), "HEAD POST POST POST PUT HEAD") << "two candidates are enough";
}

// Where the upload goes.

TEST(RegistryTarget, FollowsLocationsOfAnyForm) {
  for (const bool absolute : {false, true}) {
    for (const bool query : {false, true}) {
      ScriptedRegistry server(
          RegistryRules{.absolute_locations = absolute, .location_has_query = query});
      RegistryTarget whole = open(server);
      EXPECT_EQ(put(whole, kBlob), PutOutcome::kUploaded) << absolute << query;
      RegistryTarget chunked = open(server, 4);
      EXPECT_EQ(put(chunked, kBlob + kBlob), PutOutcome::kUploaded) << absolute << query;
    }
  }
}

TEST(RegistryTarget, RefusesLocationsThatLeadElsewhere) {
  ScriptedRegistry other;
  const std::string path = "/v2/a/b/blobs/uploads/1";
  for (const std::string& location :
       {other.url(path).text(), "http://127.0.0.1" + path, "https://registry.example" + path,
        "//registry.example" + path}) {
    ScriptedRegistry server;
    server.script(Match{.method = "POST"}, Reply{.headers = {{"Location", location}}});
    RegistryTarget target = open(server);
    expect_error(Code::kProtocol,
                 "sends the upload elsewhere: expected " + server.url("/").origin.text(),
                 [&] { put(target, kBlob); });
    EXPECT_EQ(methods(server), "HEAD POST") << location;
  }
  EXPECT_THAT(other.requests(), IsEmpty());
}

TEST(RegistryTarget, RefusesALocationThatIsNoneOfHttp) {
  ScriptedRegistry server;
  server.script(Match{.method = "POST"}, Reply{.headers = {{"Location", "file:///etc/passwd"}}});
  RegistryTarget target = open(server);
  expect_error(Code::kProtocol, "", [&] { put(target, kBlob); });
}

TEST(RegistryTarget, RefusesASessionWithoutLocation) {
  ScriptedRegistry server;
  server.script(Match{.method = "POST"},
                [](const RecordedRequest&) { return Reply{.status = 202, .body = ""}; });
  RegistryTarget target = open(server);
  expect_error(Code::kProtocol, "without a Location", [&] { put(target, kBlob); });
}

// What was sent is what is there.

TEST(RegistryTarget, NeverCompletesADamagedBlob) {
  for (const std::uint64_t chunk_size : {0U, 4U}) {
    ScriptedRegistry server;
    RegistryTarget target = open(server, chunk_size);
    const oci::Descriptor expected = descriptor_of(kBlob);
    const std::string damaged = "0123456788";
    expect_error(Code::kIntegrity, "expected digest " + expected.digest.text(), [&] {
      target.put_blob("a/b", expected, io::MemoryBlob(io::bytes_of(damaged)), {});
    });
    EXPECT_FALSE(server.find_blob("a/b", expected.digest));
    EXPECT_FALSE(server.find_blob("a/b", descriptor_of(damaged).digest));
  }
}

TEST(RegistryTarget, RefusesAnUploadThatWasStoredAsSomethingElse) {
  ScriptedRegistry server;
  server.script(Match{.method = "PUT"},
                Reply{.headers = {{"Docker-Content-Digest", testing::digest_text("other")}}});
  RegistryTarget target = open(server);
  expect_error(Code::kProtocol, "expected digest " + testing::digest_text(kBlob),
               [&] { put(target, kBlob); });
}

TEST(RegistryTarget, RefusesAConfirmedUploadThatIsNotThere) {
  ScriptedRegistry server;
  server.script(Match{.method = "PUT"}, Reply{.status = 201, .body = ""});
  RegistryTarget target = open(server);
  expect_error(Code::kProtocol, "has no such blob", [&] { put(target, kBlob); });
}

TEST(RegistryTarget, RefusesAnotherSuccessThanTheRightOne) {
  ScriptedRegistry server;
  server.script(Match{.method = "PUT"}, Reply{.status = 202, .body = ""});
  RegistryTarget target = open(server);
  EXPECT_THROW(put(target, kBlob), Error);
}

// Uploads that break off.

struct Break {
  std::string name;
  Reply reply;
};

class RegistryTargetBreaks : public ::testing::TestWithParam<Break> {};

TEST_P(RegistryTargetBreaks, AWholeUploadStartsAnew) {
  ScriptedRegistry server;
  server.script(Match{.method = "PUT"}, GetParam().reply);
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.find_blob("a/b", descriptor_of(kBlob).digest), kBlob);
}

TEST_P(RegistryTargetBreaks, AChunkedUploadGoesOn) {
  for (int chunk = 1; chunk <= 3; ++chunk) {
    ScriptedRegistry server;
    server.script(Match{.method = "PATCH", .first = chunk}, GetParam().reply);
    RegistryTarget target = open(server, 4);
    EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded) << chunk;
    EXPECT_EQ(server.find_blob("a/b", descriptor_of(kBlob).digest), kBlob) << chunk;
  }
}

TEST_P(RegistryTargetBreaks, GivesUpWhenItNeverEnds) {
  for (const std::uint64_t chunk_size : {0U, 4U}) {
    ScriptedRegistry server;
    server.script(Match{.method = "PUT", .count = 0}, GetParam().reply);
    server.script(Match{.method = "PATCH", .count = 0}, GetParam().reply);
    RegistryTarget target = open(server, chunk_size);
    EXPECT_THROW(put(target, kBlob), Error);
    EXPECT_THAT(server.requests(), SizeIs(::testing::Le(60U)));
  }
}

const Break kBreaks[] = {
    {"NoAnswer", {.drop = true}},
    {"Reset", {.drop = true, .reset = true}},
    {"SessionGone", {.status = 404, .body = ""}},
    {"RangeRefused", {.status = 416, .body = ""}},
    {"ServerError", {.status = 500, .body = ""}},
    {"BadGateway", {.status = 502, .body = ""}},
};

INSTANTIATE_TEST_SUITE_P(, RegistryTargetBreaks, ::testing::ValuesIn(kBreaks),
                         [](const auto& test) { return test.param.name; });

TEST(RegistryTarget, SendsNothingAgainWhenOnlyTheAnswerWasLost) {
  ScriptedRegistry server;
  server.script(Match{.method = "PUT", .count = 0}, Reply{.drop = true});
  server.script(Match{.method = "HEAD", .first = 2}, Reply{.status = 200, .body = kBlob});
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.count({.method = "POST"}), 1U) << "no second session";
}

TEST(RegistryTarget, StartsAnewWhenTheStatusCannotBe) {
  for (const std::string range : {"0-99", "5-6", "x", "0-18446744073709551615"}) {
    ScriptedRegistry server;
    server.script(Match{.method = "PATCH", .first = 2}, Reply{.drop = true});
    server.script(Match{.method = "GET", .target = kUploads}, Reply{.headers = {{"Range", range}}});
    RegistryTarget target = open(server, 4);
    EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded) << range;
  }
}

TEST(RegistryTarget, GoesOnWhereTheRegistryStands) {
  ScriptedRegistry server;
  server.script(Match{.method = "PATCH", .first = 2}, Reply{.drop = true});
  RegistryTarget target = open(server, 4);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  std::vector<std::string> ranges;
  for (const RecordedRequest& request : server.requests()) {
    if (request.method == "PATCH") {
      ranges.push_back(request.header("content-range").value_or("none"));
    }
  }
  EXPECT_EQ(ranges.front(), "0-3");
  EXPECT_EQ(ranges.back(), "8-9");
  EXPECT_EQ(server.count({.method = "POST"}), 1U) << "the session is gone on with";
}

TEST(RegistryTarget, GoesOnWithAWholeUploadWhereTheRegistryStands) {
  for (const std::size_t kept : {2U, 5U, 9U, 10U}) {
    ScriptedRegistry server(RegistryRules{.location_has_query = true});
    server.script(Match{.method = "PUT"}, Reply{.drop = true, .keep_bytes = kept});
    RegistryTarget target = open(server);
    EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded) << kept;
    EXPECT_EQ(server.find_blob("a/b", descriptor_of(kBlob).digest), kBlob) << kept;
    EXPECT_EQ(server.count({.method = "POST"}), 1U) << "the session is gone on with";
    std::size_t sent_again = 0;
    for (const RecordedRequest& request : server.requests()) {
      if (request.method != "PATCH") continue;
      sent_again += request.body.size();
      EXPECT_EQ(request.header("content-range"), std::to_string(kept) + "-9");
    }
    EXPECT_EQ(sent_again, kBlob.size() - kept);
  }
}

TEST(RegistryTarget, SendsAWholeUploadAnewToARegistryWithoutChunks) {
  ScriptedRegistry server(RegistryRules{.chunked_uploads = false});
  server.script(Match{.method = "PUT", .count = 2}, Reply{.drop = true, .keep_bytes = 5});
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.count({.method = "POST"}), 3U);
  EXPECT_EQ(server.count({.method = "PATCH"}), 1U) << "it is not asked again";
}

TEST(RegistryTarget, SendsAnewWhatTheRegistryKeptWrong) {
  ScriptedRegistry server;
  server.script(Match{.method = "PUT"}, Reply{.drop = true, .keep_bytes = 5});
  server.script(Match{.method = "GET", .target = kUploads}, Reply{.headers = {{"Range", "0-5"}}});
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.find_blob("a/b", descriptor_of(kBlob).digest), kBlob);
}

TEST(RegistryTarget, GoesOnInTheMiddleOfAChunk) {
  for (const std::size_t kept : {2U, 3U, 4U}) {
    ScriptedRegistry server;
    server.script(Match{.method = "PATCH", .first = 2}, Reply{.drop = true, .keep_bytes = kept});
    RegistryTarget target = open(server, 4);
    EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded) << kept;
    EXPECT_EQ(server.find_blob("a/b", descriptor_of(kBlob).digest), kBlob) << kept;
    EXPECT_EQ(server.count({.method = "POST"}), 1U) << kept;
  }
}

TEST(RegistryTarget, GoesOnAfterEveryMebibyte) {  // J1
  ScriptedRegistry server;
  const std::string large(5'500'000, 'x');
  server.script(Match{.method = "PUT"}, Reply{.drop = true, .keep_bytes = 1U << 20U});
  server.script(Match{.method = "PATCH", .count = 4},
                Reply{.drop = true, .reset = true, .keep_bytes = 1U << 20U});
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, large), PutOutcome::kUploaded);
  EXPECT_EQ(server.find_blob("a/b", descriptor_of(large).digest), large);
  EXPECT_EQ(server.count({.method = "POST"}), 1U);
}

TEST(RegistryTarget, GivesUpOnASessionThatTakesAByteAtATime) {
  ScriptedRegistry server;
  const std::string large(1'000'000, 'x');
  for (const char* method : {"PUT", "PATCH"}) {
    server.script(Match{.method = method, .count = 0}, Reply{.drop = true, .keep_bytes = 1});
  }
  RegistryTarget target = open(server);
  EXPECT_THROW(put(target, large), Error);
  EXPECT_THAT(server.requests(), SizeIs(::testing::Le(60U)));
}

TEST(RegistryTarget, TakesARedirectElsewhereForABlobThatIsThere) {
  ScriptedRegistry storage;
  ScriptedRegistry server;
  server.script(Match{.method = "HEAD"},
                Reply{.status = 307, .headers = {{"Location", storage.url("/blob").text()}}});
  RegistryTarget target = open(server);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kWasThere);
  EXPECT_THAT(storage.requests(), IsEmpty());
}

TEST(RegistryTarget, SurvivesTheLossOfAnyOneRequest) {
  for (const std::uint64_t chunk_size : {0U, 4U}) {
    for (int lost = 1; lost < 20; ++lost) {
      ScriptedRegistry server;
      server.script(Match{.first = lost}, Reply{.drop = true, .reset = true});
      RegistryTarget target = open(server, chunk_size);
      put(target, kBlob);
      target.put_manifest("a/b", manifest_of(image_text(kBlob)), std::nullopt, "1");
      EXPECT_EQ(server.find_blob("a/b", descriptor_of(kBlob).digest), kBlob) << lost;
      EXPECT_EQ(target.find_tag("a/b", "1"), manifest_of(image_text(kBlob)).digest()) << lost;
    }
  }
}

TEST(RegistryTarget, EndsAsItWouldHaveWhenPushedAgainAfterTheServerDied) {
  for (int death = 1; death < 8; ++death) {
    ScriptedRegistry server;
    RegistryTarget target = open(server);
    const auto push = [&] {
      put(target, kBlob);
      target.put_manifest("a/b", manifest_of(image_text(kBlob)), std::nullopt, "1");
    };
    server.script(Match{.first = death, .count = 0}, Reply{.drop = true});
    try {
      push();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUnavailable) << error.what();
    }
    server.forget_scripts();
    if (const auto tag = target.find_tag("a/b", "1")) {
      EXPECT_TRUE(server.find_blob("a/b", descriptor_of(kBlob).digest))
          << "no tag before its blobs, " << death;
    }
    push();
    EXPECT_THAT(server.tags("a/b"), ElementsAre("1"));
  }
}

// Chunks.

TEST(RegistryTarget, SendsChunksOfTheSizeAskedFor) {
  ScriptedRegistry server;
  RegistryTarget target = open(server, 4);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(methods(server), "HEAD POST PATCH PATCH PATCH PUT HEAD");
  std::vector<std::string> ranges;
  for (const RecordedRequest& request : server.requests()) {
    if (request.method == "PATCH") {
      ranges.push_back(request.header("content-range").value_or("none"));
    }
  }
  EXPECT_THAT(ranges, ElementsAre("0-3", "4-7", "8-9"));
}

TEST(RegistryTarget, SendsSmallBlobsWhole) {
  ScriptedRegistry server;
  RegistryTarget target = open(server, kBlob.size());
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.count({.method = "PATCH"}), 0U);
}

TEST(RegistryTarget, RaisesTheChunkToWhatTheRegistryWants) {
  ScriptedRegistry server(RegistryRules{.chunk_min_bytes = 6});
  RegistryTarget target = open(server, 4);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.count({.method = "PATCH"}), 2U);
}

TEST(RegistryTarget, SendsABlobBelowTheLeastChunkWhole) {
  ScriptedRegistry server(RegistryRules{.chunk_min_bytes = 100});
  RegistryTarget target = open(server, 4);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.count({.method = "PATCH"}), 0U);
}

TEST(RegistryTarget, SendsWholeBlobsToARegistryWithoutChunks) {
  ScriptedRegistry server(RegistryRules{.chunked_uploads = false});
  RegistryTarget target = open(server, 4);
  EXPECT_EQ(put(target, kBlob), PutOutcome::kUploaded);
  EXPECT_EQ(server.find_blob("a/b", descriptor_of(kBlob).digest), kBlob);
}

// Refusals.

TEST(RegistryTarget, NamesTheOptionThatHelpsAgainstATooLargeRequest) {
  ScriptedRegistry server;
  server.script(Match{.method = "PUT", .count = 0}, Reply{.status = 413, .body = ""});
  RegistryTarget target = open(server);
  try {
    put(target, kBlob);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kRefused);
    EXPECT_THAT(error.what(), HasSubstr(testing::digest_text(kBlob)));
    EXPECT_THAT(error.next_step(), HasSubstr("--chunk-size 16MiB"));
  }
}

TEST(RegistryTarget, SaysWhatTheRegistrySaidAboutAManifest) {
  ScriptedRegistry server;
  RegistryTarget target = open(server);
  expect_error(Code::kRefused, "MANIFEST_BLOB_UNKNOWN", [&] {
    target.put_manifest("a/b", manifest_of(image_text("missing")), std::nullopt, "1");
  });
  EXPECT_THAT(server.tags("a/b"), IsEmpty());
}

TEST(RegistryTarget, PutsAManifestAgainWhoseBlobsAreThereAfterAll) {  // G4
  for (const int denials : {1, 2, 3}) {
    ScriptedRegistry server;
    server.add_blob("a/b", kBlob);
    server.script(Match{.method = "PUT", .count = denials},
                  Reply{.status = 404, .body = R"({"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]})"});
    RegistryTarget target = open(server);
    const auto put_it = [&] {
      target.put_manifest("a/b", manifest_of(image_text(kBlob)), std::nullopt, "1");
    };
    if (denials < 3) {
      put_it();
    } else {
      expect_error(Code::kRefused, "MANIFEST_BLOB_UNKNOWN", put_it);
    }
    EXPECT_EQ(server.tags("a/b").size(), denials < 3 ? 1U : 0U);
  }
}

TEST(RegistryTarget, HintsAtPlatformsWhenChildrenLack) {
  ScriptedRegistry server;
  RegistryTarget target = open(server);
  const std::string index = R"({"schemaVersion":2,"manifests":[{"mediaType":")" +
                            std::string(oci::media_type::kImageManifest) + R"(","digest":")" +
                            testing::digest_text("child") + R"(","size":5}]})";
  try {
    target.put_manifest("a/b", manifest_of(index, oci::media_type::kImageIndex), std::nullopt, "1");
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kRefused);
    EXPECT_THAT(error.next_step(), HasSubstr("--platform"));
  }
}

TEST(RegistryTarget, LeavesAnImmutableTagAlone) {
  ScriptedRegistry server;
  server.add_manifest("a/b", "1", std::string(oci::media_type::kImageManifest), image_text("old"));
  server.add_blob("a/b", kBlob);
  server.script(
      Match{.method = "PUT", .target = ".*/manifests/1"},
      Reply{.status = 400,
            .body = R"({"errors":[{"code":"TAG_INVALID","message":"tag is immutable"}]})"});
  RegistryTarget target = open(server);
  expect_error(Code::kRefused, "immutable", [&] {
    target.put_manifest("a/b", manifest_of(image_text(kBlob)), std::nullopt, "1");
  });
  EXPECT_EQ(target.find_tag("a/b", "1"), manifest_of(image_text("old")).digest());
}

// Manifests and tags.

TEST(RegistryTarget, StoresAManifestAsItIs) {
  ScriptedRegistry server;
  server.add_blob("a/b", kBlob);
  RegistryTarget target = open(server);
  const oci::RawManifest manifest = manifest_of(image_text(kBlob) + "\n ");
  EXPECT_FALSE(target.has_manifest("a/b", manifest.digest()));
  target.put_manifest("a/b", manifest, std::nullopt, "");
  EXPECT_TRUE(target.has_manifest("a/b", manifest.digest()));
  EXPECT_FALSE(target.find_tag("a/b", "1"));
  target.put_manifest("a/b", manifest, std::nullopt, "1");
  const auto found = server.find_manifest("a/b", "1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes, image_text(kBlob) + "\n ");
  EXPECT_EQ(found->media_type, oci::media_type::kImageManifest);
}

TEST(RegistryTarget, RefusesAManifestThatWasRewritten) {
  ScriptedRegistry server;
  server.add_blob("a/b", kBlob);
  server.script(Match{.method = "PUT"},
                Reply{.headers = {{"Docker-Content-Digest", testing::digest_text("other")}}});
  RegistryTarget target = open(server);
  expect_error(Code::kProtocol, "expected digest", [&] {
    target.put_manifest("a/b", manifest_of(image_text(kBlob)), std::nullopt, "1");
  });
}

TEST(RegistryTarget, StoresASha512ManifestUnderItsOwnDigestToo) {
  ScriptedRegistry server(RegistryRules{.checks_references = false});
  RegistryTarget target = open(server);
  const std::string text = image_text(kBlob);
  const auto bytes = io::bytes_of(text);
  const digest::Digest digest = digest::digest_of(bytes, digest::Algorithm::kSha512);
  target.put_manifest("a/b",
                      oci::verified({bytes.begin(), bytes.end()},
                                    std::string(oci::media_type::kImageManifest), digest),
                      std::nullopt, "1");
  EXPECT_EQ(server.count({.method = "PUT", .target = ".*/manifests/sha512:.*"}), 1U);
  EXPECT_EQ(server.count({.method = "PUT", .target = ".*/manifests/1"}), 1U);
}

TEST(RegistryTarget, ComputesTheDigestThatATagAnswersWithout) {
  ScriptedRegistry server;
  const digest::Digest digest = server.add_manifest(
      "a/b", "1", std::string(oci::media_type::kImageManifest), image_text(kBlob));
  server.script(Match{.method = "HEAD", .count = 0}, Reply{.status = 200, .body = ""});
  RegistryTarget target = open(server);
  EXPECT_EQ(target.find_tag("a/b", "1"), digest);
}

TEST(RegistryTarget, SaysWhenATagCannotBeRead) {
  ScriptedRegistry server;
  server.script(Match{.method = "HEAD", .count = 0}, Reply{.status = 403, .body = ""});
  RegistryTarget target = open(server);
  EXPECT_THROW(target.find_tag("a/b", "1"), Error);
  EXPECT_THROW(target.has_manifest("a/b", descriptor_of("x").digest), Error);
}

// Referrers.

struct Referrer {
  oci::Descriptor subject;
  std::string text;
  oci::RawManifest raw;
  oci::Descriptor listed;
};

Referrer referrer(ScriptedRegistry& server, const std::string& blob) {
  const digest::Digest image = server.add_manifest(
      "a/b", "", std::string(oci::media_type::kImageManifest), image_text(kBlob));
  server.add_blob("a/b", blob);
  const oci::Descriptor subject{std::string(oci::media_type::kImageManifest), image,
                                image_text(kBlob).size()};
  const std::string text =
      image_text(blob, R"(,"subject":{"mediaType":")" + subject.media_type + R"(","digest":")" +
                           image.text() + R"(","size":)" + std::to_string(subject.size) + "}");
  oci::RawManifest raw = manifest_of(text);
  oci::Descriptor listed = oci::referrer_descriptor(raw, oci::parse_manifest(raw));
  return {subject, text, std::move(raw), std::move(listed)};
}

TEST(RegistryTarget, LeavesReferrersToTheApi) {
  ScriptedRegistry server;
  const Referrer sbom = referrer(server, "sbom");
  RegistryTarget target = open(server);
  target.put_manifest("a/b", sbom.raw, sbom.subject, "");
  EXPECT_FALSE(target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}));
  EXPECT_THAT(server.tags("a/b"), IsEmpty());
  EXPECT_EQ(server.count({.method = "GET"}), 0U) << "OCI-Subject said it";
}

TEST(RegistryTarget, AsksForTheApiWhenNoManifestShowedIt) {
  ScriptedRegistry server;
  const Referrer sbom = referrer(server, "sbom");
  server.add_manifest("a/b", "", sbom.raw.media_type(), sbom.text);
  RegistryTarget with = open(server);
  EXPECT_FALSE(with.link_referrers("a/b", sbom.subject.digest, {sbom.listed}));
  server.set_rules(RegistryRules{.referrers_api = false});
  RegistryTarget without = open(server);
  EXPECT_TRUE(without.link_referrers("a/b", sbom.subject.digest, {sbom.listed}));
}

// As behind a proxy for several registries.
TEST(RegistryTarget, KnowsByRepositoryWhetherThereIsTheApi) {
  ScriptedRegistry server;
  const Referrer sbom = referrer(server, "sbom");
  const Referrer other = referrer(server, "other");
  for (const char* repository : {"with", "without"}) {
    server.add_blob(repository, "sbom");
    server.add_manifest(repository, "", sbom.subject.media_type, image_text(kBlob));
  }
  RegistryTarget target = open(server);
  server.set_rules(RegistryRules{.referrers_api = false});
  target.put_manifest("without", sbom.raw, sbom.subject, "");
  server.set_rules(RegistryRules{});
  target.put_manifest("with", sbom.raw, sbom.subject, "");
  EXPECT_TRUE(target.link_referrers("without", sbom.subject.digest, {sbom.listed}));
  EXPECT_FALSE(target.link_referrers("with", sbom.subject.digest, {sbom.listed}));
  EXPECT_FALSE(target.link_referrers("a/b", other.subject.digest, {other.listed}))
      << "it was asked for itself";
  EXPECT_THAT(server.tags("without"), SizeIs(1));
}

TEST(RegistryTarget, TakesAPageOfSomethingElseForNoApi) {
  ScriptedRegistry server;
  const Referrer sbom = referrer(server, "sbom");
  server.add_manifest("a/b", "", sbom.raw.media_type(), sbom.text);
  server.script(Match{.target = ".*/referrers/.*", .count = 0},
                Reply{.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<html>"});
  RegistryTarget target = open(server);
  EXPECT_TRUE(target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}));
}

TEST(RegistryTarget, MergesIntoTheFallbackTag) {
  ScriptedRegistry server(RegistryRules{.referrers_api = false});
  const Referrer sbom = referrer(server, "sbom");
  const Referrer signature = referrer(server, "signature");
  const std::string tag = oci::referrers_tag(sbom.subject.digest);
  RegistryTarget target = open(server);
  target.put_manifest("a/b", sbom.raw, sbom.subject, "");
  EXPECT_TRUE(target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}));
  target.put_manifest("a/b", signature.raw, signature.subject, "");
  EXPECT_TRUE(target.link_referrers("a/b", sbom.subject.digest, {signature.listed}));
  const auto merged = server.find_manifest("a/b", tag);
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->media_type, oci::media_type::kImageIndex);
  EXPECT_THAT(merged->bytes, HasSubstr(sbom.raw.digest().text()));
  EXPECT_THAT(merged->bytes, HasSubstr(signature.raw.digest().text()));

  const std::size_t writes = server.count({.method = "PUT"});
  EXPECT_TRUE(target.link_referrers("a/b", sbom.subject.digest, {sbom.listed, signature.listed}));
  EXPECT_EQ(server.count({.method = "PUT"}), writes) << "nothing is written when nothing is new";
}

TEST(RegistryTarget, PutsBackEntriesThatAnotherWriterLost) {
  ScriptedRegistry server(RegistryRules{.referrers_api = false});
  const Referrer sbom = referrer(server, "sbom");
  const Referrer other = referrer(server, "other");
  const std::string tag = oci::referrers_tag(sbom.subject.digest);
  server.add_manifest("a/b", "", std::string(oci::media_type::kImageManifest), sbom.text);
  server.add_manifest("a/b", "", std::string(oci::media_type::kImageManifest), other.text);
  RegistryTarget target = open(server);
  // When the index is read back, somebody else's, made without ours, has taken its place.
  server.script(Match{.method = "GET", .target = ".*/manifests/" + tag, .first = 2},
                Reply{.status = 200,
                      .headers = {{"Content-Type", std::string(oci::media_type::kImageIndex)}},
                      .body = oci::merge_referrers("", {other.listed})});
  EXPECT_TRUE(target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}));
  const auto merged = server.find_manifest("a/b", tag);
  ASSERT_TRUE(merged);
  EXPECT_THAT(merged->bytes, HasSubstr(sbom.raw.digest().text()));
  EXPECT_THAT(merged->bytes, HasSubstr(other.raw.digest().text()));
}

TEST(RegistryTarget, GivesUpOnATagThatKeepsLosingEntries) {
  ScriptedRegistry server(RegistryRules{.referrers_api = false});
  const Referrer sbom = referrer(server, "sbom");
  server.add_manifest("a/b", "", std::string(oci::media_type::kImageManifest), sbom.text);
  server.script(Match{.method = "GET", .target = ".*/manifests/sha256-.*", .count = 0},
                Reply{.status = 404, .body = ""});
  RegistryTarget target = open(server);
  expect_error(Code::kUnavailable, "lost entries 3 times",
               [&] { target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}); });
}

TEST(RegistryTarget, DoesNotOverwriteATagThatIsNoIndex) {
  ScriptedRegistry server(RegistryRules{.referrers_api = false});
  const Referrer sbom = referrer(server, "sbom");
  const std::string tag = oci::referrers_tag(sbom.subject.digest);
  server.add_manifest("a/b", tag, std::string(oci::media_type::kImageManifest), image_text("mine"));
  RegistryTarget target = open(server);
  EXPECT_THROW(target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}), Error);
  EXPECT_EQ(server.find_manifest("a/b", tag)->bytes, image_text("mine"));
}

// Names.

struct Name {
  std::string name;
  oci::Reference reference;
  std::string fault;  ///< part of the objection; empty: none
};

class RegistryTargetNames : public ::testing::TestWithParam<Name> {};

TEST_P(RegistryTargetNames, AreObjectedToForAReason) {
  ScriptedRegistry server;
  const RegistryTarget target = open(server, 0, "team");
  const auto fault = target.objection(GetParam().reference);
  EXPECT_EQ(fault.has_value(), !GetParam().fault.empty()) << fault.value_or("");
  EXPECT_THAT(fault.value_or(""), HasSubstr(GetParam().fault));
}

const Name kNames[] = {
    {"Plain", {"", "library/busybox", "1.35", {}}, ""},
    {"NoTag", {"", "library/busybox", "", {}}, ""},
    {"LongestThatAllRegistriesTake", {"", std::string(200, 'a'), "1", {}}, ""},
    {"TooLongWithHostAndPrefix", {"", std::string(250, 'a'), "1", {}}, "expected at most 255"},
    {"UpperCase", {"", "Library/busybox", "1", {}}, "is no repository name"},
    {"Empty", {"", "", "1", {}}, "is no repository name"},
    {"DotDot", {"", "a/../b", "1", {}}, "is no repository name"},
    {"HostAndPort", {"localhost:5000", "a", "1", {}}, "is no repository name"},
    {"Query", {"", "a?x=1", "1", {}}, "is no repository name"},
    {"TagWithSlash", {"", "a", "1/2", {}}, "is no tag"},
    {"TagTooLong", {"", "a", std::string(129, 'x'), {}}, "is no tag"},
};

INSTANTIATE_TEST_SUITE_P(, RegistryTargetNames, ::testing::ValuesIn(kNames),
                         [](const auto& test) { return test.param.name; });

TEST(RegistryTarget, SendsNoNameThatIsNone) {
  ScriptedRegistry server;
  RegistryTarget target = open(server);
  EXPECT_THROW(target.find_tag("a/../../b", "1"), Error);
  EXPECT_THROW(target.find_tag("a", "1?x"), Error);
  EXPECT_THROW(target.put_manifest("a", manifest_of(image_text(kBlob)), std::nullopt, "../x"),
               Error);
  EXPECT_THROW(put(target, kBlob, {"../x"}), Error);
  EXPECT_EQ(server.count({.method = "PUT"}), 0U);
}

}  // namespace
}  // namespace seabag::target
