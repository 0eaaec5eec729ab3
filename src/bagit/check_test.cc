// SPDX-License-Identifier: Apache-2.0
#include "bagit/check.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "digest/hasher.h"
#include "io/posix_file_system.h"

namespace seabag::bagit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

namespace fs = std::filesystem;

const digest::Digest kAny = digest::digest_of({});

class Bag : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(bag_);
    fs::create_directories(bag_ + "/data/images");
    for (const char* name : {"bagit.txt", "bag-info.txt", "manifest-sha256.txt",
                             "tagmanifest-sha256.txt", "index.sqlite", "data/images/images.tar"}) {
      put(name);
    }
  }
  void TearDown() override { fs::remove_all(bag_); }

  std::string at(const std::string& path) const { return bag_ + "/" + path; }
  void put(const std::string& path) const { std::ofstream(at(path)).close(); }
  BagReport report() { return check_complete(*files_, bag_, payload_, tags_); }

  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string bag_ = testing::TempDir() + "seabag_bag_" + std::to_string(::getpid());
  std::vector<ManifestEntry> payload_ = {{kAny, "data/images/images.tar"}};
  std::vector<ManifestEntry> tags_ = {{kAny, "bag-info.txt"},
                                      {kAny, "bagit.txt"},
                                      {kAny, "index.sqlite"},
                                      {kAny, "manifest-sha256.txt"}};
};

void expect_complete(const BagReport& found) {
  EXPECT_THAT(found.missing, IsEmpty());
  EXPECT_THAT(found.unexpected, IsEmpty());
  EXPECT_THAT(found.malformed, IsEmpty());
}

// [BAG-1]
TEST_F(Bag, IsCompleteWhenAllThatIsListedIsThere) {
  expect_complete(report());
}

TEST_F(Bag, MayBeReachedThroughALink) {
  const std::string link = bag_ + ".link";
  fs::remove(link);
  fs::create_directory_symlink(bag_, link);
  expect_complete(check_complete(*files_, link, payload_, tags_));
  fs::remove(link);
}

// [BAG-12]
TEST_F(Bag, LacksAListedFile) {
  fs::remove(at("data/images/images.tar"));
  fs::remove(at("index.sqlite"));
  EXPECT_THAT(report().missing,
              ElementsAre("\"data/images/images.tar\" is missing", "\"index.sqlite\" is missing"));
}

// [BAG-12]
TEST_F(Bag, LacksItsPayloadDirectory) {
  fs::remove_all(at("data"));
  payload_.clear();
  EXPECT_THAT(report().missing, ElementsAre("\"data/\" is missing"));
}

// [BAG-13]
TEST_F(Bag, HoldsFilesThatNoManifestLists) {
  put("data/images/extra.tar");
  put("notes.txt");
  fs::create_directories(at("data/images/deep/deeper"));
  fs::create_symlink("/etc/passwd", at("data/link"));
  EXPECT_THAT(report().unexpected,
              ElementsAre("\"notes.txt\" is in no manifest", "\"data/link\" is in no manifest",
                          "\"data/images/deep/\" is in no manifest",
                          "\"data/images/extra.tar\" is in no manifest"));
}

// [BAG-13]
TEST_F(Bag, ReportsNamesHarmless) {
  put("data/\x1B]52;c;x");
  EXPECT_THAT(report().unexpected, ElementsAre("\"data/\\x1b]52;c;x\" is in no manifest"));
}

void make_socket(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
}

// [BAG-14]
TEST_F(Bag, HasSomethingElseInPlaceOfAFile) {
  const std::string path = at("data/images/images.tar");
  struct Case {
    std::string name;
    std::function<void()> make;
  };
  const std::vector<Case> cases = {
      {"Link", [&] { fs::create_symlink("/etc/passwd", path); }},
      {"DanglingLink", [&] { fs::create_symlink("nowhere", path); }},
      {"Fifo", [&] { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); }},
      {"Directory", [&] { fs::create_directory(path); }},
      {"Socket", [&] { make_socket(path); }},
  };
  for (const Case& row : cases) {
    fs::remove_all(path);
    row.make();
    const BagReport found = report();
    EXPECT_THAT(found.malformed,
                ElementsAre("\"data/images/images.tar\" is refused: expected a regular file, got a "
                            "directory, a link, a pipe or the like"))
        << row.name;
    EXPECT_THAT(found.missing, IsEmpty()) << row.name;
    EXPECT_THAT(found.unexpected, IsEmpty()) << row.name;
  }
}

// [BAG-14]
TEST_F(Bag, HasALinkInPlaceOfADirectory) {
  fs::rename(at("data/images"), bag_ + ".outside");
  fs::create_directory_symlink(bag_ + ".outside", at("data/images"));
  const BagReport found = report();
  EXPECT_THAT(
      found.malformed,
      ElementsAre(
          "\"data/images/\" is refused: expected a directory, got a file, a link or the like"));
  EXPECT_THAT(found.missing, ElementsAre("\"data/images/images.tar\" is missing"));
  fs::remove_all(bag_ + ".outside");
}

// [BAG-15]
TEST_F(Bag, HoldsTagFilesThatAreRefusedListedOrNot) {
  const std::vector<std::string> names = {
      "fetch.txt",        "index.sqlite-journal", "index.sqlite-shm",   "index.sqlite-wal",
      "manifest-md5.txt", "manifest-sha512.txt",  "tagmanifest-md5.txt"};
  for (const std::string& name : names) {
    put(name);
    for (const bool is_listed : {false, true}) {
      if (is_listed) tags_.push_back({kAny, name});
      const BagReport found = report();
      EXPECT_THAT(found.malformed,
                  ElementsAre(testing::StartsWith("\"" + name + "\" is refused: ")));
      EXPECT_THAT(found.unexpected, IsEmpty());
      EXPECT_THAT(found.missing, IsEmpty());
    }
    tags_.pop_back();
    fs::remove(at(name));
  }
}

// [BAG-16]
TEST_F(Bag, HasATagManifestThatLeavesOutATagFile) {
  std::erase_if(tags_, [](const ManifestEntry& entry) { return entry.path == "bagit.txt"; });
  const BagReport found = report();
  EXPECT_THAT(found.malformed,
              ElementsAre("\"bagit.txt\" is not listed in tagmanifest-sha256.txt"));
  EXPECT_THAT(found.unexpected, ElementsAre("\"bagit.txt\" is in no manifest"));
}

// [BAG-11]
TEST_F(Bag, IsReportedInBoundedSpace) {
  for (std::size_t i = 0; i < limits::kBagFindings + 5; ++i) put("data/" + std::to_string(i));
  const BagReport found = report();
  ASSERT_EQ(found.unexpected.size(), limits::kBagFindings + 1);
  EXPECT_EQ(found.unexpected.back(), "5 more, beside data/ or in it");
}

}  // namespace
}  // namespace seabag::bagit
