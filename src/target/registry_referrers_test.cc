// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci/referrers.h"
#include "target/registry_target.h"
#include "target/registry_test_internal.h"

namespace seabag::target {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Match;
using testing::RegistryRules;
using testing::Reply;
using testing::ScriptedRegistry;
using ::testing::SizeIs;

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

TEST(RegistryReferrers, LeavesReferrersToTheApi) {
  ScriptedRegistry server;
  const Referrer sbom = referrer(server, "sbom");
  RegistryTarget target = open(server);
  target.put_manifest("a/b", sbom.raw, sbom.subject, "");
  EXPECT_FALSE(target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}));
  EXPECT_THAT(server.tags("a/b"), IsEmpty());
  EXPECT_EQ(server.count({.method = "GET"}), 0U) << "OCI-Subject said it";
}

TEST(RegistryReferrers, AsksForTheApiWhenNoManifestShowedIt) {
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
TEST(RegistryReferrers, KnowsByRepositoryWhetherThereIsTheApi) {
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

TEST(RegistryReferrers, TakesAPageOfSomethingElseForNoApi) {
  ScriptedRegistry server;
  const Referrer sbom = referrer(server, "sbom");
  server.add_manifest("a/b", "", sbom.raw.media_type(), sbom.text);
  server.script(Match{.target = ".*/referrers/.*", .count = 0},
                Reply{.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<html>"});
  RegistryTarget target = open(server);
  EXPECT_TRUE(target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}));
}

TEST(RegistryReferrers, MergesIntoTheFallbackTag) {
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

TEST(RegistryReferrers, PutsBackEntriesThatAnotherWriterLost) {
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

TEST(RegistryReferrers, GivesUpOnATagThatKeepsLosingEntries) {
  ScriptedRegistry server(RegistryRules{.referrers_api = false});
  const Referrer sbom = referrer(server, "sbom");
  server.add_manifest("a/b", "", std::string(oci::media_type::kImageManifest), sbom.text);
  server.script(Match{.method = "GET", .target = ".*/manifests/sha256-.*", .count = 0},
                Reply{.status = 404, .body = ""});
  RegistryTarget target = open(server);
  expect_error(Code::kUnavailable, "lost entries 3 times",
               [&] { target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}); });
}

TEST(RegistryReferrers, DoesNotOverwriteATagThatIsNoIndex) {
  ScriptedRegistry server(RegistryRules{.referrers_api = false});
  const Referrer sbom = referrer(server, "sbom");
  const std::string tag = oci::referrers_tag(sbom.subject.digest);
  server.add_manifest("a/b", tag, std::string(oci::media_type::kImageManifest), image_text("mine"));
  RegistryTarget target = open(server);
  EXPECT_THROW(target.link_referrers("a/b", sbom.subject.digest, {sbom.listed}), Error);
  EXPECT_EQ(server.find_manifest("a/b", tag)->bytes, image_text("mine"));
}

}  // namespace
}  // namespace seabag::target
