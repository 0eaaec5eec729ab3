// SPDX-License-Identifier: Apache-2.0
#include "index/content.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "index/sample_internal.h"

namespace seabag::index {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> names_of(const Content& content) {
  std::vector<std::string> names;
  for (const ReferenceInfo& reference : content.references)
    names.push_back(content.name_of(reference));
  return names;
}

// The same content as a network in another order would deliver it: every list shuffled, ids with
// it.
class Shuffle {
 public:
  Shuffle(Content content, unsigned seed) : content_(std::move(content)), random_(seed) {}

  Content run() {
    const auto blobs = shuffle(content_.blobs, 0);
    const auto repositories = shuffle(content_.repositories, 0);
    const auto media_types = shuffle(content_.media_types, 1);
    const auto platforms = shuffle(content_.platforms, 1);
    for (ManifestInfo& m : content_.manifests) {
      m.blob = blobs[m.blob];
      m.media_type = media_types[m.media_type];
      m.artifact_type = media_types[m.artifact_type];
    }
    for (Edge& e : content_.edges) {
      e = {blobs[e.parent],           blobs[e.child],        e.position,
           media_types[e.media_type], platforms[e.platform], e.role};
    }
    for (ReferenceInfo& r : content_.references) {
      r.repository = repositories[r.repository];
      r.manifest = blobs[r.manifest];
    }
    for (Absence& a : content_.absences) {
      if (a.blob) a.blob = blobs[*a.blob];
    }
    std::ranges::shuffle(content_.manifests, random_);
    std::ranges::shuffle(content_.edges, random_);
    std::ranges::shuffle(content_.references, random_);
    std::ranges::shuffle(content_.absences, random_);
    return std::move(content_);
  }

 private:
  template <class Item>
  std::vector<std::uint32_t> shuffle(std::vector<Item>& items, std::ptrdiff_t fixed) {
    std::vector<std::uint32_t> new_ids(items.size());
    std::iota(new_ids.begin(), new_ids.end(), 0U);
    std::shuffle(new_ids.begin() + fixed, new_ids.end(), random_);
    const std::vector<Item> old = items;
    for (std::size_t i = 0; i < old.size(); ++i) items[new_ids[i]] = old[i];
    return new_ids;
  }

  Content content_;
  std::mt19937 random_;
};

// [IDX-5]
TEST(Canonical, DoesNotDependOnTheOrderOfArrival) {
  const std::string expected = dump(canonical(Sample().content()));
  for (unsigned seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(dump(canonical(Shuffle(Sample().content(), seed).run())), expected);
  }
}

// [IDX-5]
TEST(Canonical, LeavesNothingInDisorder) {
  EXPECT_NE(find_disorder(Sample().content()), "");
  const Content content = canonical(Sample().content());
  EXPECT_EQ(find_disorder(content), "");
  EXPECT_EQ(dump(canonical(content)), dump(content));
}

TEST(Canonical, PutsTagsBeforeDigests) {
  const std::string busybox = "localhost:5000/library/busybox";
  EXPECT_THAT(names_of(canonical(Sample().content())),
              ElementsAre("localhost:5000/library/app:2.0", busybox + ":1.35",
                          busybox + ":sha256-" + digest_of("index").hex() + ".sig",
                          busybox + "@" + digest_of("sbom").text()));
}

TEST(Canonical, KeepsTheFirstOfReferencesThatAreTheSame) {
  Content content = Sample().content();
  content.sources.push_back({"docker://localhost:5000/library/app:2.0"});
  for (const std::uint32_t position : {0U, 1U, 2U}) {
    ReferenceInfo again = content.references[position];
    again.source = 1;
    content.references.insert(content.references.begin(), again);
  }
  content = canonical(std::move(content));
  EXPECT_EQ(names_of(content), names_of(canonical(Sample().content())));
  for (const ReferenceInfo& reference : content.references) EXPECT_EQ(reference.source, 0U);
}

TEST(Canonical, RefusesATagWithTwoMeanings) {
  Content content = Sample().content();
  content.sources.push_back({"oci:layout"});
  content.references.push_back(content.references.front());
  content.references.back().manifest = content.references[1].manifest;
  content.references.back().source = 1;
  try {
    canonical(std::move(content));
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    EXPECT_THAT(
        error.what(),
        testing::AllOf(HasSubstr("\"localhost:5000/library/busybox:1.35\" has two meanings"),
                       HasSubstr(digest_of("index").text() + " in \"docker://localhost:5000\""),
                       HasSubstr(digest_of("app").text() + " in \"oci:layout\"")));
  }
}

TEST(ContentName, LeavesOutARegistryThatIsNotKnown) {
  Content content = Sample().content();
  content.repositories[0].registry = "";
  EXPECT_EQ(content.name_of(content.references[0]), "library/busybox:1.35");
}

class SampleGraph : public testing::Test {
 protected:
  BlobId blob(std::string_view name) const { return graph_.find(digest_of(name)).value(); }
  std::vector<BlobId> blobs(std::initializer_list<std::string_view> names) const {
    std::vector<BlobId> ids;
    for (const std::string_view name : names) ids.push_back(blob(name));
    return ids;
  }

  Content content_ = canonical(Sample().content());
  Graph graph_{content_};
};

TEST_F(SampleGraph, FindsBlobsAndManifests) {
  EXPECT_EQ(graph_.find(digest_of("nothing")), std::nullopt);
  EXPECT_EQ(graph_.find_manifest(blob("config")), nullptr);
  ASSERT_NE(graph_.find_manifest(blob("amd64")), nullptr);
  EXPECT_EQ(graph_.find_manifest(blob("amd64"))->created, "2022-12-29T00:00:00Z");
}

TEST_F(SampleGraph, HasEdgesInRoleThenPositionOrder) {
  std::vector<BlobId> children;
  for (const Edge& edge : graph_.edges_of(blob("app"))) children.push_back(edge.child);
  EXPECT_EQ(children, blobs({"app config", "base layer", "foreign layer", "lost layer"}));
  EXPECT_TRUE(graph_.edges_of(blob("config")).empty());
}

TEST_F(SampleGraph, KnowsReferrersOfASubject) {
  EXPECT_THAT(graph_.referrers_of(blob("amd64")), ElementsAre(blob("sbom")));
  EXPECT_TRUE(graph_.referrers_of(blob("index")).empty());
}

TEST_F(SampleGraph, ReachesEverythingOnceAndNoSubject) {
  EXPECT_EQ(graph_.closure_of(blob("index")),
            blobs({"index", "amd64", "config", "base layer", "tools layer", "arm64"}));
  EXPECT_EQ(graph_.closure_of(blob("sbom")), blobs({"sbom", "sbom layer"}));
}

// A -> {C, B -> C}: C comes after both.
TEST(Graph, PutsAllParentsBeforeAChild) {
  Content content;
  for (const char* name : {"a", "b", "c"})
    content.blobs.push_back({digest_of(name), 1, Presence::kPresent});
  content.edges = {{0, 2, 0, 0, 0, EdgeRole::kChild},
                   {0, 1, 1, 0, 0, EdgeRole::kChild},
                   {1, 2, 0, 0, 0, EdgeRole::kChild}};
  EXPECT_THAT(Graph(content).closure_of(0), ElementsAre(0, 1, 2));
}

TEST(Graph, EndsOnACycleAndOnALongChain) {
  Content content;
  constexpr BlobId kLength = 50'000;
  for (BlobId i = 0; i < kLength; ++i) {
    content.blobs.push_back({digest_of(std::to_string(i)), 1, Presence::kPresent});
    content.edges.push_back({i, (i + 1) % kLength, 0, 0, 0, EdgeRole::kChild});
  }
  EXPECT_EQ(Graph(content).closure_of(7).size(), kLength);
}

// `length` indexes, each the child of the one before.
Content chain_of(BlobId length) {
  Content content;
  for (BlobId i = 0; i <= length; ++i) {
    content.blobs.push_back({digest_of(std::to_string(i)), 1, Presence::kPresent});
    if (i < length) content.edges.push_back({i, i + 1, 0, 0, 0, EdgeRole::kChild});
  }
  return content;
}

TEST(NestingOf, CountsTheLevelsBelow) {  // [IDX-15]
  Content content = chain_of(8);
  EXPECT_THAT(nesting_of(content), ElementsAre(8, 7, 6, 5, 4, 3, 2, 1, 0));
  std::ranges::reverse(content.edges);
  EXPECT_THAT(nesting_of(content), ElementsAre(8, 7, 6, 5, 4, 3, 2, 1, 0));
  content.edges.front().role = EdgeRole::kLayer;
  EXPECT_EQ(nesting_of(content).front(), 7);
}

TEST(NestingOf, RefusesDepthAndCircles) {  // [IDX-15] C10
  EXPECT_THROW(nesting_of(chain_of(9)), Error);
  EXPECT_THROW(nesting_of(chain_of(100'000)), Error);
  Content circle = chain_of(2);
  circle.edges.push_back({2, 0, 0, 0, 0, EdgeRole::kChild});
  EXPECT_THROW(nesting_of(circle), Error);
  circle = chain_of(1);
  circle.edges = {{0, 0, 0, 0, 0, EdgeRole::kChild}};
  EXPECT_THROW(nesting_of(circle), Error);
}

}  // namespace
}  // namespace seabag::index
