// SPDX-License-Identifier: Apache-2.0
#include "io/file_system.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "io/posix_file_system.h"
#include "testing/fault_fs.h"
#include "testing/temp_dir.h"

namespace seabag::io {
namespace {

using testing::Operation;

struct PathCase {
  std::string path;
  std::string parent;
  std::string base_name;
};

TEST(Paths, HaveAParentAndABaseName) {
  const PathCase rows[] = {
      {"a/b", "a", "b"},   {"a/b/", "a", "b"},  {"a//b", "a", "b"},    {"a/b//", "a", "b"},
      {"b", ".", "b"},     {"b/", ".", "b"},    {"/b", "/", "b"},      {"//b", "/", "b"},
      {"/a/b", "/a", "b"}, {"/", "/", "/"},     {"//", "/", "/"},      {"", ".", "."},
      {".", ".", "."},     {"../x", "..", "x"}, {"a/b/c", "a/b", "c"}, {"a/..", "a", ".."},
  };
  for (const PathCase& row : rows) {
    EXPECT_EQ(parent_of(row.path), row.parent) << row.path;
    EXPECT_EQ(base_name_of(row.path), row.base_name) << row.path;
  }
}

TEST(Paths, AreJoinedByOneSlash) {
  EXPECT_EQ(join("a", "b"), "a/b");
  EXPECT_EQ(join("a/", "b"), "a/b");
  EXPECT_EQ(join("/", "b"), "/b");
}

/// The helpers over a file system that can fail.
class FileSystemTest : public ::testing::Test {
 protected:
  std::string content(const std::string& name) {
    return std::string(text_of(read_file(*real_, dir_ / name, 100)));
  }

  testing::TempDir dir_;
  std::unique_ptr<FileSystem> real_ = posix_file_system();
  testing::FaultFs files_{*real_};
};

TEST_F(FileSystemTest, ReadsAFileUpToItsLimit) {
  write_new_file(files_, dir_ / "f", bytes_of("abc"));
  EXPECT_EQ(text_of(read_file(files_, dir_ / "f", 3)), "abc");
  try {
    read_file(files_, dir_ / "f", 2);
    ADD_FAILURE() << "no Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kMalformed);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("3 bytes, more than the limit of 2"));
  }
}

TEST_F(FileSystemTest, WritesANewFileOnce) {
  write_new_file(files_, dir_ / "f", bytes_of("abc"));
  EXPECT_EQ(files_.calls(Operation::kSync), 1);
  EXPECT_EQ(files_.calls(Operation::kClose), 1);
  EXPECT_THROW(write_new_file(files_, dir_ / "f", bytes_of("def")), Error);
  EXPECT_EQ(content("f"), "abc");
}

TEST_F(FileSystemTest, ReplacesAFile) {
  replace_file(files_, dir_ / "f", bytes_of("old"));
  replace_file(files_, dir_ / "f", bytes_of("new"));
  EXPECT_EQ(content("f"), "new");
  EXPECT_EQ(real_->find(dir_ / "f.part"), std::nullopt);
}

TEST_F(FileSystemTest, PassesOverWhatAnInterruptedReplacementLeft) {
  write_new_file(files_, dir_ / "f.part", bytes_of("half"));
  replace_file(files_, dir_ / "f", bytes_of("new"));
  EXPECT_EQ(content("f"), "new");
}

TEST_F(FileSystemTest, KeepsTheOldFileWhateverCallOfAReplacementFails) {  // H1, H2
  for (const Operation operation : {Operation::kOpen, Operation::kWrite, Operation::kSync,
                                    Operation::kClose, Operation::kRename}) {
    write_new_file(*real_, dir_ / "f", bytes_of("old"));
    files_.forget_faults();
    files_.fail({.operation = operation, .error_number = ENOSPC, .writes_short = true});
    EXPECT_THROW(replace_file(files_, dir_ / "f", bytes_of("newer")), Error) << name_of(operation);
    EXPECT_EQ(content("f"), "old") << name_of(operation);
    remove_tree(*real_, dir_ / "f");
  }
}

TEST_F(FileSystemTest, SyncsTheDirectoryOfAReplacement) {
  files_.fail({.operation = Operation::kSyncDirectory});
  EXPECT_THROW(replace_file(files_, dir_ / "f", bytes_of("new")), Error);
}

TEST_F(FileSystemTest, CreatesWhatLacksAboveADirectory) {
  create_directories(files_, dir_ / "a/b/c");
  EXPECT_EQ(files_.find(dir_ / "a/b/c")->kind, FileKind::kDirectory);
  EXPECT_EQ(files_.calls(Operation::kSyncDirectory), 3) << "each parent knows its child";
  create_directories(files_, dir_ / "a/b/c");
  EXPECT_EQ(files_.calls(Operation::kMakeDirectory), 3);
}

TEST_F(FileSystemTest, RefusesAFileInPlaceOfADirectory) {
  write_new_file(files_, dir_ / "f", {});
  try {
    create_directories(files_, dir_ / "f");
    ADD_FAILURE() << "no Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
  }
}

TEST_F(FileSystemTest, RemovesATree) {
  create_directories(files_, dir_ / "t/a/b");
  write_new_file(files_, dir_ / "t/a/f", bytes_of("x"));
  remove_tree(files_, dir_ / "t");
  EXPECT_EQ(files_.find(dir_ / "t"), std::nullopt);
  EXPECT_NO_THROW(remove_tree(files_, dir_ / "t"));
}

}  // namespace
}  // namespace seabag::io
