// SPDX-License-Identifier: Apache-2.0
#include "target/registry_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "oci/media_types.h"
#include "target/registry_test_internal.h"

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

/// "POST PUT HEAD": the methods of all requests to the server.
std::string methods(const ScriptedRegistry& server) {
  std::string text;
  for (const RecordedRequest& request : server.requests()) {
    text += (text.empty() ? "" : " ") + request.method;
  }
  return text;
}

PutOutcome put(Target& target, const std::string& bytes,
               const std::vector<std::string>& mount_from = {}) {
  return target.put_blob("a/b", descriptor_of(bytes), io::MemoryBlob(io::bytes_of(bytes)),
                         mount_from);
}

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
