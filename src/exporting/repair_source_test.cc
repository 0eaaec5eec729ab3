// SPDX-License-Identifier: Apache-2.0
#include "exporting/repair_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporting/memory_source_internal.h"

namespace seabag::exporting {
namespace {

constexpr const char* kLayer = "application/vnd.oci.image.layer.v1.tar";
constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";

class SourcesOfARepair : public ::testing::Test {
 protected:
  MemorySource first_{"docker://first:5000"};
  MemorySource second_{"docker://second:5000"};
  std::vector<source::SourceName> names_ = {source::parse_source("docker://first:5000"),
                                            source::parse_source("docker://second:5000")};
  bundle::Damage damage_{.seal = digest::digest_of(io::bytes_of("seal"))};

  void list(const std::string& bytes, bool is_manifest = false) {
    damage_.blobs.push_back({.digest = digest::digest_of(io::bytes_of(bytes)),
                             .size = bytes.size(),
                             .media_type = is_manifest ? kManifest : kLayer,
                             .is_manifest = is_manifest,
                             .places = {},
                             .references = {"first:5000/team/app:1", "other:5000/team/tool:2"}});
  }

  RepairSource open() { return {damage_, names_, {&first_, &second_}}; }

  std::string read(RepairSource& source, std::uint64_t offset = 0) {
    const bundle::DamagedBlob& blob = damage_.blobs.front();
    std::string text;
    struct Text : io::ByteSink {
      explicit Text(std::string& into) : text(into) {}
      void write(std::span<const std::byte> chunk) override { text += io::text_of(chunk); }
      void finish() override {}
      std::string& text;
    } sink(text);
    source.read_blob({}, {.media_type = kLayer, .digest = blob.digest, .size = blob.size}, offset,
                     sink);
    return text;
  }
};

TEST_F(SourcesOfARepair, AreAskedOneAfterTheOther) {
  list("a layer");
  second_.put("a layer", kLayer);
  RepairSource source = open();
  EXPECT_EQ(read(source), "a layer");
  EXPECT_EQ(first_.reads(), 2) << "in both repositories that the list names";
  EXPECT_EQ(read(source, 2), "layer");
}

TEST_F(SourcesOfARepair, GiveManifestsAsManifests) {
  const std::string manifest = R"({"schemaVersion":2,"config":{},"layers":[]})";
  list(manifest, true);
  first_.put(manifest, kManifest);
  RepairSource source = open();
  EXPECT_EQ(read(source), manifest);
  EXPECT_EQ(first_.reads(), 0) << "of blobs";
}

TEST_F(SourcesOfARepair, AreLeftWhenWhatAllCameFromThemWasNotTheBlob) {
  list("a layer");
  first_.put("a layer", kLayer);
  second_.put("a layer", kLayer);
  names_[0] = source::parse_source("docker://first:5000/team/app");
  RepairSource source = open();
  EXPECT_EQ(read(source), "a layer");
  EXPECT_EQ(second_.reads(), 0);
  EXPECT_EQ(read(source), "a layer");
  EXPECT_EQ(second_.reads(), 1);
}

TEST_F(SourcesOfARepair, ThatAreDownDoNotKeepOthersFromGiving) {
  list("a layer");
  first_.go_down();
  second_.put("a layer", kLayer);
  RepairSource source = open();
  EXPECT_EQ(read(source), "a layer");
  EXPECT_TRUE(source.answers());
  second_.go_down();
  EXPECT_FALSE(source.answers());
  try {
    read(source);
    FAIL() << "nobody answers";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnavailable);
  }
}

TEST_F(SourcesOfARepair, SayThatABlobIsNowhere) {
  list("a layer");
  RepairSource source = open();
  try {
    read(source);
    FAIL() << "it was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kRefused);
  }
}

}  // namespace
}  // namespace seabag::exporting
