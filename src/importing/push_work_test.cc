// SPDX-License-Identifier: Apache-2.0
#include "importing/push_work.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "digest/hasher.h"

namespace seabag::importing {
namespace {

using index::BlobId;
using ::testing::SizeIs;

class PlanWork : public ::testing::Test {
 protected:
  BlobId add_index() {
    const auto id = static_cast<BlobId>(content_.blobs.size());
    content_.blobs.push_back({digest::digest_of(io::bytes_of(std::to_string(id))), 1});
    index::ManifestInfo manifest;
    manifest.blob = id;
    manifest.kind = oci::ManifestKind::kIndex;
    content_.manifests.push_back(manifest);
    return id;
  }
  /// Edges are added in the order of their parents.
  void lead(BlobId parent, BlobId child, std::uint32_t position = 0) {
    content_.edges.push_back({parent, child, position, 0, 0, index::EdgeRole::kChild});
  }
  PushWork work_from(BlobId root) {
    index::ReferenceInfo reference;
    reference.tag = "1.35";
    reference.manifest = root;
    content_.references = {reference};
    NamedReference name;
    name.target.repository = "library/busybox";
    return plan_work(content_, index::Graph(content_), {&name});
  }

  index::Content content_;
};

TEST_F(PlanWork, PutsManifestsAboveWhatTheyReferTo) {
  const BlobId top = add_index();
  const BlobId middle = add_index();
  const BlobId bottom = add_index();
  lead(top, bottom, 0);
  lead(top, middle, 1);
  lead(middle, bottom);
  const PushWork work = work_from(top);
  ASSERT_THAT(work.manifests, SizeIs(3));
  EXPECT_EQ(work.manifests[0], (std::vector<Piece>{{0, bottom}}));
  EXPECT_EQ(work.manifests[1], (std::vector<Piece>{{0, middle}}));
  EXPECT_EQ(work.manifests[2], (std::vector<Piece>{{0, top}}));
}

TEST_F(PlanWork, KnowsWhatIsPutUnderItsNameAlone) {
  const BlobId top = add_index();
  const BlobId bottom = add_index();
  lead(top, bottom);
  content_.references.resize(2);
  content_.references[0].manifest = top;
  content_.references[1].manifest = bottom;
  NamedReference names[3];
  names[0].target.repository = "a";
  names[1] = {.reference = 1, .target = names[0].target};
  names[2] = {.reference = 1, .target = {"", "b", "", std::nullopt}};
  const PushWork work =
      plan_work(content_, index::Graph(content_), {&names[0], &names[1], &names[2]});
  EXPECT_EQ(work.named_alone, (std::vector<Piece>{{0, top}, {1, bottom}}))
      << "the other one is below the first in its repository";
}

TEST_F(PlanWork, RefusesManifestsInARing) {
  const BlobId one = add_index();
  const BlobId other = add_index();
  lead(one, one, 0);
  lead(one, other, 1);
  lead(other, one);
  EXPECT_THROW(work_from(one), Error);
}

// More pieces than are held before those that are there twice become one.
TEST_F(PlanWork, HasEachBlobOnceHoweverManyNamesShareIt) {
  constexpr std::uint32_t kNames = 5000;
  constexpr BlobId kLayers = 20;
  const BlobId top = add_index();
  for (BlobId i = 0; i < kLayers; ++i) {
    const BlobId layer = static_cast<BlobId>(content_.blobs.size());
    content_.blobs.push_back(
        {digest::digest_of(io::bytes_of("layer " + std::to_string(i))), i, {}});
    content_.edges.push_back({top, layer, i, 0, 0, index::EdgeRole::kLayer});
  }
  std::vector<NamedReference> names(2 * kNames);
  std::vector<const NamedReference*> pointers;
  for (NamedReference& name : names) {
    name.target.repository = pointers.size() < kNames ? "library/a" : "library/b";
    pointers.push_back(&name);
  }
  index::ReferenceInfo reference;
  reference.manifest = top;
  content_.references = {reference};
  const PushWork work = plan_work(content_, index::Graph(content_), pointers);
  EXPECT_THAT(work.first_blobs, SizeIs(kLayers));
  EXPECT_THAT(work.other_blobs, SizeIs(kLayers));
  ASSERT_THAT(work.manifests, SizeIs(1));
  EXPECT_EQ(work.manifests[0], (std::vector<Piece>{{0, top}, {1, top}}));
  EXPECT_EQ(work.home[top], kNoRepository);
  EXPECT_EQ(work.home[work.first_blobs.front().blob], 0U);
}

TEST_F(PlanWork, LooksAtEachManifestOnce) {
  std::vector<BlobId> levels;
  for (int i = 0; i <= limits::kIndexDepth; ++i) levels.push_back(add_index());
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {  // 10^16 paths
    for (std::uint32_t path = 0; path < 100; ++path) lead(levels[i], levels[i + 1], path);
  }
  EXPECT_THAT(work_from(levels.front()).manifests, SizeIs(limits::kIndexDepth + 1));
}

}  // namespace
}  // namespace seabag::importing
