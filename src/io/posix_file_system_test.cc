// SPDX-License-Identifier: Apache-2.0
#include "io/posix_file_system.h"

#include <csignal>
#include <filesystem>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "base/error.h"
#include "testing/temp_dir.h"

namespace seabag::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct ErrnoCase {
  int number;
  Code code;
};

TEST(FileError, SaysWhatToDo) {
  const ErrnoCase rows[] = {
      {ENOENT, Code::kNotABundle},
      {ENOTDIR, Code::kNotABundle},
      {ENOSPC, Code::kNoSpace},
      {EDQUOT, Code::kNoSpace},
      {EACCES, Code::kPermission},
      {EPERM, Code::kPermission},
      {EROFS, Code::kPermission},
      {EEXIST, Code::kPermission},
      {EFBIG, Code::kMediumUnfit},
      {ENAMETOOLONG, Code::kMediumUnfit},
      {ELOOP, Code::kMalformed},
      {EISDIR, Code::kMalformed},
      {EIO, Code::kIo},
      {EMFILE, Code::kIo},
      {ENODEV, Code::kIo},
  };
  for (const ErrnoCase& row : rows) {
    const Error error = file_error(row.number, "writing", "a\x1b");
    EXPECT_EQ(error.code(), row.code) << row.number;
    EXPECT_THAT(error.what(), HasSubstr("writing \"a\\x1b\": ")) << row.number;
  }
  EXPECT_THAT(file_error(EMFILE, "opening", "a").next_step(), HasSubstr("ulimit -n"));
}

class PosixFileSystemTest : public ::testing::Test {
 protected:
  /// The code of the Error that `action` throws.
  template <class Action>
  static Code code_of(Action action) {
    try {
      action();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "no Error";
    return Code::kInternal;
  }

  void write(const std::string& name, std::string_view text) {
    write_new_file(*files_, dir_ / name, bytes_of(text));
  }

  testing::TempDir dir_;
  std::unique_ptr<FileSystem> files_ = posix_file_system();
};

constexpr OpenMode kOpenModes[] = {OpenMode::kRead, OpenMode::kReadWrite};

TEST_F(PosixFileSystemTest, RefusesASymbolicLink) {
  write("victim", "x");
  std::filesystem::create_symlink("victim", dir_ / "link");
  std::filesystem::create_symlink("nowhere", dir_ / "dangling");
  for (const OpenMode mode : kOpenModes) {
    EXPECT_EQ(code_of([&] { files_->open(dir_ / "link", mode); }), Code::kMalformed);
    EXPECT_EQ(code_of([&] { files_->open(dir_ / "dangling", mode); }), Code::kMalformed);
  }
  EXPECT_EQ(code_of([&] { files_->open(dir_ / "dangling", OpenMode::kCreateNew); }),
            Code::kPermission);
  EXPECT_EQ(files_->find(dir_ / "nowhere"), std::nullopt);
}

TEST_F(PosixFileSystemTest, RefusesAFifoWithoutWaiting) {
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  for (const OpenMode mode : kOpenModes) {
    EXPECT_EQ(code_of([&] { files_->open(dir_ / "fifo", mode); }), Code::kMalformed);
  }
  EXPECT_NE(files_->try_lock(dir_ / "fifo"), nullptr);
}

TEST_F(PosixFileSystemTest, RefusesDirectoriesSocketsAndDevices) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  (dir_ / "s").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  for (const OpenMode mode : kOpenModes) {
    EXPECT_EQ(code_of([&] { files_->open(dir_.path(), mode); }), Code::kMalformed);
    EXPECT_EQ(code_of([&] { files_->open(dir_ / "s", mode); }), Code::kMalformed);
    EXPECT_EQ(code_of([&] { files_->open("/dev/null", mode); }), Code::kMalformed);
  }
  ::close(socket);
}

TEST_F(PosixFileSystemTest, CreatesOnlyWhatIsNew) {
  write("f", "old");
  EXPECT_EQ(code_of([&] { files_->open(dir_ / "f", OpenMode::kCreateNew); }), Code::kPermission);
  EXPECT_EQ(code_of([&] { files_->create_directory(dir_ / "f"); }), Code::kPermission);
  EXPECT_EQ(code_of([&] { files_->open(dir_ / "absent", OpenMode::kRead); }), Code::kNotABundle);
}

TEST_F(PosixFileSystemTest, SaysThatTheDirectoryOfSomethingNewIsNotThere) {
  write("file", "x");
  for (const std::string& path : {dir_ / "none/new", dir_ / "file/new"}) {
    EXPECT_EQ(code_of([&] { files_->open(path, OpenMode::kCreateNew); }), Code::kUsage) << path;
    EXPECT_EQ(code_of([&] { files_->create_directory(path); }), Code::kUsage) << path;
    EXPECT_EQ(code_of([&] { files_->open(path, OpenMode::kRead); }), Code::kNotABundle) << path;
  }
}

TEST_F(PosixFileSystemTest, ReadsAndWritesAtOffsets) {
  const auto file = files_->open(dir_ / "f", OpenMode::kCreateNew);
  file->write_at(4, bytes_of("abcd"));
  EXPECT_EQ(file->size(), 8U);
  Bytes out(5);
  file->read_at(3, out);
  EXPECT_EQ(text_of(out), std::string_view("\0abcd", 5));
  file->resize(6);
  try {
    file->read_at(3, out);
    ADD_FAILURE() << "no Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIntegrity);
    EXPECT_THAT(error.what(), HasSubstr("ends at 6, expected 2 more bytes"));
  }
  try {
    file->read_at(20, out);
    ADD_FAILURE() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("ends at 6, expected 19 more bytes"));
  }
  EXPECT_EQ(code_of([&] { file->read_at(1ULL << 63U, out); }), Code::kMalformed);
}

TEST_F(PosixFileSystemTest, ReservesWithoutChangingTheSize) {
  const auto file = files_->open(dir_ / "f", OpenMode::kCreateNew);
  file->reserve(0);
  file->reserve(1U << 20U);
  EXPECT_EQ(file->size(), 0U);
}

TEST_F(PosixFileSystemTest, ReportsWriteErrorsOfAReadOnlyFile) {
  write("f", "x");
  const auto file = files_->open(dir_ / "f", OpenMode::kRead);
  EXPECT_EQ(code_of([&] { file->write_at(0, bytes_of("y")); }), Code::kIo);
}

TEST_F(PosixFileSystemTest, SaysThatAFileMayNotBeSoLarge) {  // H5: as FAT32 has it at 4 GiB
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto file = files_->open(dir_ / "f", OpenMode::kCreateNew);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Bytes bytes(8192);
  const Code code = code_of([&] { file->write_at(0, bytes); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, Code::kMediumUnfit);
  EXPECT_EQ(file->size(), 4096U) << "the short write that came before";
}

TEST_F(PosixFileSystemTest, LooksWithoutFollowing) {
  write("f", "abc");
  std::filesystem::create_symlink("f", dir_ / "link");
  EXPECT_EQ(files_->find(dir_ / "f")->kind, FileKind::kRegular);
  EXPECT_EQ(files_->find(dir_ / "f")->size, 3U);
  EXPECT_EQ(files_->find(dir_ / "link")->kind, FileKind::kOther);
  EXPECT_EQ(files_->find(dir_.path())->kind, FileKind::kDirectory);
  EXPECT_EQ(files_->find(dir_ / "absent"), std::nullopt);
  EXPECT_EQ(files_->find(dir_ / "f/below"), std::nullopt);
}

TEST_F(PosixFileSystemTest, KnowsAFileByWhateverNameItHas) {
  write("f", "abc");
  write("g", "abc");
  std::filesystem::create_symlink("f", dir_ / "link");
  std::filesystem::create_symlink("loop", dir_ / "loop");
  const auto file = files_->open(dir_ / "f", OpenMode::kRead);
  ASSERT_TRUE(file->id());
  EXPECT_EQ(files_->identify(dir_ / "f"), file->id());
  EXPECT_EQ(files_->identify(dir_ / "link"), file->id());
  EXPECT_NE(files_->identify(dir_ / "g"), file->id());
  for (const char* nowhere : {"absent", "f/below", "loop"}) {
    EXPECT_EQ(files_->identify(dir_ / nowhere), std::nullopt) << nowhere;
  }
}

TEST_F(PosixFileSystemTest, KnowsWhatLiesInADirectory) {
  create_directories(*files_, dir_ / "bag/data");
  create_directories(*files_, dir_ / "other");
  write("bag/f", "abc");
  std::filesystem::create_directory_symlink(dir_ / "bag/data", dir_ / "other/in");
  std::filesystem::create_directory_symlink(dir_ / "other", dir_ / "bag/out");
  std::filesystem::create_symlink(dir_ / "bag/f", dir_ / "other/file");
  for (const char* inside : {"bag", "bag/", "bag/f", "bag/new", "bag/new/deep", "other/in",
                             "other/in/new", "other/in/../new", "other/../bag/x", "bag/f/below"}) {
    EXPECT_TRUE(lies_in(*files_, dir_ / "bag", dir_ / inside)) << inside;
  }
  for (const char* outside : {"", "bag2", "bag.json", "other/new", "other/file", "bag/out",
                              "bag/out/new", "bag/../new", "nowhere/bag/x"}) {
    EXPECT_FALSE(lies_in(*files_, dir_ / "bag", dir_ / outside)) << outside;
  }
  EXPECT_FALSE(lies_in(*files_, dir_ / "absent", dir_ / "absent/x"));
  EXPECT_FALSE(lies_in(*files_, dir_ / "bag", "relative"));
}

TEST_F(PosixFileSystemTest, ListsSorted) {
  write("b", "");
  write("a", "");
  write(".hidden", "");
  files_->create_directory(dir_ / "B");
  std::vector<std::string> names;
  for (const DirectoryEntry& entry : files_->list(dir_.path())) names.push_back(entry.name);
  EXPECT_THAT(names, ElementsAre(".hidden", "B", "a", "b"));
  EXPECT_EQ(code_of([&] { files_->list(dir_ / "absent"); }), Code::kNotABundle);
}

TEST_F(PosixFileSystemTest, RenamesFilesOverFiles) {
  write("a", "new");
  write("b", "old");
  files_->rename(dir_ / "a", dir_ / "b");
  EXPECT_EQ(text_of(read_file(*files_, dir_ / "b", 10)), "new");
  EXPECT_EQ(files_->find(dir_ / "a"), std::nullopt);
}

TEST_F(PosixFileSystemTest, RenamesDirectoriesOntoNothingAlone) {
  files_->create_directory(dir_ / "a");
  files_->create_directory(dir_ / "empty");
  EXPECT_EQ(code_of([&] { files_->rename(dir_ / "a", dir_ / "empty"); }), Code::kPermission);
  files_->rename(dir_ / "a", dir_ / "b");
  EXPECT_EQ(files_->find(dir_ / "b")->kind, FileKind::kDirectory);
}

TEST_F(PosixFileSystemTest, RemovesLinksAndNotWhatTheyPointAt) {
  files_->create_directory(dir_ / "precious");
  write("precious/f", "x");
  files_->create_directory(dir_ / "t");
  std::filesystem::create_symlink("../precious", dir_ / "t/link");
  remove_tree(*files_, dir_ / "t");
  EXPECT_EQ(files_->find(dir_ / "t"), std::nullopt);
  EXPECT_TRUE(files_->find(dir_ / "precious/f"));
  std::filesystem::create_symlink("precious", dir_ / "link");
  remove_tree(*files_, dir_ / "link");
  EXPECT_TRUE(files_->find(dir_ / "precious/f"));
}

TEST_F(PosixFileSystemTest, LocksOnce) {
  auto first = files_->try_lock(dir_.path());
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(files_->try_lock(dir_.path()), nullptr);
  first.reset();
  EXPECT_NE(files_->try_lock(dir_.path()), nullptr);
  EXPECT_EQ(code_of([&] { files_->try_lock(dir_ / "absent"); }), Code::kNotABundle);
}

TEST_F(PosixFileSystemTest, KnowsWhichPathsLeadToOnePlace) {
  std::filesystem::create_directory(dir_ / "d");
  std::filesystem::create_symlink("d", dir_ / "link");
  const std::string place = files_->place_of(dir_ / "d/new");
  for (const char* path : {"link/new", "./d//new", "d/../link/new"}) {
    EXPECT_EQ(files_->place_of(dir_ / path), place) << path;
  }
  EXPECT_NE(files_->place_of(dir_ / "d/other"), place);
  EXPECT_EQ(files_->place_of("new"), files_->place_of("./new"));
}

TEST_F(PosixFileSystemTest, SyncsDirectories) {
  EXPECT_NO_THROW(files_->sync_directory(dir_.path()));
  EXPECT_EQ(code_of([&] { files_->sync_directory(dir_ / "absent"); }), Code::kNotABundle);
}

TEST_F(PosixFileSystemTest, KnowsTheFreeSpace) {
  EXPECT_GT(files_->available_bytes(dir_.path()), 0U);
  EXPECT_EQ(code_of([&] { files_->available_bytes(dir_ / "absent"); }), Code::kNotABundle);
}

TEST_F(PosixFileSystemTest, KnowsTheLargestFile) {
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 1U << 20U;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_EQ(files_->largest_file(dir_.path()), 1U << 20U);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_GT(files_->largest_file(dir_.path()), 1U << 20U);
  EXPECT_EQ(code_of([&] { files_->largest_file(dir_ / "absent"); }), Code::kNotABundle);
}

TEST_F(PosixFileSystemTest, HandsOutDescriptorsThatCanBeReopened) {
  write("f", "abc");
  const auto file = files_->open(dir_ / "f", OpenMode::kRead);
  EXPECT_TRUE(std::filesystem::exists("/proc/self/fd/" + std::to_string(file->descriptor())));
}

}  // namespace
}  // namespace seabag::io
