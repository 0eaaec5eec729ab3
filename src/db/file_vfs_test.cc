// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "db/database.h"
#include "db/file_vfs_internal.h"
#include "io/posix_file_system.h"
#include "testing/fault_fs.h"
#include "testing/temp_dir.h"

namespace seabag::db {
namespace {

using ::testing::HasSubstr;
using testing::Operation;

class FailingDatabaseFile : public ::testing::Test {
 protected:
  // A transaction that is larger than SQLite's cache of pages, so that it writes before the COMMIT.
  void fill() {
    Database database = Database::create(files_, path_);
    database.execute("PRAGMA cache_size = 10");
    Transaction transaction(database);
    database.execute("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT");
    {
      Statement insert(database, "INSERT INTO words VALUES (?, ?)");
      for (int i = 0; i < 200; ++i) {
        insert.bind(1, std::int64_t{i}).bind(2, std::string(1000, 'w')).run();
      }
    }
    transaction.commit();
    database.close();
  }

  // The failures of every single call of that kind.
  void expect_each_call_to_fail(Operation operation, int error_number, Code code) {
    for (int nth = 1;; ++nth) {
      io::remove_tree(*real_, path_);
      files_.forget_faults();
      files_.fail({.operation = operation, .nth = nth, .error_number = error_number});
      const int before = files_.calls(operation);
      try {
        fill();
        ASSERT_EQ(files_.calls(operation), before + nth - 1) << "a failure was passed over";
        ASSERT_GT(nth, 1) << testing::name_of(operation) << " is never called";
        return;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), code) << testing::name_of(operation) << ' ' << nth;
        EXPECT_THAT(error.what(), HasSubstr("words.sqlite"));
      }
    }
  }

  testing::TempDir dir_;
  std::string path_ = dir_ / "words.sqlite";
  std::unique_ptr<io::FileSystem> real_ = io::posix_file_system();
  testing::FaultFs files_{*real_};
};

TEST_F(FailingDatabaseFile, TellsEveryFailureAsTheFileDoes) {
  for (const Operation operation :
       {Operation::kOpen, Operation::kWrite, Operation::kSync, Operation::kClose}) {
    expect_each_call_to_fail(operation, ENOSPC, Code::kNoSpace);
    expect_each_call_to_fail(operation, EIO, Code::kIo);
    expect_each_call_to_fail(operation, EFBIG, Code::kMediumUnfit);
    expect_each_call_to_fail(operation, EROFS, Code::kPermission);
  }
}

TEST_F(FailingDatabaseFile, IsSyncedAndClosedOnceWhenTheDatabaseIsClosed) {
  fill();
  EXPECT_EQ(files_.calls(Operation::kSync), 1);
  EXPECT_EQ(files_.calls(Operation::kClose), 1);
}

TEST_F(FailingDatabaseFile, IsLeftAloneWhenTheDatabaseIsNotClosed) {
  { const Database database = Database::create(files_, path_); }
  EXPECT_EQ(files_.calls(Operation::kSync), 0);
}

TEST_F(FailingDatabaseFile, HasNoFileBesideIt) {
  fill();
  EXPECT_EQ(real_->list(dir_.path()).size(), 1U);
}

}  // namespace
}  // namespace seabag::db
