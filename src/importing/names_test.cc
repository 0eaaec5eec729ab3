// SPDX-License-Identifier: Apache-2.0
#include "importing/names.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "importing/memory_target_internal.h"

namespace seabag::importing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct MapCase {
  const char* name;
  std::vector<const char*> mappings;
  const char* reference;
  const char* expected;
};

const MapCase kMapCases[] = {
    {"WithoutMappingTheRegistryIsDropped", {}, "host:5000/team/app:1", "team/app:1"},
    {"PrefixOfTheRepository", {"team=mirror"}, "host:5000/team/app:1", "mirror/app:1"},
    {"PrefixWithTheRegistry", {"host:5000/team=mirror"}, "host:5000/team/app:1", "mirror/app:1"},
    {"TheRegistryAlone", {"host:5000=from-host"}, "host:5000/team/app:1", "from-host/team/app:1"},
    {"OtherRegistryIsLeftAlone", {"other:5000=x"}, "host:5000/team/app:1", "team/app:1"},
    {"WholeComponentsOnly", {"te=x"}, "host:5000/team/app:1", "team/app:1"},
    {"WholeRepository", {"team/app=one/two/three"}, "host:5000/team/app:1", "one/two/three:1"},
    {"DroppedPrefix", {"team="}, "host:5000/team/app:1", "app:1"},
    {"LongestWins", {"team=short", "team/app=long"}, "host:5000/team/app:1", "long:1"},
    {"TrailingSlashes", {"team/=mirror/"}, "host:5000/team/app:1", "mirror/app:1"},
};

class Mapped : public ::testing::TestWithParam<MapCase> {};

TEST_P(Mapped, AsDocumented) {
  std::vector<Mapping> mappings;
  for (const char* text : GetParam().mappings) mappings.push_back(parse_mapping(text));
  EXPECT_EQ(mapped(oci::parse_reference(GetParam().reference), mappings).text(),
            GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(, Mapped, ::testing::ValuesIn(kMapCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ParseMapping, NeedsAFrom) {
  EXPECT_THROW(parse_mapping("=x"), Error);
  EXPECT_THROW(parse_mapping("x"), Error);
}

class PlanNames : public ::testing::Test {
 protected:
  index::Content content_;
  MemoryTarget target_;
  NameOptions options_;

  void add(const std::string& registry, const std::string& repository, const std::string& tag,
           const std::string& manifest) {
    const auto digest = digest::digest_of(io::bytes_of(manifest));
    index::BlobId blob = 0;
    while (blob < content_.blobs.size() && content_.blobs[blob].digest != digest) ++blob;
    if (blob == content_.blobs.size()) {
      content_.blobs.push_back({digest, 1, index::Presence::kPresent});
      content_.manifests.push_back({.blob = blob, .created = ""});
    }
    content_.repositories.push_back({registry, repository});
    content_.sources = {{"docker://x"}};
    content_.references.push_back(
        {.repository = static_cast<std::uint32_t>(content_.repositories.size() - 1),
         .tag = tag,
         .manifest = blob,
         .kind = index::ReferenceKind::kTag,
         .source = 0,
         .read_at = {}});
  }
  NamePlan plan() {
    content_ = index::canonical(std::move(content_));
    return plan_names(content_, index::Graph(content_), options_, target_);
  }
};

TEST_F(PlanNames, ReportsTwoImagesThatWouldGetOneName) {
  add("one:5000", "app", "1", "a");
  add("two:5000", "app", "1", "b");
  EXPECT_THAT(plan().problems,
              ElementsAre(HasSubstr("one:5000/app:1 and two:5000/app:1 would both become app:1")));
}

TEST_F(PlanNames, LetsOneImageHaveOneNameTwice) {
  add("one:5000", "app", "1", "a");
  add("two:5000", "app", "1", "a");
  EXPECT_THAT(plan().problems, IsEmpty());
}

TEST_F(PlanNames, ReportsWhatTheTargetCannotHave) {
  add("one:5000", "a/b/c", "1", "a");
  target_.object_to("a/b/c");
  EXPECT_THAT(plan().problems, ElementsAre(HasSubstr("one:5000/a/b/c:1: too deep")));
}

TEST_F(PlanNames, ChoosesByPatternAndTakesSignaturesAlong) {
  add("one:5000", "app", "1", "a");
  add("one:5000", "app", "2", "b");
  const std::string signature = "sha256-" + digest::digest_of(io::bytes_of("a")).hex() + ".sig";
  add("one:5000", "app", signature, "sig of a");
  // canonical() merges the equal repositories only if they are one row, as the exporter makes them.
  for (auto& reference : content_.references) reference.repository = 0;
  content_.repositories.resize(1);
  options_.only = {"app:1"};
  const NamePlan made = plan();
  ASSERT_THAT(made.names, SizeIs(2));
  EXPECT_EQ(made.names[0].target.tag, "1");
  EXPECT_EQ(made.names[1].target.tag, signature);
}

// Of things that are attached to attached ones there may be as many as the limits of a bundle
// allow.
TEST_F(PlanNames, TakesALongChainOfReferrersInTime) {
  constexpr std::uint32_t kLength = 30'000;
  content_.repositories = {{"one:5000", "app"}};
  content_.sources = {{"docker://x"}};
  for (std::uint32_t i = 0; i < kLength; ++i) {
    content_.blobs.push_back({digest::digest_of(io::bytes_of(std::to_string(i))), 1});
    content_.manifests.push_back({.blob = i, .created = ""});
    // Each about the next, so that one look at all of them finds but one more.
    if (i + 1 < kLength) {
      content_.edges.push_back({i, i + 1, 0, 0, 0, index::EdgeRole::kSubject});
    }
    content_.references.push_back({.repository = 0,
                                   .tag = i + 1 < kLength ? "" : "1",
                                   .manifest = i,
                                   .kind = index::ReferenceKind::kTag,
                                   .source = 0,
                                   .read_at = {}});
  }
  options_.only = {"app:1"};
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(plan().names, SizeIs(kLength));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

// A platform that was left out is known by its digest alone.
TEST_F(PlanNames, TakesSignaturesOfWhatWasLeftOutAlong) {
  add("one:5000", "app", "1", "a");
  const auto left_out = digest::digest_of(io::bytes_of("left out"));
  content_.blobs.push_back({left_out, 1, index::Presence::kLeftOut});
  content_.edges.push_back({0, 1, 0, 0, 0, index::EdgeRole::kChild});
  add("one:5000", "app", "sha256-" + left_out.hex() + ".sig", "sig of it");
  for (auto& reference : content_.references) reference.repository = 0;
  content_.repositories.resize(1);
  options_.only = {"app:1"};
  EXPECT_THAT(plan().names, SizeIs(2));
}

}  // namespace
}  // namespace seabag::importing
