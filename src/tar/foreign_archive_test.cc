// SPDX-License-Identifier: Apache-2.0
#include "tar/foreign_archive.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/memory_sink.h"

namespace seabag::tar {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

enum class Kind { kFile, kSymbolicLink, kHardLink, kDirectory, kFifo };

struct Item {
  std::string path;
  std::string text;  // content, or where the link leads
  Kind kind = Kind::kFile;
};

struct Form {
  std::string name;
  int format = ARCHIVE_FORMAT_TAR_PAX_RESTRICTED;
  int filter = ARCHIVE_FILTER_NONE;

  friend void PrintTo(const Form& row, std::ostream* out) { *out << row.name; }
};

void fill(archive_entry* entry, const Item& item) {
  archive_entry_copy_pathname(entry, item.path.c_str());
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_filetype(entry, AE_IFREG);
  switch (item.kind) {
    case Kind::kFile:
      archive_entry_set_size(entry, static_cast<la_int64_t>(item.text.size()));
      break;
    case Kind::kHardLink:
      archive_entry_copy_hardlink(entry, item.text.c_str());
      break;
    case Kind::kSymbolicLink:
      archive_entry_set_filetype(entry, AE_IFLNK);
      archive_entry_copy_symlink(entry, item.text.c_str());
      break;
    case Kind::kDirectory:
      archive_entry_set_filetype(entry, AE_IFDIR);
      break;
    case Kind::kFifo:
      archive_entry_set_filetype(entry, AE_IFIFO);
      break;
  }
}

void require(bool ok, archive* handle) {
  if (!ok) throw Error(Code::kInternal, archive_error_string(handle));
}

void write_archive(const std::string& path, const std::vector<Item>& items, const Form& form = {}) {
  struct Free {
    void operator()(archive* handle) const { archive_write_free(handle); }
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
  };
  const std::unique_ptr<archive, Free> handle(archive_write_new());
  archive* const to = handle.get();
  require(archive_write_set_format(to, form.format) == ARCHIVE_OK, to);
  require(archive_write_add_filter(to, form.filter) == ARCHIVE_OK, to);
  require(archive_write_open_filename(to, path.c_str()) == ARCHIVE_OK, to);
  for (const Item& item : items) {
    const std::unique_ptr<archive_entry, Free> entry(archive_entry_new());
    fill(entry.get(), item);
    require(archive_write_header(to, entry.get()) == ARCHIVE_OK, to);
    if (item.kind != Kind::kFile) continue;
    const auto size = static_cast<la_ssize_t>(item.text.size());
    require(archive_write_data(to, item.text.data(), item.text.size()) == size, to);
  }
  require(archive_write_close(to) == ARCHIVE_OK, to);
}

void overwrite(const std::string& path, std::uint64_t offset, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file << bytes;
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string text_of(const ForeignArchive& archive, const std::string& member,
                    std::uint64_t offset = 0) {
  io::MemorySink sink(1U << 24U, member);
  archive.read_member(member, offset, sink);
  return std::string(io::text_of(sink.bytes()));
}

std::vector<std::pair<std::string, std::uint64_t>> members_of(const ForeignArchive& archive) {
  std::vector<std::pair<std::string, std::uint64_t>> members;
  archive.for_each_member(
      [&](const std::string& path, std::uint64_t size) { members.emplace_back(path, size); });
  return members;
}

// Exit status of GNU tar, which Debian calls essential.
int run(const std::string& command) {
  // NOLINTNEXTLINE(cert-env33-c,concurrency-mt-unsafe): fixed text around paths that we chose.
  return std::system(command.c_str());
}

// A path of its own, also among tests that run at the same time; removed at the end.
class TemporaryPath {
 public:
  TemporaryPath()
      : text_(fmt::format("{}foreign_archive_{}_{}", testing::TempDir(), ::getpid(), ++count_)) {}
  ~TemporaryPath() { std::filesystem::remove_all(text_); }
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  const std::string& text() const { return text_; }

 private:
  static inline int count_ = 0;
  std::string text_;
};

// 700,000 bytes: several buffers, and no two alike.
std::string large_text() {
  std::string text;
  for (int i = 0; text.size() < 700'000; ++i) text += fmt::format("{} ", i);
  return text;
}

class ArchiveOfForm : public testing::TestWithParam<Form> {};

TEST_P(ArchiveOfForm, IsListedAndRead) {
  const TemporaryPath path;
  const std::string large = large_text();
  const std::string deep = "blobs/" + std::string(80, 'd') + "/" + std::string(80, 'f');
  write_archive(
      path.text(),
      {{"./oci-layout", "{}"}, {"blobs", "", Kind::kDirectory}, {"large", large}, {deep, "x"}},
      GetParam());
  const ForeignArchive archive(path.text());
  EXPECT_THAT(members_of(archive),
              ElementsAre(Pair("oci-layout", 2), Pair("large", large.size()), Pair(deep, 1)));
  EXPECT_EQ(text_of(archive, "oci-layout"), "{}");
  EXPECT_EQ(text_of(archive, "large"), large);
  EXPECT_EQ(text_of(archive, "large", 300'001), large.substr(300'001));
  EXPECT_EQ(text_of(archive, "large", large.size()), "");
  EXPECT_EQ(text_of(archive, deep), "x");
}

const Form kForms[] = {
    {"Pax", ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE},
    {"Ustar", ARCHIVE_FORMAT_TAR_USTAR},
    {"GnuTar", ARCHIVE_FORMAT_TAR_GNUTAR},
    {"Gzip", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_GZIP},
    {"Bzip2", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_BZIP2},
    {"Xz", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_XZ},
    {"Lzma", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_LZMA},
    {"Zstd", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_ZSTD},
    {"Lz4", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_LZ4},
    {"Lzip", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_LZIP},
    {"Compress", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_COMPRESS},
};

INSTANTIATE_TEST_SUITE_P(, ArchiveOfForm, testing::ValuesIn(kForms),
                         [](const auto& row) { return row.param.name; });

TEST(ForeignArchive, FollowsLinksInsideTheArchive) {
  const TemporaryPath path;
  write_archive(path.text(), {{"aaa/layer.tar", "../bbb/layer.tar", Kind::kSymbolicLink},
                              {"bbb/layer.tar", "content"},
                              {"ccc/layer.tar", "./bbb/layer.tar", Kind::kHardLink},
                              {"ddd/layer.tar", "./../aaa//layer.tar", Kind::kSymbolicLink}});
  const ForeignArchive archive(path.text());
  EXPECT_THAT(members_of(archive), ElementsAre(Pair("bbb/layer.tar", 7)));
  for (const char* member : {"aaa/layer.tar", "bbb/layer.tar", "ccc/layer.tar", "ddd/layer.tar"}) {
    EXPECT_TRUE(archive.contains(member)) << member;
    EXPECT_EQ(archive.size_of(member), 7) << member;
    EXPECT_EQ(text_of(archive, member), "content") << member;
  }
}

TEST(ForeignArchive, FollowsEightLinksInARow) {
  const TemporaryPath path;
  std::vector<Item> items = {{"0", "content"}};
  for (int i = 1; i <= 9; ++i) {
    items.push_back({fmt::format("{}", i), fmt::format("{}", i - 1), Kind::kSymbolicLink});
  }
  write_archive(path.text(), items);
  const ForeignArchive archive(path.text());
  EXPECT_EQ(text_of(archive, "8"), "content");
  EXPECT_FALSE(archive.contains("9"));
}

struct NoMemberCase {
  std::string name;
  std::vector<Item> items;
  std::string message;

  friend void PrintTo(const NoMemberCase& row, std::ostream* out) { *out << row.name; }
};

class NoMember : public testing::TestWithParam<NoMemberCase> {};

TEST_P(NoMember, IsFoundUnderThatPath) {
  const TemporaryPath path;
  write_archive(path.text(), GetParam().items);
  const ForeignArchive archive(path.text());
  EXPECT_FALSE(archive.contains("a"));
  try {
    archive.size_of("a");
    FAIL() << "has a size";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIntegrity);
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
  }
}

const NoMemberCase kNoMembers[] = {
    {"Absent", {{"b", ""}}, "has no member \"a\""},
    {"Directory", {{"a", "", Kind::kDirectory}}, "has no member \"a\""},
    {"Fifo", {{"a", "", Kind::kFifo}}, "has no member \"a\""},
    {"DanglingLink", {{"a", "b", Kind::kSymbolicLink}}, "has no file behind the link \"a\""},
    {"LinkToItself", {{"a", "a", Kind::kSymbolicLink}}, "has no file behind the link \"a\""},
    {"LinksInACircle",
     {{"a", "b", Kind::kSymbolicLink}, {"b", "a", Kind::kSymbolicLink}},
     "has no file behind the link \"a\""},
    {"LinkToAnAbsolutePath",
     {{"a", "/etc/passwd", Kind::kSymbolicLink}},
     "has no file behind the link \"a\""},
    {"LinkOutOfTheArchive",
     {{"a", "../etc/passwd", Kind::kSymbolicLink}},
     "has no file behind the link \"a\""},
    {"HardLinkToAnAbsolutePath",
     {{"a", "/etc/passwd", Kind::kHardLink}},
     "has no file behind the link \"a\""},
    {"LinkToADirectory",
     {{"a", "b", Kind::kSymbolicLink}, {"b", "", Kind::kDirectory}},
     "has no file behind the link \"a\""},
};

INSTANTIATE_TEST_SUITE_P(, NoMember, testing::ValuesIn(kNoMembers),
                         [](const auto& row) { return row.param.name; });

TEST(ForeignArchive, RefusesASmallMemberAboveItsLimit) {
  const TemporaryPath path;
  write_archive(path.text(), {{"manifest.json", "12345"}});
  const ForeignArchive archive(path.text());
  EXPECT_EQ(io::text_of(archive.read_member("manifest.json", 5)), "12345");
  EXPECT_THROW(archive.read_member("manifest.json", 4), Error);
}

TEST(ForeignArchive, ReadsAMemberOfAPlainTarWithoutWhatIsBeforeIt) {
  const TemporaryPath path;
  const std::string long_path(200, 'n');
  write_archive(path.text(), {{"first", "1"}, {long_path, "2"}},
                {"", ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE});
  const ForeignArchive archive(path.text());
  overwrite(path.text(), 0, std::string(512, 'x'));
  EXPECT_EQ(text_of(archive, long_path), "2");
}

TEST(ForeignArchive, ReadsHolesAsZeros) {
  const TemporaryPath path;
  const TemporaryPath directory;
  const std::string content = "head" + std::string(1'000'000, '\0') + "tail";
  const std::string file = directory.text() + "/disk";
  std::filesystem::create_directory(directory.text());
  write_file(file, "head");
  std::filesystem::resize_file(file, content.size());
  overwrite(file, content.size() - 4, "tail");
  ASSERT_EQ(run(fmt::format("tar --sparse -C {} -cf {} disk", directory.text(), path.text())), 0);
  if (std::filesystem::file_size(path.text()) > content.size()) {
    GTEST_SKIP() << "no holes in files here";
  }
  const ForeignArchive archive(path.text());
  EXPECT_EQ(archive.size_of("disk"), content.size());
  EXPECT_TRUE(text_of(archive, "disk") == content);
  EXPECT_EQ(text_of(archive, "disk", content.size() - 5), std::string("\0tail", 5));
}

TEST(ForeignArchive, ReadsPaxTextsThatAreNotAscii) {
  const TemporaryPath path;
  const TemporaryPath directory;
  std::filesystem::create_directory(directory.text());
  write_file(directory.text() + "/\u00fcbersicht", "content");
  ASSERT_EQ(
      run(fmt::format(
          "LC_ALL=C.UTF-8 tar --format=posix --owner=J\u00fcrgen:1000 -C {} -cf {} \u00fcbersicht",
          directory.text(), path.text())),
      0);
  EXPECT_EQ(text_of(ForeignArchive(path.text()), "\u00fcbersicht"), "content");
}

TEST(ForeignArchive, IsReadByManyThreads) {
  const TemporaryPath path;
  const std::string large = large_text();
  write_archive(path.text(), {{"first", "1"}, {"large", large}});
  const ForeignArchive archive(path.text());
  std::vector<std::future<std::string>> texts(4);
  for (auto& text : texts) {
    text = std::async(std::launch::async, [&] { return text_of(archive, "large"); });
  }
  for (auto& text : texts) EXPECT_EQ(text.get(), large);
}

TEST(ForeignArchive, NoticesThatTheFileBecameShorter) {
  const TemporaryPath path;
  write_archive(path.text(), {{"large", large_text()}});
  const ForeignArchive archive(path.text());
  std::filesystem::resize_file(path.text(), 400'000);
  EXPECT_THROW(text_of(archive, "large"), Error);
}

TEST(ForeignArchive, FollowsASymbolicLinkToTheFileItself) {
  const TemporaryPath path;
  const TemporaryPath link;
  write_archive(path.text(), {{"a", "content"}});
  std::filesystem::create_symlink(path.text(), link.text());
  EXPECT_EQ(text_of(ForeignArchive(link.text()), "a"), "content");
  EXPECT_EQ(ForeignArchive(link.text()).path(), link.text());
}

void expect_refused(const std::string& path, Code code, const std::string& message) {
  try {
    const ForeignArchive archive(path);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_THAT(error.what(), HasSubstr(message));
  }
}

TEST(ForeignArchive, IsRefusedWhenItIsNotThere) {
  const TemporaryPath path;
  expect_refused(path.text(), Code::kUsage, "No such file or directory");
}

TEST(ForeignArchive, IsRefusedWhenItIsADirectory) {
  const TemporaryPath path;
  std::filesystem::create_directory(path.text());
  expect_refused(path.text(), Code::kUsage, "is not a regular file");
}

struct BadItemsCase {
  std::string name;
  std::vector<Item> items;
  std::string message;

  friend void PrintTo(const BadItemsCase& row, std::ostream* out) { *out << row.name; }
};

class RefusedArchive : public testing::TestWithParam<BadItemsCase> {};

TEST_P(RefusedArchive, SaysWhy) {
  const TemporaryPath path;
  write_archive(path.text(), GetParam().items);
  expect_refused(path.text(), Code::kMalformed, GetParam().message);
}

const BadItemsCase kBadItems[] = {
    {"PathTwice", {{"a", "1"}, {"b", ""}, {"a", "2"}}, "member path \"a\" is there twice"},
    {"PathTwiceInTwoForms", {{"a", "1"}, {".//a", "1"}}, "member path \"a\" is there twice"},
    {"FileAndLink",
     {{"a", "1"}, {"a", "b", Kind::kSymbolicLink}},
     "member path \"a\" is there twice"},
    {"AbsolutePath",
     {{"/etc/passwd", "1"}},
     "member path \"/etc/passwd\" leads out of the archive"},
    {"DotDot", {{"a/../b", "1"}}, "member path \"a/../b\" leads out of the archive"},
    {"DotDotInFront", {{"../b", "1"}}, "member path \"../b\" leads out of the archive"},
    {"TheRootItself", {{".", "1"}}, "member path \".\" leads out of the archive"},
};

INSTANTIATE_TEST_SUITE_P(, RefusedArchive, testing::ValuesIn(kBadItems),
                         [](const auto& row) { return row.param.name; });

TEST(ForeignArchive, IsRefusedWhenItsListingIsTooLarge) {
  const TemporaryPath path;
  // 70 names of a megabyte.
  std::vector<Item> items;
  const std::string name(1'000'000, 'n');
  for (int i = 10; i < 80; ++i) items.push_back({fmt::format("{}{}", i, name), ""});
  write_archive(path.text(), items, {"", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_LZ4});
  expect_refused(path.text(), Code::kMalformed, "archive has too many members");
}

TEST(ForeignArchive, IsRefusedWhenItIsNoArchive) {
  const TemporaryPath path;
  write_file(path.text(), "<html>not found</html>");
  expect_refused(path.text(), Code::kMalformed, "not a tar archive that can be read: ");
}

TEST(ForeignArchive, IsRefusedWhenItIsEmpty) {
  const TemporaryPath path;
  write_file(path.text(), "");
  expect_refused(path.text(), Code::kMalformed, "not a tar archive that can be read: ");
}

TEST(ForeignArchive, IsRefusedWhenItIsOfAnotherFormat) {
  const TemporaryPath path;
  write_archive(path.text(), {{"a", "1"}}, {"", ARCHIVE_FORMAT_CPIO_POSIX});
  expect_refused(path.text(), Code::kMalformed, "not a tar archive that can be read: ");
}

TEST(ForeignArchive, IsRefusedWhenItIsCut) {
  const TemporaryPath path;
  write_archive(path.text(), {{"a", std::string(100'000, 'x')}});
  std::filesystem::resize_file(path.text(), 50'000);
  expect_refused(path.text(), Code::kMalformed, "not a tar archive that can be read: ");
}

TEST(ForeignArchive, IsRefusedWhenACompressedOneIsCut) {
  const TemporaryPath path;
  write_archive(path.text(), {{"a", large_text()}},
                {"", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_GZIP});
  std::filesystem::resize_file(path.text(), std::filesystem::file_size(path.text()) / 2);
  expect_refused(path.text(), Code::kMalformed, "not a tar archive that can be read: ");
}

TEST(ForeignArchive, IsRefusedWhenAHeaderIsDamaged) {
  const TemporaryPath path;
  write_archive(path.text(), {{"a", "1"}, {"b", "1"}, {"c", "1"}}, {"", ARCHIVE_FORMAT_TAR_USTAR});
  overwrite(path.text(), 1024, std::string(512, 'g'));
  expect_refused(path.text(), Code::kMalformed, "not a tar archive that can be read: ");
}

}  // namespace
}  // namespace seabag::tar
