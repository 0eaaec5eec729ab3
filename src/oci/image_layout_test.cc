// SPDX-License-Identifier: Apache-2.0
#include "oci/image_layout.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "io/bytes.h"
#include "oci/media_types.h"

namespace seabag::oci {
namespace {

using io::bytes_of;
using testing::AllOf;
using testing::Property;
using testing::StrEq;
using testing::Throws;

const digest::Digest kAbc = digest::digest_of(bytes_of("abc"));
const digest::Digest kDef = digest::digest_of(bytes_of("def"));

auto refused(const std::string& text, Code code = Code::kMalformed) {
  return Throws<Error>(AllOf(Property(&Error::code, code), Property(&Error::what, StrEq(text))));
}

// An entry of index.json for `digest`, under `name` by the annotation `key`.
std::string entry(const digest::Digest& digest, std::string_view key, std::string_view name) {
  return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":3,"annotations":{{"{}":"{}"}}}})",
                     media_type::kImageManifest, digest.text(), key, name);
}

std::string index(const std::string& entries) {
  return R"({"schemaVersion":2,"manifests":[)" + entries + "]}";
}

TEST(BlobPath, HasAlgorithmAndDigits) {
  EXPECT_EQ(blob_path(kAbc),
            "blobs/sha256/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_TRUE(blob_path(digest::digest_of({}, digest::Algorithm::kSha512))
                  .starts_with("blobs/sha512/cf83e135"));
}

TEST(RequireLayoutVersion, TakesWhatWeWrite) {
  EXPECT_NO_THROW(require_layout_version(kLayoutText));
  EXPECT_NO_THROW(require_layout_version("{\"imageLayoutVersion\": \"1.0.0\", \"x\": 1}\n"));
}

TEST(RequireLayoutVersion, RefusesAnythingElse) {
  EXPECT_THAT([] { require_layout_version(R"({"imageLayoutVersion":"2.0.0"})"); },
              refused("oci-layout: image layout version: expected 1.0.0, got \"2.0.0\"",
                      Code::kUnsupported));
  EXPECT_THAT([] { require_layout_version("{}"); },
              refused("oci-layout: \"imageLayoutVersion\" is missing"));
  EXPECT_THAT([] { require_layout_version(R"({"imageLayoutVersion":1})"); },
              refused("oci-layout: \"imageLayoutVersion\": expected a string, got number"));
  EXPECT_THAT([] { require_layout_version(""); }, refused("oci-layout: not JSON at byte 1"));
}

TEST(WriteLayoutIndex, WritesNamesPlatformsAndTypes) {
  const std::vector<NamedManifest> entries = {
      {"localhost:5000/a:1",
       {.media_type = std::string(media_type::kImageManifest), .digest = kAbc, .size = 3}},
      {"",
       {.media_type = std::string(media_type::kDockerManifest),
        .digest = kDef,
        .size = 4,
        .artifact_type = "a/b",
        .platform = Platform{.os = "linux", .architecture = "arm", .variant = "v7"}}},
  };
  EXPECT_EQ(
      write_layout_index(entries),
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)"
      R"({"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
      R"("digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",)"
      R"("size":3,"annotations":{"io.containerd.image.name":"localhost:5000/a:1",)"
      R"("org.opencontainers.image.ref.name":"localhost:5000/a:1"}},)"
      R"({"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
      R"("digest":"sha256:cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34",)"
      R"("size":4,"artifactType":"a/b",)"
      R"("platform":{"architecture":"arm","os":"linux","variant":"v7"}}]})");
}

TEST(WriteLayoutIndex, WritesAnEmptyOne) {
  EXPECT_EQ(
      write_layout_index({}),
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})");
}

TEST(WriteLayoutIndex, KeepsTheAnnotationsOfEntriesThatItRead) {
  const std::string text = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{{"mediaType":"{}","digest":"{}",)"
      R"("size":3,"annotations":{{"a":"\u001b","io.containerd.image.name":"quay.io/a:1",)"
      R"("org.opencontainers.image.ref.name":"1"}}}}]}})",
      media_type::kImageIndex, media_type::kImageManifest, kAbc.text());
  EXPECT_EQ(write_layout_index(parse_layout_index(text)), text);
}

TEST(ParseLayoutIndex, PrefersTheContainerdName) {
  const std::string both = fmt::format(R"(1","{}":"quay.io/a:1)", kContainerdNameAnnotation);
  const auto entries = parse_layout_index(index(entry(kAbc, kRefNameAnnotation, both) + "," +
                                                entry(kDef, kRefNameAnnotation, "latest") + "," +
                                                entry(kAbc, "other", "x")) +
                                          "  \n");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].name, "quay.io/a:1");
  EXPECT_EQ(entries[0].manifest.digest, kAbc);
  EXPECT_EQ(entries[1].name, "latest");
  EXPECT_EQ(entries[2].name, "");
}

TEST(ParseLayoutIndex, LeavesTheGrammarOfNamesToTheirUse) {
  const std::string name = "../x y:@" + std::string(300, 'a');
  const auto entries = parse_layout_index(index(entry(kAbc, kRefNameAnnotation, name)));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].name, name);
}

TEST(ParseLayoutIndex, TakesTheSameEntryTwice) {
  const std::string twice = entry(kAbc, kRefNameAnnotation, "a:1");
  EXPECT_EQ(parse_layout_index(index(twice + "," + twice)).size(), 2U);
}

struct BadCase {
  std::string name;
  std::string text;
  std::string message;
};

class ParseLayoutIndexRefuses : public testing::TestWithParam<BadCase> {};

TEST_P(ParseLayoutIndexRefuses, It) {
  EXPECT_THAT([] { parse_layout_index(GetParam().text); },
              refused("index.json: " + GetParam().message));
}

const BadCase kBad[] = {
    {"Empty", "", "not JSON at byte 1"},
    {"Array", "[]", R"(expected a JSON object with "schemaVersion", got array)"},
    {"NoVersion", "{}", "\"schemaVersion\" is missing"},
    {"Version1", R"({"schemaVersion":1})", "\"schemaVersion\": expected 2, got 1"},
    {"NoManifests", R"({"schemaVersion":2})", "\"manifests\" is missing"},
    {"DockerList",
     fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[]}})",
                 media_type::kDockerList),
     R"("mediaType": expected "application/vnd.oci.image.index.v1+json", )"
     R"(got "application/vnd.docker.distribution.manifest.list.v2+json")"},
    {"BadEntry", index(entry(kAbc, "a", "b") + ",{}"), "manifests[1]: \"mediaType\" is missing"},
    {"OneNameTwice",
     index(entry(kAbc, kRefNameAnnotation, "a:\\n1") + "," +
           entry(kDef, kContainerdNameAnnotation, "a:\\n1")),
     R"(manifests[1]: two manifests have the name "a:\x0a1": )" + kAbc.text() + " and " +
         kDef.text()},
};

INSTANTIATE_TEST_SUITE_P(, ParseLayoutIndexRefuses, testing::ValuesIn(kBad),
                         [](const auto& test) { return test.param.name; });

TEST(WriteDockerManifest, NamesBlobsByTheirPathsInTheLayout) {
  EXPECT_EQ(
      write_docker_manifest({{kAbc, {"localhost:5000/a:1", "a:2"}, {kDef, kAbc}}, {kDef, {}, {}}}),
      R"([{"Config":"blobs/sha256/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",)"
      R"("RepoTags":["localhost:5000/a:1","a:2"],)"
      R"("Layers":["blobs/sha256/cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34",)"
      R"("blobs/sha256/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]},)"
      R"({"Config":"blobs/sha256/cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34",)"
      R"("RepoTags":[],"Layers":[]}])");
  EXPECT_EQ(write_docker_manifest({}), "[]");
}

TEST(ParseDockerManifest, ReadsWhatDockerSaveWrites) {
  const auto images = parse_docker_manifest(
      R"([{"Config":"abc.json","RepoTags":["a:1","b:2"],"Layers":["x/layer.tar","y/layer.tar"],)"
      R"("Parent":"sha256:x"},{"Config":"def.json","RepoTags":null,"Layers":null}])");
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(images[0].config_path, "abc.json");
  EXPECT_EQ(images[0].repo_tags, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(images[0].layer_paths, (std::vector<std::string>{"x/layer.tar", "y/layer.tar"}));
  EXPECT_EQ(images[1].config_path, "def.json");
  EXPECT_TRUE(images[1].repo_tags.empty());
  EXPECT_TRUE(images[1].layer_paths.empty());
}

class ParseDockerManifestRefuses : public testing::TestWithParam<BadCase> {};

TEST_P(ParseDockerManifestRefuses, It) {
  EXPECT_THAT([] { parse_docker_manifest(GetParam().text); },
              refused("manifest.json: " + GetParam().message));
}

const BadCase kBadDocker[] = {
    {"Object", "{}", "expected an array, got object"},
    {"Empty", "", "not JSON at byte 1"},
    {"NoObject", "[1]", R"([0]: expected a JSON object with "Config", got number)"},
    {"NoConfig", R"([{"Config":"a"},{"Layers":[]}])", "[1]: \"Config\" is missing"},
    {"ConfigInTwoCases", R"([{"Config":"a","config":"b"}])",
     R"(the name "config" stands twice in one object)"},
    {"TagsInTwoCases", R"([{"RepoTags":[],"repoTags":[]}])",
     R"(the name "repoTags" stands twice in one object)"},
    {"LayersOfAnotherKind", R"([{"Config":"a","Layers":"x"}])",
     "[0]: \"Layers\": expected an array, got string"},
    {"TagOfAnotherKind", R"([{"Config":"a","RepoTags":[1]}])",
     "[0]: \"RepoTags\": expected strings, got number"},
};

INSTANTIATE_TEST_SUITE_P(, ParseDockerManifestRefuses, testing::ValuesIn(kBadDocker),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace seabag::oci
