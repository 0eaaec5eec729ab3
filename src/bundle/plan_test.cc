// SPDX-License-Identifier: Apache-2.0
#include "bundle/plan.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "bundle/documents.h"
#include "digest/hasher.h"
#include "oci/image_layout.h"
#include "sample_bundle/sample_bundle.h"

namespace seabag::bundle {
namespace {

using sample_bundle::make_sample;
using sample_bundle::Sample;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PlanBundle : public ::testing::Test {
 protected:
  Sample sample_ = make_sample();
  index::Graph graph_{sample_.content};

  BundlePlan plan(const PlanOptions& options) const {
    return plan_bundle(sample_.content, graph_, options);
  }
};

TEST_F(PlanBundle, PutsEachBlobOnceIntoOneTarball) {  // [BND-2]
  const BundlePlan made = plan({});
  ASSERT_EQ(made.tarballs.size(), 1U);
  EXPECT_EQ(made.tarballs[0].path, "data/images/images.tar");
  EXPECT_EQ(made.tarballs[0].blobs.size(), sample_.content.blobs.size());
  EXPECT_EQ(made.locations().size(), sample_.content.blobs.size());
}

TEST_F(PlanBundle, PlacesManifestsBeforeOtherBlobsAndBothByDigest) {  // [TAR-14] [TAR-15]
  const BundlePlan made = plan({});
  const auto& blobs = made.tarballs[0].blobs;
  const auto is_manifest = [&](index::BlobId blob) {
    return graph_.find_manifest(blob) != nullptr;
  };
  EXPECT_TRUE(std::ranges::is_partitioned(blobs, is_manifest));
  const auto others = std::ranges::find_if_not(blobs, is_manifest);
  EXPECT_TRUE(std::is_sorted(blobs.begin(), others));
  EXPECT_TRUE(std::is_sorted(others, blobs.end()));
}

TEST_F(PlanBundle, DoesNotDependOnTheOrderThatThingsWereFoundIn) {
  index::Content shuffled = sample_.content;
  std::ranges::reverse(shuffled.references);
  std::ranges::reverse(shuffled.edges);
  const index::Content again = index::canonical(std::move(shuffled));
  const index::Graph graph(again);
  const BundlePlan one = plan({});
  const BundlePlan other = plan_bundle(again, graph, {});
  EXPECT_EQ(one.tarballs[0].blobs, other.tarballs[0].blobs);
  EXPECT_EQ(one.tarballs[0].plan.placements, other.tarballs[0].plan.placements);
}

TEST_F(PlanBundle, MakesASelfContainedTarballForEachRepository) {  // [BND-2]
  const BundlePlan made = plan({.by_repository = true});
  ASSERT_EQ(made.tarballs.size(), 2U);
  for (const PlannedTarball& tarball : made.tarballs) {
    const std::set<index::BlobId> held(tarball.blobs.begin(), tarball.blobs.end());
    for (const std::uint32_t reference : tarball.references) {
      for (const index::BlobId blob :
           graph_.closure_of(sample_.content.references[reference].manifest)) {
        EXPECT_TRUE(held.contains(blob)) << sample_.content.blobs[blob].digest.text();
      }
    }
  }
  EXPECT_EQ(made.tarballs[0].path, "data/images/localhost-5000-library-app.tar");
  EXPECT_GT(made.locations().size(), sample_.content.blobs.size())
      << "the shared layer lies in both";
}

TEST_F(PlanBundle, BeginsANewTarballBeforeTheSizeIsExceeded) {
  const std::uint64_t whole = plan({}).payload_bytes();
  const BundlePlan made = plan({.tarball_size = whole - 1024});
  EXPECT_GT(made.tarballs.size(), 1U);
  for (const PlannedTarball& tarball : made.tarballs)
    EXPECT_LE(tarball.plan.tarball_size, whole - 1024);
  EXPECT_EQ(made.tarballs[0].path, "data/images/images-0001.tar");
}

TEST_F(PlanBundle, RefusesASizeThatOneImageAloneExceeds) {
  try {
    plan({.tarball_size = 4096});
    FAIL() << "planned an image into too small a tarball";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("more than --tarball-size 4096"));
  }
}

TEST_F(PlanBundle, GivesRepositoriesThatLookAlikeDifferentFiles) {
  index::Content content = sample_.content;
  content.repositories = {{"localhost:5000", "a/b"}, {"localhost:5000", "a-b"}};
  content = index::canonical(std::move(content));
  const index::Graph graph(content);
  const BundlePlan made = plan_bundle(content, graph, {.by_repository = true});
  ASSERT_EQ(made.tarballs.size(), 2U);
  EXPECT_NE(made.tarballs[0].path, made.tarballs[1].path);
}

// A bundle's names are in its checksums, so the same repositories have the same ones for ever: also
// where the number that would come next belongs to another repository's own name.
TEST_F(PlanBundle, NumbersRepositoriesThatLookAlikeInTheirOrder) {
  index::Content content = sample_.content;
  content.repositories.clear();
  content.references.clear();
  const std::string tail(64, 't');
  for (const char* name : {"a-b", "a-b-2", "a-b-4", "a.b", "a/b", "a/b-2", "a_b", "a:b", "a+b"}) {
    content.repositories.push_back({"", name});
  }
  for (const char* head : {"one/", "two/", "three/"}) {
    content.repositories.push_back({"", head + tail});
  }
  for (std::uint32_t i = 0; i < content.repositories.size(); ++i) {
    index::ReferenceInfo reference = sample_.content.references.front();
    reference.repository = i;
    content.references.push_back(std::move(reference));
  }
  content = index::canonical(std::move(content));
  const index::Graph graph(content);
  std::vector<std::string> paths;
  for (const PlannedTarball& tarball :
       plan_bundle(content, graph, {.by_repository = true}).tarballs) {
    paths.push_back(tarball.path.substr(std::string("data/images/").size()));
  }
  EXPECT_THAT(paths, ElementsAre("a-b.tar", "a-b-2.tar", "a-b-2-2.tar", "a-b-4.tar", "a.b.tar",
                                 "a-b-3.tar", "a-b-2-3.tar", "a-b-5.tar", "a_b.tar", tail + ".tar",
                                 tail + "-2.tar", tail + "-3.tar"));
}

class Documents : public PlanBundle {};

TEST_F(Documents, NameEveryReferenceInTheOciView) {  // [BND-3]
  const BundlePlan made = plan({});
  const auto entries =
      oci::parse_layout_index(layout_index(sample_.content, graph_, made.tarballs[0].references));
  std::set<std::string> names;
  for (const auto& entry : entries) names.insert(entry.name);
  EXPECT_EQ(names.size(), sample_.content.references.size());
  EXPECT_TRUE(names.contains("localhost:5000/library/app:1.0"));
}

TEST_F(Documents, NameTheFirstWholeLinuxImageOfAnIndexInTheDockerView) {  // [BND-4]
  const auto images = oci::parse_docker_manifest(
      docker_manifest(sample_.content, graph_, plan({}).tarballs[0].references));
  std::set<std::string> names;
  for (const auto& image : images) names.insert(image.repo_tags.begin(), image.repo_tags.end());
  EXPECT_EQ(names, (std::set<std::string>{
                       "localhost:5000/library/app:1.0", "localhost:5000/library/app:multi",
                       "localhost:5000/team/tool:v1", "localhost:5000/team/tool:latest"}));
}

TEST_F(Documents, LeaveOutAnImageThatIsNotWhole) {
  const auto layer = digest::digest_of(io::bytes_of("app layer"));
  for (index::Blob& blob : sample_.content.blobs) {
    if (blob.digest == layer) blob.presence = index::Presence::kMissing;
  }
  const std::string json = layout_index(sample_.content, graph_, plan({}).tarballs[0].references);
  EXPECT_THAT(json, ::testing::Not(HasSubstr("library/app:1.0")));
  EXPECT_THAT(json, HasSubstr("team/tool:v1"));
}

TEST_F(Documents, AreFilledUpWithBlanks) {
  EXPECT_EQ(padded("[]", 4), "[]  ");
  EXPECT_THROW(padded("[1]", 2), Error);
}

TEST(PlanOptionsText, IsReadBack) {
  for (const PlanOptions& options :
       {PlanOptions{}, PlanOptions{.by_repository = true}, PlanOptions{.tarball_size = 4'000},
        PlanOptions{.by_repository = true, .tarball_size = 1ULL << 40U}}) {
    const auto read = find_plan_options(text_of(options));
    ASSERT_TRUE(read) << text_of(options);
    EXPECT_EQ(read->by_repository, options.by_repository);
    EXPECT_EQ(read->tarball_size, options.tarball_size);
  }
  for (const char* other : {"--split-by=size", "--tarball-size=", "--tarball-size=0", " "}) {
    EXPECT_EQ(find_plan_options(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace seabag::bundle
