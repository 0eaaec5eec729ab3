// SPDX-License-Identifier: Apache-2.0
#include "target/part_file.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/bytes.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::target {
namespace {

class PartFileTest : public ::testing::Test {
 protected:
  std::string read() { return std::string(io::text_of(io::read_file(*files_, path_, 100))); }

  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  testing::TempDir place_;
  std::string directory_ = place_.path();
  std::string path_ = io::join(directory_, "x");
};

TEST_F(PartFileTest, HasItsNameOnlyWhenItLanded) {
  PartFile part(*files_, path_);
  part.file().write_at(0, io::bytes_of("whole"));
  EXPECT_FALSE(files_->find(path_));
  part.land();
  EXPECT_EQ(read(), "whole");
  EXPECT_EQ(files_->list(directory_).size(), 1U);
}

TEST_F(PartFileTest, LeavesNothingWhenItDidNotLand) {
  { PartFile part(*files_, path_); }
  EXPECT_TRUE(files_->list(directory_).empty());
}

TEST_F(PartFileTest, MakesRoomForItselfAfterAnInterruptedRun) {
  io::write_new_file(*files_, path_ + ".part", io::bytes_of("half of somethi"));
  io::write_new_file(*files_, path_, io::bytes_of("old"));
  PartFile part(*files_, path_);
  part.file().write_at(0, io::bytes_of("new"));
  part.land();
  EXPECT_EQ(read(), "new");
}

// Whoever comes second takes the first one's file for what an interrupted run left.
TEST_F(PartFileTest, GivesNoNameToTheFileOfAnotherRun) {
  auto first = std::make_unique<PartFile>(*files_, path_);
  first->file().write_at(0, io::bytes_of("whole"));
  PartFile second(*files_, path_);
  second.file().write_at(0, io::bytes_of("hal"));
  try {
    first->land();
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kLocked);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("/x.part\" is not the file"));
  }
  EXPECT_FALSE(files_->find(path_));
  EXPECT_THROW(first->open_again(), Error);
  first.reset();
  second.open_again()->write_at(3, io::bytes_of("f"));
  second.land();
  EXPECT_EQ(read(), "half");
}

TEST_F(PartFileTest, DoesNotFollowAPlantedLink) {
  const std::string victim = io::join(directory_, "victim");
  io::write_new_file(*files_, victim, io::bytes_of("precious"));
  std::filesystem::create_symlink(victim, path_ + ".part");
  std::filesystem::create_symlink(victim, path_);
  PartFile part(*files_, path_);
  part.file().write_at(0, io::bytes_of("new"));
  part.land();
  EXPECT_EQ(read(), "new");
  EXPECT_EQ(io::text_of(io::read_file(*files_, victim, 100)), "precious");
}

}  // namespace
}  // namespace seabag::target
