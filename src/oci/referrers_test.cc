// SPDX-License-Identifier: Apache-2.0
#include "oci/referrers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "digest/hasher.h"
#include "oci/media_types.h"
#include "oci/reference.h"

namespace seabag::oci {
namespace {

using io::bytes_of;
using testing::AllOf;
using testing::Property;
using testing::StrEq;
using testing::Throws;

const digest::Digest kAbc = digest::digest_of(bytes_of("abc"));
const digest::Digest kDef = digest::digest_of(bytes_of("def"));
const std::string kHex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

Descriptor referrer(const digest::Digest& digest) {
  return {.media_type = std::string(media_type::kImageManifest),
          .digest = digest,
          .size = 3,
          .artifact_type = "a/b"};
}

TEST(ReferrersTag, IsTheDigestWithADash) {
  EXPECT_EQ(referrers_tag(kAbc), "sha256-" + kHex);
}

TEST(ReferrersTag, IsCutSoThatItStaysATag) {
  const std::string tag =
      referrers_tag(digest::digest_of(bytes_of("abc"), digest::Algorithm::kSha512));
  EXPECT_EQ(tag, "sha512-ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a");
  EXPECT_TRUE(is_tag(tag));
}

TEST(CosignTags, AreTheFallbackTagWithSuffixes) {
  EXPECT_THAT(cosign_tags(kAbc),
              testing::ElementsAre("sha256-" + kHex + ".sig", "sha256-" + kHex + ".att",
                                   "sha256-" + kHex + ".sbom"));
  for (const std::string& tag : cosign_tags(digest::digest_of({}, digest::Algorithm::kSha512))) {
    EXPECT_TRUE(is_tag(tag)) << tag;
  }
}

TEST(SubjectOfTag, IsTheDigestThatTheTagWasMadeOf) {
  EXPECT_EQ(subject_of_tag(referrers_tag(kAbc)), kAbc);
  for (const std::string& tag : cosign_tags(kDef)) EXPECT_EQ(subject_of_tag(tag), kDef) << tag;
}

TEST(SubjectOfTag, IsNothingForOtherTags) {
  for (const std::string& tag :
       {std::string(), std::string("1.35"), std::string("sha256-"), "sha256:" + kHex, kHex,
        "sha256-" + kHex.substr(1), "sha256-" + kHex + "0", "sha256-" + kHex + ".sig.sig",
        "sha256-" + kHex + ".txt", "sha512-" + kHex, "SHA256-" + kHex, "sha256-" + kHex + "."}) {
    EXPECT_EQ(subject_of_tag(tag), std::nullopt) << tag;
  }
}

struct DescriptorCase {
  std::string name;
  std::string_view media_type;
  std::string text;
  std::string artifact_type;
};

class ReferrerDescriptor : public testing::TestWithParam<DescriptorCase> {};

TEST_P(ReferrerDescriptor, LiftsTypeAndAnnotations) {
  const io::Bytes bytes(bytes_of(GetParam().text).begin(), bytes_of(GetParam().text).end());
  const RawManifest raw = verified(bytes, std::string(GetParam().media_type), std::nullopt);
  Descriptor expected = raw.descriptor();
  expected.artifact_type = GetParam().artifact_type;
  expected.annotations = {{"k", "v"}};
  EXPECT_EQ(referrer_descriptor(raw, parse_manifest(raw)), expected);
}

std::string with_config(std::string_view config_type, std::string_view members) {
  return fmt::format(
      R"({{"schemaVersion":2,"config":{{"mediaType":"{}","digest":"{}","size":3}},"layers":[],)"
      R"("annotations":{{"k":"v"}}{}}})",
      config_type, kAbc.text(), members);
}

const DescriptorCase kDescriptors[] = {
    {"ArtifactType", media_type::kImageManifest,
     with_config(media_type::kEmpty, R"(,"artifactType":"a/b")"), "a/b"},
    {"ConfigsTypeElse", media_type::kImageManifest, with_config("c/d", ""), "c/d"},
    {"ImagesConfigToo", media_type::kImageManifest, with_config(media_type::kImageConfig, ""),
     std::string(media_type::kImageConfig)},
    {"IndexWithoutType", media_type::kImageIndex,
     R"({"schemaVersion":2,"manifests":[],"annotations":{"k":"v"}})", ""},
    {"IndexWithType", media_type::kImageIndex,
     R"({"schemaVersion":2,"manifests":[],"annotations":{"k":"v"},"artifactType":"a/b"})", "a/b"},
};

INSTANTIATE_TEST_SUITE_P(, ReferrerDescriptor, testing::ValuesIn(kDescriptors),
                         [](const auto& test) { return test.param.name; });

const std::string kEntryAbc = to_json_text(referrer(kAbc));
const std::string kEntryDef = to_json_text(referrer(kDef));

std::string index(const std::string& entries) {
  return fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})",
                     media_type::kImageIndex, entries);
}

TEST(MergeReferrers, MakesANewIndex) {
  EXPECT_EQ(merge_referrers("", {referrer(kAbc), referrer(kDef)}),
            index(kEntryAbc + "," + kEntryDef));
}

TEST(MergeReferrers, AppendsWhatIsNotThere) {
  EXPECT_EQ(merge_referrers(index(kEntryAbc), {referrer(kDef), referrer(kAbc)}),
            index(kEntryAbc + "," + kEntryDef));
}

TEST(MergeReferrers, ChangesNothingIfAllAreThere) {
  EXPECT_EQ(merge_referrers(index(kEntryAbc + "," + kEntryDef), {referrer(kDef), referrer(kAbc)}),
            std::nullopt);
  EXPECT_EQ(merge_referrers("", {}), std::nullopt);
}

TEST(MergeReferrers, AddsEachOnce) {
  EXPECT_EQ(merge_referrers("", {referrer(kAbc), referrer(kAbc)}), index(kEntryAbc));
}

TEST(MergeReferrers, LeavesTheEntriesOfOthersAsTheyAre) {
  const std::string existing =
      R"({"x":1.5,"manifests":[{"size":7,"digest":"blake3:00","data":"AA==","mediaType":"a/b",)"
      R"("z":{"b":[18446744073709551615],"a":"é"}}],"schemaVersion":2,"annotations":{"b":"","a":""}})";
  std::string expected = existing;
  expected.insert(expected.find("}],") + 1, "," + kEntryAbc);
  EXPECT_EQ(merge_referrers(existing, {referrer(kAbc)}), expected);
}

struct BadCase {
  std::string name;
  std::string existing;
  std::string message;
};

class MergeReferrersRefuses : public testing::TestWithParam<BadCase> {};

TEST_P(MergeReferrersRefuses, It) {
  EXPECT_THAT([] { merge_referrers(GetParam().existing, {referrer(kAbc)}); },
              Throws<Error>(AllOf(
                  Property(&Error::code, Code::kMalformed),
                  Property(&Error::what, StrEq("index of referrers: " + GetParam().message)))));
}

const BadCase kBad[] = {
    {"NoJson", "<html>", "text: not JSON at byte 1"},
    {"Array", "[]", R"(expected a JSON object with "mediaType", got array)"},
    {"NoManifests", "{}", "\"manifests\" is missing"},
    {"ManifestsOfAnotherKind", R"({"manifests":{}})",
     "\"manifests\": expected an array, got object"},
    {"EntryWithoutDigest", R"({"manifests":[{}]})", "manifests[0]: \"digest\" is missing"},
    {"EntryOfAnotherKind", R"({"manifests":[1]})",
     R"(manifests[0]: expected a JSON object with "digest", got number)"},
    {"AnImageUnderThatTag",
     fmt::format(R"({{"mediaType":"{}","manifests":[]}})", media_type::kImageManifest),
     R"("mediaType": expected "application/vnd.oci.image.index.v1+json", )"
     R"(got "application/vnd.oci.image.manifest.v1+json")"},
};

INSTANTIATE_TEST_SUITE_P(, MergeReferrersRefuses, testing::ValuesIn(kBad),
                         [](const auto& test) { return test.param.name; });

TEST(MergeReferrers, RefusesToOutgrowAManifest) {
  Descriptor large = referrer(kAbc);
  large.annotations["a"] = std::string(limits::kManifestBytes, 'x');
  EXPECT_THAT([&] { merge_referrers("", {large}); },
              testing::ThrowsMessage<Error>(testing::MatchesRegex(
                  "index of referrers: would have [0-9]+ bytes, more than the limit of 4194304")));
}

}  // namespace
}  // namespace seabag::oci
