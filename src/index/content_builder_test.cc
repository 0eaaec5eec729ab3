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
