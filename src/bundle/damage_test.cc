// SPDX-License-Identifier: Apache-2.0
#include "bundle/damage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "digest/hasher.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

using sample_bundle::Sample;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kTarball = "data/images/images.tar";

class DamagedBundle : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "sample.bag");
  Sample sample_ = sample_bundle::make_sample();
  digest::Digest seal_ = write_sample(*files_, path_, sample_, {});

  std::string at(const std::string& name) const { return io::join(path_, name); }

  Damage damage() const {
    std::vector<std::string> problems;
    const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt, &problems);
    transfer::NoProgress quiet;
    const VerifyReport report =
        verify(bundle, problems, {.quick = false, .jobs = 2}, quiet, std::stop_token());
    return find_damage(bundle, report);
  }

  void change(std::uint64_t offset) const {
    const auto file = files_->open(at(kTarball), io::OpenMode::kReadWrite);
    std::byte byte = {};
    file->read_at(offset, std::span(&byte, 1));
    byte ^= std::byte{1};
    file->write_at(offset, std::span(&byte, 1));
    file->close();
  }

  std::uint64_t offset_of(std::string_view bytes) const {
    const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt);
    const auto blob = bundle.graph().find(digest::digest_of(io::bytes_of(bytes)));
    return bundle.locations_of(blob.value()).front().offset;
  }
};

TEST_F(DamagedBundle, ListsNothingIfNothingIs) {
  EXPECT_FALSE(damage().is_any());
  EXPECT_FALSE(damage().needs_patch());
  EXPECT_EQ(damage().seal, seal_);
}

TEST_F(DamagedBundle, ListsAChangedBlobWithItsPlaceAndAllThatNeedIt) {  // [DMG-1] [DMG-2]
  const std::uint64_t offset = offset_of("app layer");
  change(offset + 3);
  const Damage found = damage();
  ASSERT_THAT(found.blobs, SizeIs(1));
  const DamagedBlob& blob = found.blobs.front();
  EXPECT_EQ(blob.digest, digest::digest_of(io::bytes_of("app layer")));
  EXPECT_EQ(blob.size, 9U);
  EXPECT_EQ(blob.media_type, "application/vnd.oci.image.layer.v1.tar");
  EXPECT_FALSE(blob.is_manifest);
  EXPECT_THAT(blob.places, ElementsAre(DamagedPlace{kTarball, offset}));
  EXPECT_THAT(blob.references,
              ElementsAre("localhost:5000/library/app:1.0", "localhost:5000/library/app:multi"));
  ASSERT_THAT(found.files, SizeIs(1));
  EXPECT_EQ(found.files.front().file.path, kTarball);
  EXPECT_FALSE(found.files.front().is_missing);
  EXPECT_EQ(found.frame_ranges, 0U);
  EXPECT_THAT(found.beyond_repair, IsEmpty());
}

TEST_F(DamagedBundle, ListsAManifestAsOne) {
  const oci::RawManifest& manifest = sample_.manifests.front();
  change(offset_of(io::text_of(manifest.bytes())));
  const Damage found = damage();
  ASSERT_THAT(found.blobs, SizeIs(1));
  EXPECT_TRUE(found.blobs.front().is_manifest);
  EXPECT_EQ(found.blobs.front().media_type, manifest.media_type());
}

TEST_F(DamagedBundle, ListsAHeaderAsAFrameForWhichNothingIsFetched) {
  change(offset_of("app layer") - 512);
  const Damage found = damage();
  EXPECT_THAT(found.blobs, IsEmpty());
  EXPECT_THAT(found.frames, SizeIs(1));
  EXPECT_EQ(found.frame_ranges, 1U);
  EXPECT_TRUE(found.is_any());
  EXPECT_FALSE(found.needs_patch());
  EXPECT_THAT(found.beyond_repair, IsEmpty());
}

TEST_F(DamagedBundle, AccountsForEveryByteOfTheTarball) {
  const std::uint64_t size = files_->find(at(kTarball))->size;
  for (std::uint64_t offset = 0; offset < size; offset += 61) {
    change(offset);
    const Damage found = damage();
    EXPECT_EQ(found.blobs.size() + found.frame_ranges, 1U) << "offset " << offset;
    EXPECT_THAT(found.beyond_repair, IsEmpty()) << "offset " << offset;
    change(offset);
  }
}

TEST_F(DamagedBundle, ListsAllBlobsOfATarballThatIsNotThere) {  // [DMG-3]
  files_->remove_file(at(kTarball));
  const Damage found = damage();
  EXPECT_EQ(found.blobs.size(), sample_.bytes.size());
  ASSERT_THAT(found.files, SizeIs(1));
  EXPECT_TRUE(found.files.front().is_missing);
  EXPECT_THAT(found.beyond_repair, IsEmpty());
  io::remove_tree(*files_, at("data"));
  EXPECT_EQ(damage().blobs.size(), sample_.bytes.size());
}

TEST_F(DamagedBundle, ListsWhatLiesBehindTheCutOfATarball) {
  const std::uint64_t cut = offset_of(std::string(3000, 'b')) + 100;
  const auto file = files_->open(at(kTarball), io::OpenMode::kReadWrite);
  file->resize(cut);
  file->close();
  const Damage found = damage();
  std::size_t behind = 0;
  for (const DamagedBlob& blob : found.blobs) {
    EXPECT_GT(blob.places.front().offset + blob.size, cut);
    ++behind;
  }
  EXPECT_GE(behind, 1U);
  EXPECT_GE(found.frame_ranges, 1U);
}

TEST_F(DamagedBundle, IsWhatAFindingIsAboutThatNamesItsFileOrBeginsWithIt) {
  const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt);
  VerifyReport report;
  report.damaged_files = {0};
  ASSERT_EQ(bundle.index().files[0].path, kTarball);
  report.findings = {{.text = "its headers", .file = kTarball},
                     {.text = "\"data/images/images.tar\" is missing"},
                     {.text = "\"data/images/images.tar\\\"\" is missing"},
                     {.text = "\"data/images/images.tar"},
                     {.text = "data/images/images.tar is missing"},
                     {.text = "lacks \"data/images/images.tar\""},
                     {.text = ""}};
  EXPECT_THAT(
      find_damage(bundle, report).beyond_repair,
      ElementsAre("\"data/images/images.tar\\\"\" is missing", "\"data/images/images.tar",
                  "data/images/images.tar is missing", "lacks \"data/images/images.tar\"", ""));
}

TEST_F(DamagedBundle, SaysThatAFileTooMuchIsBeyondRepair) {
  io::write_new_file(*files_, at("data/images/more.tar"), io::bytes_of("x"));
  const Damage found = damage();
  EXPECT_THAT(found.beyond_repair, ElementsAre(HasSubstr("is in no manifest")));
  EXPECT_THAT(found.files, IsEmpty());
}

}  // namespace
}  // namespace seabag::bundle
