// SPDX-License-Identifier: Apache-2.0
#include "bundle/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "digest/hasher.h"

namespace seabag::bundle {
namespace {

using index::BlobId;
using index::Content;
using index::EdgeRole;
using oci::ManifestKind;
using ::testing::HasSubstr;

/// What a stranger's index may say: manifests and edges that no exporter makes.
class Hostile {
 public:
  BlobId add(ManifestKind kind) {
    const auto id = static_cast<BlobId>(content_.blobs.size());
    content_.blobs.push_back({digest::digest_of(io::bytes_of(std::to_string(id))), 1});
    index::ManifestInfo manifest;
    manifest.blob = id;
    manifest.kind = kind;
    content_.manifests.push_back(manifest);
    return id;
  }
  /// Edges are added in the order of their parents.
  void lead(BlobId parent, BlobId child, std::uint32_t position = 0,
            EdgeRole role = EdgeRole::kChild) {
    content_.edges.push_back({parent, child, position, 0, 0, role});
  }
  std::string docker_view_of(BlobId root) {
    content_.repositories = {{"", "library/busybox"}};
    index::ReferenceInfo reference;
    reference.tag = "1.35";
    reference.manifest = root;
    content_.references = {reference};
    return docker_manifest(content_, index::Graph(content_), {0});
  }

 private:
  Content content_;
};

TEST(DockerManifest, LeavesImagesWithoutAConfigOut) {
  Hostile content;
  EXPECT_EQ(content.docker_view_of(content.add(ManifestKind::kImage)), "[]");
}

TEST(DockerManifest, GoesIntoNoRing) {
  Hostile content;
  const BlobId one = content.add(ManifestKind::kIndex);
  const BlobId other = content.add(ManifestKind::kIndex);
  content.lead(one, one, 0);
  content.lead(one, other, 1);
  content.lead(other, one);
  EXPECT_EQ(content.docker_view_of(one), "[]");
}

TEST(DockerManifest, LooksIntoNoIndexTwice) {
  Hostile content;
  std::vector<BlobId> levels;
  for (int i = 0; i < 7; ++i) levels.push_back(content.add(ManifestKind::kIndex));
  const BlobId image = content.add(ManifestKind::kImage);
  const BlobId config = content.add(ManifestKind::kArtifact);
  // A thousand paths at each level: 10^21 in all.
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    for (std::uint32_t path = 0; path < 1000; ++path) {
      content.lead(levels[i], levels[i + 1], path);
    }
  }
  content.lead(levels.back(), image);
  content.lead(image, config, 0, EdgeRole::kConfig);
  EXPECT_THAT(content.docker_view_of(levels.front()), HasSubstr("library/busybox:1.35"));
}

TEST(DockerManifest, GoesNoDeeperThanImagesAreNested) {
  Hostile content;
  std::vector<BlobId> chain;
  for (int i = 0; i < 200'000; ++i) chain.push_back(content.add(ManifestKind::kIndex));
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) content.lead(chain[i], chain[i + 1]);
  EXPECT_EQ(content.docker_view_of(chain.front()), "[]");
}

}  // namespace
}  // namespace seabag::bundle
