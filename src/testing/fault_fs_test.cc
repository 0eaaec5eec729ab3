// SPDX-License-Identifier: Apache-2.0
#include "testing/fault_fs.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "testing/temp_dir.h"

namespace seabag::testing {
namespace {

class FaultFsTest : public ::testing::Test {
 protected:
  // One call of each kind, but for open, of which there are two.
  void use_everything() {
    files_.create_directory(dir_ / "d");
    const auto file = files_.open(dir_ / "f", io::OpenMode::kCreateNew);
    file->reserve(4);
    file->write_at(0, io::bytes_of("abcd"));
    file->resize(3);
    file->sync();
    file->close();
    io::Bytes bytes(3);
    files_.open(dir_ / "f", io::OpenMode::kRead)->read_at(0, bytes);
    files_.rename(dir_ / "f", dir_ / "g");
    files_.sync_directory(dir_.path());
    files_.remove_file(dir_ / "g");
  }

  TempDir dir_;
  std::unique_ptr<io::FileSystem> real_ = io::posix_file_system();
  FaultFs files_{*real_};
};

TEST_F(FaultFsTest, PassesEverythingOnAndCounts) {
  use_everything();
  for (const Operation operation : kOperations) {
    EXPECT_EQ(files_.calls(operation), operation == Operation::kOpen ? 2 : 1) << name_of(operation);
  }
}

TEST_F(FaultFsTest, FailsEachKindAsTheRealOneDoes) {
  for (const Operation operation : kOperations) {
    files_.forget_faults();
    files_.fail({.operation = operation, .error_number = ENOSPC});
    try {
      use_everything();
      ADD_FAILURE() << name_of(operation) << " did not fail";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kNoSpace) << name_of(operation);
    }
    io::remove_tree(*real_, dir_ / "d");
    io::remove_tree(*real_, dir_ / "f");
    io::remove_tree(*real_, dir_ / "g");
  }
}

TEST_F(FaultFsTest, FailsTheNthCallOnce) {
  files_.fail({.operation = Operation::kSyncDirectory, .nth = 2});
  EXPECT_NO_THROW(files_.sync_directory(dir_.path()));
  EXPECT_THROW(files_.sync_directory(dir_.path()), Error);
  EXPECT_NO_THROW(files_.sync_directory(dir_.path()));
}

TEST_F(FaultFsTest, FailsForEverFromTheNthCallOn) {
  files_.fail({.operation = Operation::kSyncDirectory, .nth = 2, .for_ever = true});
  EXPECT_NO_THROW(files_.sync_directory(dir_.path()));
  EXPECT_THROW(files_.sync_directory(dir_.path()), Error);
  EXPECT_THROW(files_.sync_directory(dir_.path()), Error);
}

TEST_F(FaultFsTest, LetsTheFirstHalfOfAShortWriteLand) {
  files_.fail({.operation = Operation::kWrite, .error_number = ENOSPC, .writes_short = true});
  const auto file = files_.open(dir_ / "f", io::OpenMode::kCreateNew);
  EXPECT_THROW(file->write_at(0, io::bytes_of("abcd")), Error);
  EXPECT_EQ(io::text_of(io::read_file(*real_, dir_ / "f", 10)), "ab");
}

}  // namespace
}  // namespace seabag::testing
