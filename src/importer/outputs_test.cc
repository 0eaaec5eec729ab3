// SPDX-License-Identifier: Apache-2.0
#include "importer/outputs.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::importer {
namespace {

using ::testing::HasSubstr;

class OutputsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_ / "team.bag/data/images");
    make_bundle_of(bag_);
    std::filesystem::create_directory_symlink(dir_ / "team.bag/data", dir_ / "link");
  }

  void make_bundle_of(const std::string& directory) {
    io::write_new_file(*files_, directory + "/tagmanifest-sha256.txt", {});
  }

  CommandLine line(std::vector<std::string> words) {
    words.insert(words.begin(), "seabag-import");
    std::vector<const char*> pointers;
    for (const std::string& word : words) pointers.push_back(word.c_str());
    return parse_command_line(static_cast<int>(pointers.size()), pointers.data());
  }

  std::string complaint(const CommandLine& line) {
    try {
      refuse_outputs_in_bundle(line, *files_);
      refuse_names_in_bundle(
          line, {{0, {"", "team.bag/app", "1", std::nullopt}}, {1, {"", "b", "1", std::nullopt}}},
          *files_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUsage);
      EXPECT_THAT(error.next_step(), HasSubstr("beside it"));
      return error.what();
    }
    return {};
  }

  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string bag_ = dir_ / "team.bag";
  std::string images_ = dir_ / "team.bag/data/images";
};

TEST_F(OutputsTest, AreRefusedInTheBundleByEveryOption) {
  EXPECT_THAT(complaint(line({"verify", bag_, "--damage", bag_ + "/d.json"})),
              HasSubstr("--damage: "));
  EXPECT_THAT(complaint(line({"index", bag_, "--rebuild", "--output", bag_ + "/index.sqlite"})),
              HasSubstr("--output: "));
  EXPECT_THAT(complaint(line({"push", bag_, "oci:o", "--receipt", images_ + "/images.tar"})),
              HasSubstr("--receipt: "));
  EXPECT_THAT(complaint(line({"push", bag_, "dir:d", "--disk-to", "web=" + bag_ + "/new.raw"})),
              HasSubstr("--disk-to: "));
  EXPECT_THAT(complaint(line({"push", bag_, "oci:" + bag_ + "/data/o"})), HasSubstr("TARGET: "));
  EXPECT_THAT(complaint(line({"push", bag_, "dir:" + images_})), HasSubstr("TARGET: "));
}

TEST_F(OutputsTest, AreRefusedByWhatTheirPathsLeadTo) {
  for (const std::string& path :
       {dir_ / "link/o", dir_ / "x/../team.bag/new/er", dir_ / "link/../o", bag_ + "//.", bag_}) {
    std::filesystem::create_directories(dir_ / "x");
    EXPECT_THAT(complaint(line({"push", bag_, "oci:" + path})), HasSubstr("lies in the bundle"))
        << path;
  }
  EXPECT_THAT(complaint(line({"push", bag_ + "/", "oci:" + (dir_ / "link")})),
              HasSubstr("lies in the bundle"));
}

TEST_F(OutputsTest, AreLeftToWhoeverOpensWhatIsNoBundle) {
  EXPECT_EQ(complaint(line({"push", dir_.path(), "oci:" + (dir_ / "o")})), "");
}

TEST_F(OutputsTest, MayLieBesideTheBundle) {
  EXPECT_EQ(complaint(line({"verify", bag_, "--damage", bag_ + ".json"})), "");
  EXPECT_EQ(complaint(line({"index", bag_, "--rebuild"})), "");
  EXPECT_EQ(complaint(line({"push", bag_, "oci:" + (dir_ / "new/layout"), "--receipt", "r.json"})),
            "");
  EXPECT_EQ(complaint(line({"push", bag_, "docker://h:5000/" + std::string("team.bag")})), "");
  EXPECT_EQ(complaint(line({"push", bag_, "dir:" + (dir_ / "d"), "--disk-to", "web=/dev/null"})),
            "");
}

TEST_F(OutputsTest, OfADirectoryAreRefusedWhereAnImageWouldLieInTheBundle) {
  EXPECT_THAT(complaint(line({"push", bag_, "dir:" + dir_.path()})), HasSubstr("team.bag/app"));
  const std::string disks = dir_ / "disks";
  std::filesystem::create_directory(disks);
  make_bundle_of(disks);
  EXPECT_THAT(complaint(line({"push", disks, "dir:" + dir_.path()})), HasSubstr("/disks"));
}

}  // namespace
}  // namespace seabag::importer
