// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "digest/hasher.h"
#include "oci/media_types.h"

namespace seabag::oci {
namespace {

using io::bytes_of;
using testing::AllOf;
using testing::Property;
using testing::StrEq;
using testing::Throws;

io::Bytes owned(std::string_view text) {
  return {bytes_of(text).begin(), bytes_of(text).end()};
}

Manifest parse(std::string_view media_type, const std::string& text) {
  return parse_manifest(verified(owned(text), std::string(media_type), std::nullopt));
}

// A descriptor of the text `content`.
std::string descriptor(std::string_view media_type, std::string_view content = "x") {
  return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}}})", media_type,
                     digest::digest_of(bytes_of(content)).text(), content.size());
}

const std::string kOciConfig = descriptor(media_type::kImageConfig);
const std::string kOciLayer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip");

std::string image(const std::string& members) {
  return R"({"schemaVersion":2,)" + members + "}";
}

std::string with(const std::string& name, const std::string& value) {
  return "\"" + name + "\":" + value;
}

const std::string kImage =
    image(with("config", kOciConfig) + "," + with("layers", "[" + kOciLayer + "]"));

TEST(Verified, ComputesTheDigestOfWhatCameByTag) {
  const RawManifest raw = verified(owned("abc"), "a/b", std::nullopt);
  EXPECT_EQ(raw.digest(), digest::digest_of(bytes_of("abc")));
  EXPECT_EQ(io::text_of(raw.bytes()), "abc");
  EXPECT_EQ(raw.descriptor(), Descriptor({.media_type = "a/b", .digest = raw.digest(), .size = 3}));
}

TEST(Verified, KeepsTheDigestThatWasAskedFor) {
  const auto expected = digest::digest_of(bytes_of("abc"), digest::Algorithm::kSha512);
  EXPECT_EQ(verified(owned("abc"), "a/b", expected).digest(), expected);
}

TEST(Verified, RefusesOtherBytes) {
  const auto expected = digest::digest_of(bytes_of("abc"));
  EXPECT_THAT([&] { verified(owned("def"), "a/b", expected); },
              Throws<Error>(AllOf(
                  Property(&Error::code, Code::kIntegrity),
                  Property(&Error::what, StrEq("expected digest " + expected.text() + ", got " +
                                               digest::digest_of(bytes_of("def")).text())))));
}

TEST(Verified, RefusesMoreThanTheLimit) {
  EXPECT_NO_THROW(verified(io::Bytes(limits::kManifestBytes), "a/b", std::nullopt));
  EXPECT_THAT([] { verified(io::Bytes(limits::kManifestBytes + 1), "a/b", std::nullopt); },
              Throws<Error>(AllOf(
                  Property(&Error::code, Code::kMalformed),
                  Property(&Error::what,
                           StrEq("manifest of 4194305 bytes, more than the limit of 4194304")))));
}

TEST(ParseManifest, ReadsAnImage) {
  const Manifest manifest =
      parse(media_type::kImageManifest,
            image(with("mediaType", "\"" + std::string(media_type::kImageManifest) + "\"") + "," +
                  with("config", kOciConfig) + "," +
                  with("layers",
                       "[" + kOciLayer + "," +
                           descriptor("application/vnd.oci.image.layer.v1.tar+zstd", "yy") + "]") +
                  "," + with("annotations", R"({"a":"b"})") + R"(,"unknown":[1.5,{"x":null}])"));
  EXPECT_EQ(manifest.kind, ManifestKind::kImage);
  EXPECT_EQ(manifest.artifact_type, "");
  ASSERT_TRUE(manifest.config);
  EXPECT_EQ(manifest.config->media_type, media_type::kImageConfig);
  ASSERT_EQ(manifest.layers.size(), 2U);
  EXPECT_EQ(manifest.layers[1].size, 2U);
  EXPECT_TRUE(manifest.manifests.empty());
  EXPECT_FALSE(manifest.subject);
  EXPECT_EQ(manifest.annotations, (Annotations{{"a", "b"}}));
}

TEST(ParseManifest, ReadsDockerSchema2WithAForeignLayer) {
  const Manifest manifest =
      parse(media_type::kDockerManifest,
            image(with("config", descriptor(media_type::kDockerConfig)) + "," +
                  with("layers",
                       fmt::format(R"([{{"mediaType":"{}","digest":"{}","size":9,"urls":["{}"]}}])",
                                   "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                                   digest::digest_of({}).text(), "http://169.254.169.254/"))));
  EXPECT_EQ(manifest.kind, ManifestKind::kImage);
  ASSERT_EQ(manifest.layers.size(), 1U);
  EXPECT_EQ(manifest.layers[0].urls, std::vector<std::string>{"http://169.254.169.254/"});
}

TEST(ParseManifest, ReadsAnIndexWithPlatformsAndAnIndexInside) {
  const std::string child = descriptor(media_type::kImageManifest);
  const Manifest manifest =
      parse(media_type::kImageIndex,
            image(with("manifests", "[" + child.substr(0, child.size() - 1) +
                                        R"(,"platform":{"os":"linux","architecture":"arm64"}},)" +
                                        descriptor(media_type::kImageIndex, "yy") + "]") +
                  R"(,"artifactType":"a/b",)" +
                  with("subject", descriptor(media_type::kImageManifest, "zzz"))));
  EXPECT_EQ(manifest.kind, ManifestKind::kIndex);
  EXPECT_EQ(manifest.artifact_type, "a/b");
  ASSERT_EQ(manifest.manifests.size(), 2U);
  EXPECT_EQ(manifest.manifests[0].platform->text(), "linux/arm64");
  EXPECT_EQ(manifest.manifests[1].media_type, media_type::kImageIndex);
  EXPECT_FALSE(manifest.config);
  ASSERT_TRUE(manifest.subject);
  EXPECT_EQ(manifest.subject->size, 3U);
}

TEST(ParseManifest, ReadsADockerList) {
  const Manifest manifest =
      parse(media_type::kDockerList,
            image(with("manifests", "[" + descriptor(media_type::kDockerManifest) + "]")));
  EXPECT_EQ(manifest.kind, ManifestKind::kIndex);
  EXPECT_EQ(manifest.manifests.size(), 1U);
}

TEST(ParseManifest, ReadsAnArtifactManifestOfTheReleaseCandidates) {
  const Manifest manifest =
      parse(media_type::kArtifactManifest,
            fmt::format(R"({{"mediaType":"{}","artifactType":"a/b","blobs":[{}],"subject":{}}})",
                        media_type::kArtifactManifest, descriptor("text/plain", "abc"),
                        descriptor(media_type::kImageManifest)));
  EXPECT_EQ(manifest.kind, ManifestKind::kArtifact);
  EXPECT_EQ(manifest.artifact_type, "a/b");
  ASSERT_EQ(manifest.layers.size(), 1U);
  EXPECT_EQ(manifest.layers[0].size, 3U);
  EXPECT_FALSE(manifest.config);
  EXPECT_TRUE(manifest.subject);
}

struct KindCase {
  std::string name;
  std::string members;
  ManifestKind kind;
  std::string artifact_type;
};

class KindOfManifest : public testing::TestWithParam<KindCase> {};

TEST_P(KindOfManifest, FollowsFromTypes) {
  const Manifest manifest = parse(media_type::kImageManifest, image(GetParam().members));
  EXPECT_EQ(manifest.kind, GetParam().kind);
  EXPECT_EQ(manifest.artifact_type, GetParam().artifact_type);
}

std::string config_and_layer(std::string_view config, std::string_view layer) {
  return with("config", descriptor(config)) + "," + with("layers", "[" + descriptor(layer) + "]");
}

const KindCase kKinds[] = {
    {"ImageWithoutLayers", with("config", kOciConfig) + R"(,"layers":[])", ManifestKind::kImage,
     ""},
    {"LayersNullAsGoProgramsWriteNone", with("config", kOciConfig) + R"(,"layers":null)",
     ManifestKind::kImage, ""},
    {"EncryptedLayers",
     config_and_layer(media_type::kImageConfig,
                      "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"),
     ManifestKind::kImage, ""},
    {"Chart",
     config_and_layer("application/vnd.cncf.helm.config.v1+json",
                      "application/vnd.cncf.helm.chart.content.v1.tar+gzip"),
     ManifestKind::kArtifact, "application/vnd.cncf.helm.config.v1+json"},
    {"ArtifactTypeBesideTheEmptyDescriptor",
     config_and_layer(media_type::kEmpty, media_type::kEmpty) +
         R"(,"artifactType":"application/spdx+json")",
     ManifestKind::kArtifact, "application/spdx+json"},
    {"CosignSignatureWithAnImagesConfig",
     config_and_layer(media_type::kImageConfig, "application/vnd.dev.cosign.simplesigning.v1+json"),
     ManifestKind::kArtifact, std::string(media_type::kImageConfig)},
    {"BuildkitAttestation",
     config_and_layer(media_type::kImageConfig, "application/vnd.in-toto+json"),
     ManifestKind::kArtifact, std::string(media_type::kImageConfig)},
    {"DockerPlugin",
     config_and_layer("application/vnd.docker.plugin.v1+json",
                      "application/vnd.docker.image.rootfs.diff.tar.gzip"),
     ManifestKind::kArtifact, "application/vnd.docker.plugin.v1+json"},
};

INSTANTIATE_TEST_SUITE_P(, KindOfManifest, testing::ValuesIn(kKinds),
                         [](const auto& test) { return test.param.name; });

struct BadCase {
  std::string name;
  std::string_view media_type;
  std::string text;
  std::string message;
  Code code = Code::kMalformed;
};

class ParseManifestRefuses : public testing::TestWithParam<BadCase> {};

TEST_P(ParseManifestRefuses, It) {
  const BadCase& row = GetParam();
  const std::string message =
      "manifest " + digest::digest_of(bytes_of(row.text)).text() + ": " + row.message;
  EXPECT_THAT([&] { parse(row.media_type, row.text); },
              Throws<Error>(
                  AllOf(Property(&Error::code, row.code), Property(&Error::what, StrEq(message)))));
}

const std::string kSchema1 = R"({"schemaVersion":1,"name":"a","fsLayers":[]})";
const std::string kIndex = image(R"("manifests":[])");

const BadCase kBad[] = {
    {"Schema1ByItsMediaType", media_type::kDockerSchema1Signed, kSchema1,
     "Docker image manifest schema 1, expected schema 2 or OCI", Code::kUnsupported},
    {"Schema1ByItsVersion", media_type::kDockerManifest, kSchema1,
     "Docker image manifest schema 1, expected schema 2 or OCI", Code::kUnsupported},
    {"NoManifest", "application/json", kImage,
     "media type \"application/json\" is none of a manifest", Code::kUnsupported},
    {"HostileMediaType", "a\x1b", kImage, R"(media type "a\x1b" is none of a manifest)",
     Code::kUnsupported},
    {"WebPage", media_type::kImageManifest, "<html>", "text: not JSON at byte 1"},
    {"Empty", media_type::kImageManifest, "", "text: not JSON at byte 1"},
    {"TrailingBytes", media_type::kImageManifest, kImage + "x",
     fmt::format("text: not JSON at byte {}", kImage.size() + 1)},
    {"Array", media_type::kImageManifest, "[]",
     R"(expected a JSON object with "schemaVersion", got array)"},
    {"NoVersion", media_type::kImageManifest, "{}", "\"schemaVersion\": expected 2, got none"},
    {"Version3", media_type::kImageManifest, R"({"schemaVersion":3})",
     "\"schemaVersion\": expected 2, got 3"},
    {"VersionInQuotes", media_type::kImageManifest, R"({"schemaVersion":"2"})",
     "\"schemaVersion\": expected a whole number from 0, got string"},
    {"ArtifactManifestOfVersion3", media_type::kArtifactManifest, R"({"schemaVersion":3})",
     "\"schemaVersion\": expected 2, got 3"},
    {"OtherMediaTypeInside", media_type::kImageManifest,
     image(R"("mediaType":"application/vnd.oci.image.index.v1+json","manifests":[])"),
     R"("mediaType": expected "application/vnd.oci.image.manifest.v1+json", )"
     R"(got "application/vnd.oci.image.index.v1+json")"},
    {"LayersAndManifests", media_type::kImageManifest,
     image(with("config", kOciConfig) + R"(,"layers":[],"manifests":[])"),
     R"(expected the members of "application/vnd.oci.image.manifest.v1+json" alone, )"
     "got those of an image and an index"},
    {"LayersInAnIndex", media_type::kImageIndex, image(R"("layers":[],"manifests":[])"),
     R"(expected the members of "application/vnd.oci.image.index.v1+json" alone, )"
     "got those of an image and an index"},
    {"ConfigInAnIndex", media_type::kDockerList,
     image(with("config", kOciConfig) + R"(,"manifests":[])"),
     R"(expected the members of "application/vnd.docker.distribution.manifest.list.v2+json" alone, )"
     "got those of an image and an index"},
    {"IndexForAnImage", media_type::kImageManifest, kIndex,
     R"(expected the members of "application/vnd.oci.image.manifest.v1+json" alone, )"
     "got those of an index"},
    {"ImageForAnIndex", media_type::kImageIndex, kImage,
     R"(expected the members of "application/vnd.oci.image.index.v1+json" alone, )"
     "got those of an image"},
    {"ManifestsInTwoCases", media_type::kImageIndex, image(R"("manifests":[],"Manifests":[])"),
     R"(text: the name "Manifests" stands twice in one object)"},
    {"NoConfig", media_type::kImageManifest, image(R"("layers":[])"), "\"config\" is missing"},
    {"NoManifests", media_type::kImageIndex, image(R"("manifests":null)"),
     "\"manifests\" is missing"},
    {"LayersOfAnotherKind", media_type::kImageManifest,
     image(with("config", kOciConfig) + R"(,"layers":{})"),
     "\"layers\": expected an array, got object"},
    {"BadConfig", media_type::kImageManifest, image(R"("config":{"mediaType":"a/b"})"),
     "config: \"digest\" is missing"},
    {"BadLayer", media_type::kImageManifest,
     image(with("config", kOciConfig) + "," + with("layers", "[" + kOciLayer + ",7]")),
     R"(layers[1]: expected a JSON object with "mediaType", got number)"},
    {"BadSubject", media_type::kImageManifest,
     image(with("config", kOciConfig) + R"(,"layers":[],"subject":"x")"),
     "subject: \"subject\": expected an object, got string"},
    {"BadAnnotation", media_type::kImageIndex, image(R"("manifests":[],"annotations":{"a":1})"),
     R"("annotations": "a": expected a string, got number)"},
    {"BadChild", media_type::kImageIndex,
     image(R"("manifests":[{"mediaType":"a/b","digest":"sha256:x","size":1}])"),
     R"(manifests[0]: "sha256:x" is not a digest, expected sha256: and 64 or sha512: and 128 )"
     "lower-case hexadecimal digits"},
    {"LayerOfAnotherAlgorithm", media_type::kArtifactManifest,
     R"({"blobs":[{"mediaType":"a/b","digest":"md5:00","size":1}]})",
     R"(blobs[0]: digest "md5:00" uses an algorithm other than sha256 and sha512)",
     Code::kUnsupported},
};

INSTANTIATE_TEST_SUITE_P(, ParseManifestRefuses, testing::ValuesIn(kBad),
                         [](const auto& test) { return test.param.name; });

TEST(ParseManifest, NamesTheRemedyForSchema1) {
  EXPECT_THAT(
      [] { parse(media_type::kDockerSchema1, kSchema1); },
      Throws<Error>(Property(&Error::next_step,
                             StrEq("re-push it with a current docker or `skopeo copy --format "
                                   "oci`, then export again"))));
}

TEST(ParseManifest, RefusesAnIndexOfTooManyChildren) {
  const std::string child = descriptor(media_type::kImageManifest);
  std::string children = child;
  for (std::size_t i = 1; i < limits::kIndexChildren; ++i) children += "," + child;
  EXPECT_EQ(parse(media_type::kImageIndex, image(with("manifests", "[" + children + "]")))
                .manifests.size(),
            limits::kIndexChildren);
  EXPECT_THAT(
      [&] { parse(media_type::kImageIndex, image(with("manifests", "[0," + children + "]"))); },
      testing::ThrowsMessage<Error>(
          testing::EndsWith(": \"manifests\": 10001 entries, more than the limit of 10000")));
}

struct TypeCase {
  std::string name;
  std::string text;
  std::string_view media_type;
};

class MediaTypeOf : public testing::TestWithParam<TypeCase> {};

TEST_P(MediaTypeOf, IsDeclaredOrDeduced) {
  EXPECT_EQ(media_type_of(bytes_of(GetParam().text)), GetParam().media_type);
}

const TypeCase kTypes[] = {
    {"Declared", R"({"schemaVersion":2,"mediaType":"a/b","manifests":[]})", "a/b"},
    {"Index", kIndex, media_type::kImageIndex},
    {"Image", kImage, media_type::kImageManifest},
    {"EmptyIsNone", image(R"("mediaType":"","manifests":[])"), media_type::kImageIndex},
    {"NullIsNone", image(with("config", kOciConfig) + R"(,"manifests":null)"),
     media_type::kImageManifest},
    {"Schema1", kSchema1, media_type::kDockerSchema1},
};

INSTANTIATE_TEST_SUITE_P(, MediaTypeOf, testing::ValuesIn(kTypes),
                         [](const auto& test) { return test.param.name; });

TEST(MediaTypeOfDocument, RefusesWhatSaysNothing) {
  EXPECT_THAT([] { media_type_of(bytes_of(R"({"errors":[]})")); },
              testing::ThrowsMessage<Error>(StrEq(
                  R"(manifest: expected one of "mediaType", "manifests" and "config", got none)")));
  EXPECT_THAT([] { media_type_of(bytes_of("<html>")); },
              testing::ThrowsMessage<Error>(StrEq("manifest: text: not JSON at byte 1")));
  EXPECT_THAT([] { media_type_of(bytes_of(R"({"mediaType":["a"]})")); },
              testing::ThrowsMessage<Error>(
                  StrEq("manifest: \"mediaType\": expected a string, got array")));
}

struct CreatedCase {
  std::string name;
  std::string config;
  std::optional<std::string> created;
};

class CreatedOfConfig : public testing::TestWithParam<CreatedCase> {};

TEST_P(CreatedOfConfig, IsATimeOrNothing) {
  EXPECT_EQ(created_of_config(bytes_of(GetParam().config)), GetParam().created);
}

const CreatedCase kCreated[] = {
    {"Fraction", R"({"created":"2023-05-18T22:34:17.123456789Z"})", "2023-05-18T22:34:17Z"},
    {"Offset", R"({"created":"2023-05-18T22:34:17+02:00"})", "2023-05-18T20:34:17Z"},
    {"None", R"({"os":"linux"})", std::nullopt},
    {"Null", R"({"created":null})", std::nullopt},
    {"NoTime", R"({"created":"yesterday\u001b"})", std::nullopt},
    {"AnotherKind", R"({"created":1684449257})", std::nullopt},
    {"NoObject", "[]", std::nullopt},
    {"NoJson", "PK\x03\x04", std::nullopt},
    {"Empty", "", std::nullopt},
};

INSTANTIATE_TEST_SUITE_P(, CreatedOfConfig, testing::ValuesIn(kCreated),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace seabag::oci
