// SPDX-License-Identifier: Apache-2.0
// Bundles whose writer lies: every checksum is right, and the index says what is not so.
#include <algorithm>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "bundle/opened.h"
#include "bundle/verify.h"
#include "digest/hasher.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

using index::BlobId;
using index::Content;
using index::EdgeRole;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

BlobId blob_of(const Content& content, const std::string& bytes) {
  const auto wanted = digest::digest_of(io::bytes_of(bytes));
  const auto found = std::ranges::find(content.blobs, wanted, &index::Blob::digest);
  return static_cast<BlobId>(found - content.blobs.begin());
}

index::Location& location_of(index::Index& index, const std::string& bytes) {
  return *std::ranges::find(index.locations, blob_of(index.content, bytes), &index::Location::blob);
}

index::DiskInfo disk(std::vector<std::uint32_t> files) {
  return {.name = "web",
          .server = {},
          .format = "raw",
          .size = 512,
          .content = "disk-v1:" + std::string(64, 'a'),
          .files = std::move(files),
          .source = "disk:/dev/sda",
          .source_format = "raw",
          .source_size = 512,
          .read_at = {1700000000}};
}

struct Lie {
  const char* name;
  std::function<void(index::Index&)> tell;
  Code code;  ///< of opening it; kIntegrity with `verify`: it opens, and verify finds out
  bool verify;
  const char* message;
};

const std::string kLayer = "app layer";

// D5, D10: what the rows say is held against the bag, the tarballs and the manifests.
const Lie kLies[] = {
    {"AnotherDigest",
     [](auto& index) {
       auto& blobs = index.content.blobs;
       auto& blob = blobs[blob_of(index.content, kLayer)];
       // The next one in order, so that the rows stay sorted.
       std::string hex = blob.digest.hex();
       hex.back() =
           hex.back() == 'f' ? 'e' : static_cast<char>(hex.back() == '9' ? 'a' : hex.back() + 1);
       blob.digest = digest::parse_digest("sha256:" + hex);
     },
     Code::kIntegrity, true, "which the index does not know"},
    {"AnotherSize",
     [](auto& index) { index.content.blobs[blob_of(index.content, kLayer)].size = 8; },
     Code::kIntegrity, true, "the index says at"},
    {"AnotherPlace", [](auto& index) { location_of(index, kLayer).offset += 1; }, Code::kIntegrity,
     true, "the index says at"},
    {"PlaceOfAnotherBlob",
     [](auto& index) { location_of(index, kLayer).offset = location_of(index, "an SBOM").offset; },
     Code::kIntegrity, true, "expected digest sha256:"},
    {"PlaceBeyondTheEnd",
     [](auto& index) { location_of(index, kLayer).offset = index.files.front().size; },
     Code::kMalformed, false, "in a file of"},
    {"PlaceThatWraps", [](auto& index) { location_of(index, kLayer).offset = (1ULL << 63U) - 1; },
     Code::kMalformed, false, "in a file of"},
    {"BlobWithoutAPlace",
     [](auto& index) {
       std::erase_if(index.locations,
                     [&](const auto& at) { return at.blob == blob_of(index.content, kLayer); });
     },
     Code::kIntegrity, true, "is not in the bundle, the index says otherwise"},
    {"BlobLeftOutThatIsThere",
     [](auto& index) {
       index.content.blobs[blob_of(index.content, kLayer)].presence = index::Presence::kLeftOut;
     },
     Code::kIntegrity, true, "is in the bundle, the index says otherwise"},
    {"BlobThatNobodyHas",
     [](auto& index) {
       index.content.blobs.push_back(
           {digest::parse_digest("sha256:" + std::string(64, 'f')), 5, index::Presence::kPresent});
     },
     Code::kIntegrity, true, "is not in the bundle, the index says otherwise"},
    {"LayerThatIsNot",
     [](auto& index) {
       for (auto& edge : index.content.edges) {
         if (edge.role == EdgeRole::kLayer) edge.child = blob_of(index.content, "an SBOM");
       }
     },
     Code::kIntegrity, true, "the manifest does not"},
    {"ChildThatIsNot",
     [](auto& index) {
       std::erase_if(index.content.edges,
                     [](const auto& edge) { return edge.role == EdgeRole::kChild; });
     },
     Code::kIntegrity, true, "the index does not say so"},
    {"ImageWithoutAConfig",
     [](auto& index) {
       std::erase_if(index.content.edges,
                     [](const auto& edge) { return edge.role == EdgeRole::kConfig; });
     },
     Code::kIntegrity, true, "the index does not say so"},
    {"LayerForAManifest",
     [](auto& index) {
       auto& manifests = index.content.manifests;
       manifests.push_back({.blob = blob_of(index.content, kLayer),
                            .kind = oci::ManifestKind::kImage,
                            .media_type = manifests.front().media_type,
                            .artifact_type = 0,
                            .created = ""});
       std::ranges::sort(manifests, {}, &index::ManifestInfo::blob);
     },
     Code::kIntegrity, true, "not JSON"},
    {"AnotherTag", [](auto& index) { index.content.references.front().tag = "0.9"; },
     Code::kIntegrity, true, "is in no tarball's index.json"},
    {"TagOfAnotherImage",
     [](auto& index) {
       index.content.references.front().manifest = index.content.references.back().manifest;
     },
     Code::kIntegrity, true, "index.json is not what the index says"},
    {"TagOfALayer",
     [](auto& index) {
       index.content.references.front().manifest = blob_of(index.content, kLayer);
     },
     Code::kIntegrity, true, "index.json is not what the index says"},
    {"ReferenceMore",
     [](auto& index) {
       auto more = index.content.references.front();
       more.tag = "0.1";
       index.content.references.insert(index.content.references.begin(), more);
     },
     Code::kIntegrity, true, "is in no tarball's index.json"},
    {"ReferenceLess",
     [](auto& index) { index.content.references.erase(index.content.references.begin()); },
     Code::kIntegrity, true, "index.json is not what the index says"},
    {"NoFormatVersion", [](auto& index) { index.metadata.erase("format-version"); },
     Code::kUnsupported, false, "bundle format (none)"},
    {"FormatVersion2", [](auto& index) { index.metadata["format-version"] = "2"; },
     Code::kUnsupported, false, "bundle format \"2\", this program reads 1"},
    {"DiskWithoutFiles", [](auto& index) { index.disks.push_back(disk({})); }, Code::kMalformed,
     false, "disk \"web\" has no files"},
    {"DiskWithoutAContentDigest",
     [](auto& index) {
       index.disks.push_back(disk({0}));
       index.disks.back().content.clear();
     },
     Code::kMalformed, false, "disk \"web\" has no content digest"},
    {"DiskOutOfImages", [](auto& index) { index.disks.push_back(disk({0})); }, Code::kMalformed,
     false, "does not lie in data/disks"},  // [IDX-15]
};

class LyingIndex : public ::testing::TestWithParam<Lie> {
 protected:
  void make() {
    auto sample = sample_bundle::make_sample();
    sample_bundle::write_sample(*files_, path_, sample, {}, {}, GetParam().tell);
  }

  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "lying.bag");
};

TEST_P(LyingIndex, IsFoundOut) {
  make();
  try {
    std::vector<std::string> problems;
    const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt, &problems);
    ASSERT_TRUE(GetParam().verify) << "it was opened";
    transfer::NoProgress quiet;
    const auto report = verify(bundle, problems, {.quick = false, .jobs = 2}, quiet, {});
    std::vector<std::string> texts;
    for (const Finding& finding : report.findings) texts.push_back(finding.text);
    EXPECT_THAT(texts, Contains(HasSubstr(GetParam().message)));
  } catch (const Error& error) {
    EXPECT_FALSE(GetParam().verify) << error.what();
    EXPECT_EQ(error.code(), GetParam().code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
  }
}

INSTANTIATE_TEST_SUITE_P(, LyingIndex, ::testing::ValuesIn(kLies),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace seabag::bundle
