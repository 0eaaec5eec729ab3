// SPDX-License-Identifier: Apache-2.0
#include "bundle/tag_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bundle/opened.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TagFilesOfABundle : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "sample.bag");
  sample_bundle::Sample sample_ = sample_bundle::make_sample();
  digest::Digest seal_ = write_sample(*files_, path_, sample_, {});

  std::string at(const std::string& name) const { return io::join(path_, name); }
  std::string text_of(const std::string& name) const {
    const io::Bytes bytes = io::read_file(*files_, at(name), 1U << 20U);
    return std::string(io::text_of(bytes));
  }
  void replace(const std::string& name, const std::string& text) const {
    io::replace_file(*files_, at(name), io::bytes_of(text));
  }
};

TEST_F(TagFilesOfABundle, AreLeftWhereTheyAreRight) {
  EXPECT_THAT(mend_tag_files(*files_, path_, seal_, {}, {}), IsEmpty());
}

TEST_F(TagFilesOfABundle, AreMadeAgainFromTheIndex) {  // [DMG-12]
  for (const std::string name : {"bagit.txt", "manifest-sha256.txt"}) {
    const std::string right = text_of(name);
    files_->remove_file(at(name));
    EXPECT_THAT(mend_tag_files(*files_, path_, std::nullopt, {}, {}), ElementsAre(name));
    EXPECT_EQ(text_of(name), right);
    replace(name, right + "x");
    EXPECT_THAT(mend_tag_files(*files_, path_, std::nullopt, {}, {}), ElementsAre(name));
    EXPECT_EQ(text_of(name), right);
  }
  OpenedBundle::open(*files_, path_, seal_);
}

TEST_F(TagFilesOfABundle, AreLeftWhereWhatFollowsIsNotWhatWasSealed) {  // [DMG-12]
  // The sample's bag-info.txt is not the one that an export writes.
  replace("bag-info.txt", "Bagging-Date: 2024-01-02\n");
  EXPECT_THAT(mend_tag_files(*files_, path_, seal_, {}, {}), IsEmpty());
  EXPECT_EQ(text_of("bag-info.txt"), "Bagging-Date: 2024-01-02\n");
}

TEST_F(TagFilesOfABundle, AreNotMadeFromADamagedIndex) {
  const std::string index = text_of("index.sqlite");
  replace("index.sqlite", index + "x");
  replace("manifest-sha256.txt", "x");
  EXPECT_THAT(mend_tag_files(*files_, path_, seal_, {}, {}), IsEmpty());
}

TEST_F(TagFilesOfABundle, GiveTheTagManifestIfTheSealIsKnown) {  // [DMG-12]
  const std::string right = text_of("tagmanifest-sha256.txt");
  replace("tagmanifest-sha256.txt", "x");
  EXPECT_THAT(mend_tag_files(*files_, path_, std::nullopt, {}, {}), IsEmpty());
  EXPECT_THAT(mend_tag_files(*files_, path_, seal_, {}, {}), ElementsAre("tagmanifest-sha256.txt"));
  EXPECT_EQ(text_of("tagmanifest-sha256.txt"), right);
  files_->remove_file(at("tagmanifest-sha256.txt"));
  EXPECT_THAT(mend_tag_files(*files_, path_, seal_, {}, {}), ElementsAre("tagmanifest-sha256.txt"));
}

class TagFilesWithACopy : public TagFilesOfABundle {
 protected:
  static constexpr const char* kNames[] = {"index.sqlite", "bagit.txt", "bag-info.txt",
                                           "manifest-sha256.txt", "tagmanifest-sha256.txt"};

  void SetUp() override {
    files_->create_directory(copy_);
    for (const std::string name : kNames) put_into_copy(name, text_of(name));
  }
  void put_into_copy(const std::string& name, const std::string& text) const {
    io::replace_file(*files_, io::join(copy_, name), io::bytes_of(text));
  }
  std::vector<std::string> mend() const {
    return mend_tag_files(*files_, path_, seal_, {io::join(dir_.path(), "nothing"), copy_}, {});
  }

  std::string copy_ = io::join(dir_.path(), "copy.bag");
};

TEST_F(TagFilesWithACopy, AreTakenFromIt) {  // [DMG-13]
  for (const std::string name : kNames) {
    const std::string right = text_of(name);
    replace(name, "x");
    EXPECT_THAT(mend(), ElementsAre(name));
    EXPECT_EQ(text_of(name), right) << name;
    files_->remove_file(at(name));
    EXPECT_THAT(mend(), ElementsAre(name));
    EXPECT_EQ(text_of(name), right) << name;
  }
  for (const std::string name : kNames) replace(name, "x");
  EXPECT_THAT(mend(), ::testing::SizeIs(std::size(kNames)));
  OpenedBundle::open(*files_, path_, seal_);
}

TEST_F(TagFilesWithACopy, AreLeftWhereTheCopysIsDamagedToo) {  // [DMG-13]
  replace("index.sqlite", "x");
  put_into_copy("index.sqlite", "y");
  EXPECT_THAT(mend(), IsEmpty());
  EXPECT_EQ(text_of("index.sqlite"), "x");
}

TEST_F(TagFilesWithACopy, AreNoWorseForWhatARunThatWasCutOffLeft) {
  for (const std::string name : kNames) replace(name + ".mending", "half");
  EXPECT_NO_THROW(OpenedBundle::open(*files_, path_, seal_));
  std::vector<std::string> problems;
  OpenedBundle::open(*files_, path_, seal_, &problems);
  EXPECT_THAT(problems, ::testing::SizeIs(std::size(kNames)));
  EXPECT_THAT(problems.front(), ::testing::HasSubstr("run it again"));
  EXPECT_THAT(mend(), IsEmpty());
  for (const std::string name : kNames) {
    EXPECT_EQ(files_->find(at(name + ".mending")), std::nullopt) << name;
  }
}

TEST_F(TagFilesWithACopy, AreMendedOverWhatARunThatWasCutOffLeft) {
  const std::string right = text_of("index.sqlite");
  files_->remove_file(at("index.sqlite"));
  replace("index.sqlite.mending", "half");
  EXPECT_THAT(mend(), ElementsAre("index.sqlite"));
  EXPECT_EQ(text_of("index.sqlite"), right);
  EXPECT_EQ(files_->find(at("index.sqlite.mending")), std::nullopt);
}

}  // namespace
}  // namespace seabag::bundle
