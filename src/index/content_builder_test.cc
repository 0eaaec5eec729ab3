// SPDX-License-Identifier: Apache-2.0
#include "index/content_builder.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "digest/hasher.h"
#include "oci/media_types.h"

namespace seabag::index {
namespace {

constexpr std::string_view kIndexType = oci::media_type::kImageIndex;

// An image index over `child`, or over nothing.
oci::RawManifest index_over(const oci::RawManifest* child) {
  const std::string children = child == nullptr ? "" : oci::to_json_text(child->descriptor());
  const std::string text = fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})",
                                       kIndexType, children);
  const auto bytes = io::bytes_of(text);
  return oci::verified({bytes.begin(), bytes.end()}, std::string(kIndexType), std::nullopt);
}

ContentBuilder builder_with(int indexes) {
  ContentBuilder builder;
  std::optional<oci::RawManifest> last;
  for (int i = 0; i < indexes; ++i) {
    oci::RawManifest next = index_over(last ? &*last : nullptr);
    builder.add_manifest(next, oci::parse_manifest(next));
    last = std::move(next);
  }
  return builder;
}

TEST(ContentBuilder, TakesIndexesAsDeepAsAReaderDoes) {
  EXPECT_EQ(builder_with(limits::kIndexDepth + 1).take().manifests.size(),
            static_cast<std::size_t>(limits::kIndexDepth) + 1);
}

TEST(ContentBuilder, RefusesWhatNoReaderTakes) {
  ContentBuilder builder = builder_with(limits::kIndexDepth + 2);
  EXPECT_THROW(builder.take(), Error);
}

TEST(ContentBuilder, KnowsEachBlobAgainHoweverManyThereAre) {
  constexpr BlobId kBlobs = 5000;
  const auto digest_of = [](BlobId i) {
    return digest::digest_of(io::bytes_of(std::to_string(i)));
  };
  ContentBuilder builder;
  for (BlobId i = 0; i < kBlobs; ++i) ASSERT_EQ(builder.add_blob(digest_of(i), i), i);
  for (BlobId i = 0; i < kBlobs; ++i) ASSERT_EQ(builder.add_blob(digest_of(i), i), i);
  const Content content = builder.take();
  ASSERT_EQ(content.blobs.size(), kBlobs);
  EXPECT_EQ(find_disorder(content), "");
}

// An image of one layer, which it gives that size.
oci::RawManifest image_over(std::string_view layer, std::size_t size) {
  const std::string text = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{}","size":0}},)"
      R"("layers":[{{"mediaType":"{}","digest":"{}","size":{}}}]}})",
      oci::media_type::kImageManifest, "application/vnd.oci.empty.v1+json",
      digest::digest_of({}).text(), "application/vnd.oci.image.layer.v1.tar",
      digest::digest_of(io::bytes_of(layer)).text(), size);
  const auto bytes = io::bytes_of(text);
  return oci::verified({bytes.begin(), bytes.end()}, std::string(oci::media_type::kImageManifest),
                       std::nullopt);
}

TEST(ContentBuilder, KeepsNothingOfAManifestThatLiesAboutASize) {
  ContentBuilder builder;
  const oci::RawManifest honest = image_over("layer", 5);
  const oci::RawManifest lie = image_over("layer", 6);
  EXPECT_TRUE(builder.add_manifest(honest, oci::parse_manifest(honest)));
  EXPECT_THROW(builder.add_manifest(lie, oci::parse_manifest(lie)), Error);
  const Content content = builder.take();
  EXPECT_EQ(content.manifests.size(), 1U);
  EXPECT_EQ(content.blobs.size(), 3U) << "the manifest, its config and its layer";
  EXPECT_EQ(content.edges.size(), 2U);
}

TEST(ContentBuilder, TellsWhatIsKnownWithAnotherSize) {
  ContentBuilder builder;
  const oci::RawManifest honest = image_over("layer", 5);
  const oci::RawManifest lie = image_over("layer", 6);
  builder.add_manifest(lie, oci::parse_manifest(lie));
  const auto found = builder.contradictions(honest, oci::parse_manifest(honest));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].blob.digest, digest::digest_of(io::bytes_of("layer")));
  EXPECT_EQ(found[0].blob.size, 5U);
  EXPECT_EQ(found[0].known, 6U);
}

TEST(ContentBuilder, TakesNoOtherSizeThanIsProven) {
  const oci::RawManifest honest = image_over("layer", 5);
  const oci::RawManifest lie = image_over("layer", 6);
  const auto layer = digest::digest_of(io::bytes_of("layer"));
  ContentBuilder builder({{layer, 5}});
  EXPECT_THROW(builder.add_manifest(lie, oci::parse_manifest(lie)), Error);
  EXPECT_TRUE(builder.contradictions(honest, oci::parse_manifest(honest)).empty());
  EXPECT_TRUE(builder.add_manifest(honest, oci::parse_manifest(honest)));
  EXPECT_TRUE(builder.contradictions(lie, oci::parse_manifest(lie)).empty()) << "it is no doubt";
  EXPECT_EQ(ContentBuilder({{layer, 5}}).take().blobs.size(), 0U)
      << "a blob is there that nothing refers to";
}

// Who may push one referrer must not be able to take the image that it names out of the bundle.
TEST(ContentBuilder, BelievesNoSubjectAboutASize) {
  const oci::RawManifest image = image_over("layer", 5);
  const std::string text = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{0}","config":{{"mediaType":"{0}","digest":"{1}","size":0}},)"
      R"("layers":[],"subject":{{"mediaType":"{0}","digest":"{2}","size":1}}}})",
      oci::media_type::kImageManifest, digest::digest_of({}).text(), image.digest().text());
  const auto bytes = io::bytes_of(text);
  const oci::RawManifest liar = oci::verified(
      {bytes.begin(), bytes.end()}, std::string(oci::media_type::kImageManifest), std::nullopt);
  for (const bool liar_is_first : {true, false}) {
    ContentBuilder builder;
    for (const auto* raw : {liar_is_first ? &liar : &image, liar_is_first ? &image : &liar}) {
      EXPECT_TRUE(builder.add_manifest(*raw, oci::parse_manifest(*raw)));
    }
    const Content content = builder.take();
    const auto found = std::ranges::find(content.blobs, image.digest(), &Blob::digest);
    ASSERT_NE(found, content.blobs.end());
    EXPECT_EQ(found->size, image.bytes().size());
    EXPECT_EQ(found->presence, Presence::kPresent);
  }
}

TEST(ContentBuilder, RefusesASecondSizeOfABlob) {
  ContentBuilder builder;
  const auto digest = digest::digest_of(io::bytes_of("layer"));
  builder.add_blob(digest, 5);
  try {
    builder.add_blob(digest, 6);
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kMalformed);
    EXPECT_EQ(std::string(error.what()),
              fmt::format("blob {} has 5 bytes in one manifest and 6 in another", digest.text()));
  }
}

}  // namespace
}  // namespace seabag::index
