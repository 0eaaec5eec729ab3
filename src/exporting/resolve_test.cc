// SPDX-License-Identifier: Apache-2.0
#include "exporting/resolve.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "exporting/memory_source_internal.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::exporting {
namespace {

using index::Presence;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr const char* kLayer = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* kForeign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

std::string on(const std::string& os, const std::string& architecture) {
  return R"(,"platform":{"os":")" + os + R"(","architecture":")" + architecture + R"("})";
}

class Resolve : public ::testing::Test {
 protected:
  MemorySource source_;
  Selection selection_;
  transfer::NoProgress quiet_;

  Resolution run(int jobs = 2) {
    return resolve({.sources = {&source_},
                    .selection = selection_,
                    .jobs = jobs,
                    .now = [] { return UtcTime{7}; }},
                   quiet_, std::stop_token());
  }
  static std::set<std::string> names(const index::Content& content) {
    std::set<std::string> found;
    for (const auto& reference : content.references) found.insert(content.name_of(reference));
    return found;
  }
  static Presence presence(const index::Content& content, const std::string& descriptor) {
    for (const auto& blob : content.blobs) {
      if (blob.digest.text() == MemorySource::digest_in(descriptor)) return blob.presence;
    }
    throw Error(Code::kInternal, "no such blob");
  }
};

TEST_F(Resolve, FindsEveryTagAndEveryBlobOnce) {
  const std::string shared = source_.put("shared", kLayer);
  source_.tag("a", "1", source_.put_image("{}", {shared, source_.put("one", kLayer)}));
  source_.tag("b", "1", source_.put_image("{}", {shared, source_.put("two", kLayer)}));
  const auto content = run().content;
  EXPECT_THAT(names(content), UnorderedElementsAre("test:5000/a:1", "test:5000/b:1"));
  EXPECT_THAT(content.blobs, SizeIs(6));  // 2 manifests, 1 config, 3 layers
  EXPECT_THAT(content.absences, IsEmpty());
  EXPECT_EQ(content.references[0].read_at, UtcTime{7});
}

// Two layouts, say. Which of them answers first must not matter.
class ResolveTwo : public Resolve {
 protected:
  MemorySource other_{"oci:other"};

  Resolution run_both(bool is_swapped = false) {
    std::vector<source::ImageSource*> sources = {&source_, &other_};
    if (is_swapped) std::ranges::reverse(sources);
    return resolve({.sources = std::move(sources),
                    .selection = selection_,
                    .jobs = 2,
                    .now = [] { return UtcTime{7}; }},
                   quiet_, std::stop_token());
  }
};

TEST_F(ResolveTwo, RefuseATagThatMeansSomethingElseInEach) {
  source_.tag("a", "1", source_.put_image(R"({"a":1})", {}));
  other_.tag("a", "1", other_.put_image(R"({"a":2})", {}));
  for (int round = 0; round < 20; ++round) {
    try {
      run_both();
      FAIL() << "one of them was dropped";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage);
      EXPECT_THAT(error.what(), HasSubstr("\"test:5000/a:1\" has two meanings"));
    }
  }
}

// The descriptor of something else than it is by its size.
std::string with_size(const std::string& descriptor, std::size_t size) {
  const std::size_t at = descriptor.find("\"size\":") + 7;
  return descriptor.substr(0, at) + std::to_string(size) +
         descriptor.substr(descriptor.find('}', at));
}

// The first of them has the right image, too, but not the layer: it cannot tell.
TEST_F(ResolveTwo, AreBothAskedForASizeThatIsInDoubt) {
  const std::string layer = source_.put("layer", kLayer);
  source_.tag("a", "1", source_.put_image("{}", {layer}));
  source_.tag("a", "2", source_.put_image("{}", {with_size(layer, 6)}));
  other_.tag("b", "1", other_.put_image(R"({"b":1})", {other_.put("layer", kLayer)}));
  source_.remove(layer);
  for (const bool is_swapped : {false, true}) {
    EXPECT_THAT(names(run_both(is_swapped).content),
                UnorderedElementsAre("test:5000/a:1", "test:5000/b:1"));
  }
}

TEST_F(ResolveTwo, GiveWhatIsAttachedInEitherToTheImageOfBoth) {
  const std::string image = source_.put_image("{}", {});
  source_.tag("a", "1", image);
  other_.tag("a", "1", other_.put_image("{}", {}));
  const std::string here = source_.put_image(R"({"a":1})", {}, R"(,"subject":)" + image);
  const std::string there = other_.put_image(R"({"a":2})", {}, R"(,"subject":)" + image);
  source_.attach(image, here);
  other_.attach(image, there);
  EXPECT_THAT(names(run_both().content),
              UnorderedElementsAre("test:5000/a:1", "test:5000/a@" + MemorySource::digest_in(here),
                                   "test:5000/a@" + MemorySource::digest_in(there)));
}

TEST_F(Resolve, FollowsIndexesInIndexes) {
  const std::string image =
      source_.put_image("{}", {source_.put("x", kLayer)}, "", on("linux", "amd64"));
  source_.tag("a", "nested", source_.put_index({source_.put_index({image})}));
  const auto content = run().content;
  EXPECT_THAT(content.manifests, SizeIs(3));
}

TEST_F(Resolve, LeavesOutOtherPlatformsAndSaysSo) {
  const std::string amd =
      source_.put_image(R"({"a":1})", {source_.put("amd", kLayer)}, "", on("linux", "amd64"));
  const std::string arm =
      source_.put_image(R"({"a":2})", {source_.put("arm", kLayer)}, "", on("linux", "arm64"));
  source_.tag("a", "1", source_.put_index({amd, arm}));
  selection_.platforms = {oci::parse_platform("linux/amd64")};
  const auto content = run().content;
  EXPECT_EQ(presence(content, amd), Presence::kPresent);
  EXPECT_EQ(presence(content, arm), Presence::kLeftOut);
  ASSERT_THAT(content.absences, SizeIs(1));
  EXPECT_EQ(content.absences[0].reason, "platform");
  EXPECT_EQ(content.absences[0].detail, "linux/arm64");
}

TEST_F(Resolve, LosesAnImageThatIsForNoneOfThePlatforms) {
  const std::string amd =
      source_.put_image(R"({"a":1})", {source_.put("amd", kLayer)}, "", on("linux", "amd64"));
  const std::string arm = source_.put_image(R"({"a":2})", {}, "", on("linux", "arm64"));
  source_.tag("a", "both", source_.put_index({amd, arm}));
  source_.tag("a", "one", source_.put_index({amd}));
  selection_.platforms = {oci::parse_platform("linux/arm64")};
  const auto content = run().content;
  EXPECT_THAT(names(content), UnorderedElementsAre("test:5000/a:both"));
  const auto lost = std::ranges::find_if(content.absences, [](const index::Absence& absence) {
    return absence.reference == "test:5000/a:one";
  });
  ASSERT_NE(lost, content.absences.end());
  EXPECT_EQ(lost->reason, "refused");
  EXPECT_EQ(lost->detail, "it is for linux/amd64, and for nothing that --platform names");
}

TEST_F(Resolve, KeepsTheNewestOfThePlatformThatIsWanted) {
  const auto image = [&](const char* time, const std::string& platform) {
    return source_.put_image(std::string(R"({"created":")") + time + R"("})", {}, "", platform);
  };
  const std::string old_arm = image("2024-01-01T00:00:00Z", on("linux", "arm64"));
  const std::string new_arm = image("2024-03-01T00:00:00Z", on("linux", "arm64"));
  const std::string old_amd = image("2024-02-01T00:00:00Z", on("linux", "amd64"));
  const std::string new_amd = image("2024-04-01T00:00:00Z", on("linux", "amd64"));
  source_.tag("a", "1", source_.put_index({old_amd, new_arm}));
  source_.tag("a", "2", source_.put_index({new_amd, old_arm}));
  source_.tag("a", "3", source_.put_index({new_amd}));
  selection_.newest = 1;
  EXPECT_THAT(names(run().content), UnorderedElementsAre("test:5000/a:3"));
  selection_.platforms = {oci::parse_platform("linux/arm64")};
  EXPECT_THAT(names(run().content), UnorderedElementsAre("test:5000/a:1"));
}

TEST_F(Resolve, KeepsAttestationsOfTheImagesThatItKeeps) {
  const std::string amd = source_.put_image(R"({"a":1})", {}, "", on("linux", "amd64"));
  const auto about = [&](const std::string& image) {
    return on("unknown", "unknown") + R"(,"annotations":{"vnd.docker.reference.digest":")" +
           MemorySource::digest_in(image) + R"("})";
  };
  const std::string arm = source_.put_image(R"({"a":2})", {}, "", on("linux", "arm64"));
  const std::string of_amd = source_.put_image(R"({"a":3})", {}, "", about(amd));
  const std::string of_arm = source_.put_image(R"({"a":4})", {}, "", about(arm));
  source_.tag("a", "1", source_.put_index({amd, arm, of_amd, of_arm}));
  selection_.platforms = {oci::parse_platform("linux/amd64")};
  const auto content = run().content;
  EXPECT_EQ(presence(content, of_amd), Presence::kPresent);
  EXPECT_EQ(presence(content, of_arm), Presence::kLeftOut);
}

TEST_F(Resolve, RecordsForeignLayersWithTheirUrls) {
  const std::string foreign = source_.put("w", kForeign, R"(,"urls":["https://example.test/w"])");
  source_.tag("a", "1", source_.put_image("{}", {foreign}));
  auto content = run().content;
  EXPECT_EQ(presence(content, foreign), Presence::kLeftOut);
  ASSERT_THAT(content.absences, SizeIs(1));
  EXPECT_EQ(content.absences[0].detail, "https://example.test/w");

  selection_.foreign_layers = true;
  content = run().content;
  EXPECT_EQ(presence(content, foreign), Presence::kPresent);
  EXPECT_THAT(content.absences, IsEmpty());
}

TEST_F(Resolve, BringsWhatIsAttachedToImagesAndTheirPlatforms) {
  const std::string child = source_.put_image(R"({"a":1})", {}, "", on("linux", "amd64"));
  source_.tag("a", "1", source_.put_index({child}));
  const std::string sbom =
      source_.put_image(R"({"a":2})", {source_.put("sbom", kLayer)}, R"(,"subject":)" + child);
  const std::string signature = source_.put_image(R"({"a":3})", {source_.put("sig", kLayer)});
  source_.attach(child, sbom);
  source_.attach(child, signature, "sha256-x.sig");
  source_.tag("b", "hidden", signature);  // MemorySource finds tags by name
  source_.tag("a", "sha256-x.sig", signature);
  selection_.include = {"a:1"};
  const auto content = run().content;
  EXPECT_THAT(names(content), UnorderedElementsAre("test:5000/a:1", "test:5000/a:sha256-x.sig",
                                                   "test:5000/a@" + MemorySource::digest_in(sbom)));

  selection_.attached = false;
  EXPECT_THAT(names(run().content), UnorderedElementsAre("test:5000/a:1"));
}

// A registry that makes up another one whenever it is asked is not asked for ever.
TEST_F(Resolve, FollowsAttachmentsOfAttachmentsToALimit) {
  std::string subject = source_.put_image("{}", {});
  source_.tag("a", "1", subject);
  for (int i = 0; i < limits::kAttachedDepth + 3; ++i) {
    const std::string next =
        source_.put_image(fmt::format(R"({{"a":{}}})", i), {}, R"(,"subject":)" + subject);
    source_.attach(subject, next);
    subject = next;
  }
  const auto content = run().content;
  EXPECT_THAT(content.manifests, SizeIs(1 + limits::kAttachedDepth));
  ASSERT_THAT(content.absences, SizeIs(1));
  EXPECT_THAT(content.absences[0].reference, HasSubstr("what is attached to test:5000/a@"));
  EXPECT_EQ(content.absences[0].reason, "malformed");
}

TEST_F(Resolve, GoesOnWhenOneImageCannotBeHad) {
  const std::string gone = source_.put_image(R"({"a":1})", {});
  source_.tag("a", "gone", gone);
  source_.tag("a", "there", source_.put_image(R"({"a":2})", {}));
  source_.remove(gone);
  const auto resolution = run();
  EXPECT_THAT(names(resolution.content), UnorderedElementsAre("test:5000/a:there"));
  ASSERT_THAT(resolution.content.absences, SizeIs(1));
  EXPECT_EQ(resolution.content.absences[0].reference, "test:5000/a:gone");
  EXPECT_EQ(resolution.content.absences[0].reason, "refused");
  ASSERT_TRUE(resolution.first_error);
  EXPECT_EQ(resolution.first_error->code(), Code::kRefused);
}

TEST_F(Resolve, RecordsAChildThatTheSourceDoesNotHave) {
  const std::string there = source_.put_image(R"({"a":1})", {}, "", on("linux", "amd64"));
  const std::string gone = source_.put_image(R"({"a":2})", {}, "", on("linux", "arm64"));
  source_.tag("a", "1", source_.put_index({there, gone}));
  source_.remove(gone);
  const auto content = run().content;
  EXPECT_EQ(presence(content, gone), Presence::kMissing);
  EXPECT_THAT(names(content), UnorderedElementsAre("test:5000/a:1"));
}

TEST_F(Resolve, EndsWhenTheSourceIsGone) {
  source_.tag("a", "1", source_.put_image("{}", {}));
  source_.go_down();
  try {
    run();
    FAIL() << "resolved without a source";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnavailable);
  }
}

// The one that is right is not lost with the one that is wrong, whichever comes first: on one
// thread the last tag does.
TEST_F(Resolve, LosesTheImageThatIsWrongAboutASizeAlone) {
  const std::string layer = source_.put("layer", kLayer);
  const std::string good = source_.put_image("{}", {layer});
  const std::string bad = source_.put_image("{}", {with_size(layer, 6)});
  for (const bool good_is_last : {true, false}) {
    source_.tag("a", "1", good_is_last ? bad : good);
    source_.tag("a", "2", good_is_last ? good : bad);
    const auto resolution = run(1);
    const auto& content = resolution.content;
    EXPECT_THAT(names(content),
                UnorderedElementsAre(good_is_last ? "test:5000/a:2" : "test:5000/a:1"));
    ASSERT_THAT(content.absences, SizeIs(1));
    EXPECT_THAT(content.absences[0].detail,
                HasSubstr(good_is_last ? "has 5 bytes in one manifest and 6 in another"
                                       : "gives blob " + MemorySource::digest_in(layer) +
                                             " 6 bytes, but it has 5"));
    EXPECT_THAT(content.manifests, SizeIs(1)) << "something of the one that is lost is left";
    EXPECT_EQ(presence(content, layer), Presence::kPresent);
    ASSERT_TRUE(resolution.first_error);
    EXPECT_EQ(resolution.first_error->code(), Code::kMalformed);
  }
}

TEST_F(Resolve, LosesTheIndexThatIsWrongAboutAChildAlone) {
  const std::string child = source_.put_image("{}", {});
  const std::string bad = source_.put_index({with_size(child, 6)});
  for (const bool child_is_tagged : {true, false}) {
    const std::string good = child_is_tagged ? child : source_.put_index({child});
    for (const bool good_is_last : {true, false}) {
      source_.tag("a", "1", good_is_last ? bad : good);
      source_.tag("a", "2", good_is_last ? good : bad);
      const auto content = run(1).content;
      EXPECT_THAT(names(content),
                  UnorderedElementsAre(good_is_last ? "test:5000/a:2" : "test:5000/a:1"));
      EXPECT_EQ(presence(content, child), Presence::kPresent);
    }
  }
}

// What one wrong manifest hid shows when it is gone. On one thread "3" comes first: it hides "2",
// which hides "1" in turn.
TEST_F(Resolve, FindsAWrongSizeThatAnotherHid) {
  const std::string first = source_.put("layer", kLayer);
  const std::string second = source_.put("other", kLayer);
  source_.tag("a", "3", source_.put_image("{}", {with_size(first, 6)}));
  source_.tag("a", "2", source_.put_image("{}", {first, with_size(second, 7)}));
  source_.tag("a", "1", source_.put_image("{}", {second}));
  EXPECT_THAT(names(run(1).content), UnorderedElementsAre("test:5000/a:1"));
}

TEST_F(Resolve, KeepsTheFirstOfTwoSizesThatNobodyCanTell) {
  const std::string layer = source_.put("layer", kLayer);
  source_.tag("a", "1", source_.put_image("{}", {layer}));
  source_.tag("a", "2", source_.put_image("{}", {with_size(layer, 6)}));
  source_.remove(layer);
  const auto content = run(1).content;
  EXPECT_THAT(names(content), UnorderedElementsAre("test:5000/a:2"));
  ASSERT_THAT(content.absences, SizeIs(1));
  EXPECT_THAT(content.absences[0].detail,
              HasSubstr("has 6 bytes in one manifest and 5 in another"));
}

// Three images, of which the one that comes first is wrong about a size; "1" can be read so often.
class ResolveTwice : public Resolve {
 protected:
  void fill(int reads_of_1) {
    const std::string layer = source_.put("layer", kLayer);
    const std::string other = source_.put_image("{}", {});
    source_.tag("a", "1", other);
    source_.tag("a", "2", source_.put_image("{}", {layer}));
    source_.tag("a", "3", source_.put_image("{}", {with_size(layer, 6)}));
    source_.refuse_after_reads_of(other, reads_of_1);
  }
};

// What an earlier walk had and the next one cannot have is no loss to be sealed.
TEST_F(ResolveTwice, EndsWhenWhatWasThereCannotBeHadAgain) {
  fill(1);
  try {
    run(1);
    FAIL() << "resolved without a:1";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr("test:5000/a:1 was there a moment ago"));
    EXPECT_THAT(error.next_step(), HasSubstr("--exclude"));
  }
}

TEST_F(ResolveTwice, GoesOnWithoutWhatWasUnavailableEachTime) {
  fill(0);
  const auto content = run(1).content;
  EXPECT_THAT(names(content), UnorderedElementsAre("test:5000/a:2"));
  EXPECT_THAT(content.absences, SizeIs(2));
}

// Of what was looked at twice the spool has each manifest once, and nothing of the wrong one.
TEST_F(Resolve, SpoolsWhatItKeepsAlone) {
  const std::string layer = source_.put("layer", kLayer);
  source_.tag("a", "1", source_.put_image("{}", {layer}));
  source_.tag("a", "2", source_.put_image("{}", {with_size(layer, 6)}));
  const seabag::testing::TempDir directory;
  const auto files = io::posix_file_system();
  auto spool = bundle::ManifestSpool::create(*files, io::join(directory.path(), "spool"));
  const auto content = content_of(source_, spool);
  std::vector<std::string> spooled;
  spool.for_each(
      [&](const io::Bytes& manifest) { spooled.push_back(digest::digest_of(manifest).text()); });
  ASSERT_THAT(content.manifests, SizeIs(1));
  EXPECT_THAT(spooled,
              ::testing::ElementsAre(content.blobs[content.manifests[0].blob].digest.text()));
}

// In whatever repository.
TEST_F(Resolve, LosesAnImageWithAWrongSizeInEachRepositoryAlone) {
  const std::string layer = source_.put("layer", kLayer);
  const std::string good = source_.put_image("{}", {layer});
  const std::string index = source_.put_index({source_.put_image("{}", {with_size(layer, 6)})});
  for (const char* repository : {"a", "b", "c"}) {
    source_.tag(repository, "good", good);
    source_.tag(repository, "index", index);
  }
  const auto content = run(1).content;
  EXPECT_FALSE(content.absences.empty());
  EXPECT_EQ(presence(content, good), Presence::kPresent);
  for (const index::ManifestInfo& manifest : content.manifests) {
    EXPECT_EQ(content.blobs[manifest.blob].presence, index::Presence::kPresent);
  }
}

TEST_F(Resolve, TakesTheNewestTags) {
  for (const char* year : {"2021", "2023", "2022"}) {
    source_.tag(
        "a", std::string("v") + year,
        source_.put_image(std::string(R"({"created":")") + year + R"(-01-01T00:00:00Z"})", {}));
  }
  source_.tag("a", "undated", source_.put_image("{}", {}));
  selection_.newest = 2;
  EXPECT_THAT(names(run().content), UnorderedElementsAre("test:5000/a:v2023", "test:5000/a:v2022"));
}

TEST_F(Resolve, GivesTheSameContentForAnyNumberOfJobs) {
  for (int i = 0; i < 30; ++i) {
    const std::string image = source_.put_image(
        fmt::format(R"({{"n":{}}})", i % 7),
        {source_.put(std::string(static_cast<std::size_t>(i % 5 + 1), 'x'), kLayer)});
    source_.tag("r" + std::to_string(i % 3), "t" + std::to_string(i), image);
  }
  const auto one = run(1).content;
  const auto many = run(8).content;
  EXPECT_EQ(names(one), names(many));
  ASSERT_EQ(one.blobs.size(), many.blobs.size());
  for (std::size_t i = 0; i < one.blobs.size(); ++i)
    EXPECT_EQ(one.blobs[i].digest, many.blobs[i].digest);
  ASSERT_EQ(one.edges.size(), many.edges.size());
  for (std::size_t i = 0; i < one.edges.size(); ++i) {
    EXPECT_EQ(one.edges[i].parent, many.edges[i].parent);
    EXPECT_EQ(one.edges[i].child, many.edges[i].child);
  }
}

}  // namespace
}  // namespace seabag::exporting
