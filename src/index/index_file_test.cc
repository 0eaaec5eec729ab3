// SPDX-License-Identifier: Apache-2.0
#include "index/index_file.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "index/sample_internal.h"
#include "io/posix_file_system.h"

namespace seabag::index {
namespace {

using testing::HasSubstr;

class IndexFile : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    write(path_, Sample().index());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static void write(const std::string& path, const Index& index) {
    const auto files = io::posix_file_system();
    db::Database database = db::Database::create(*files, path);
    write_index(database, index);
    database.close();
  }

  Index read() const {
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    db::Database database = db::Database::open_untrusted(fmt::format("/proc/self/fd/{}", fd));
    ::close(fd);
    return read_index(database);
  }

  // Reads a file made by `sql` out of a good one, with nothing of what protects a database from its
  // owner.
  Error error_after(const std::string& sql) const {
    std::filesystem::remove(path_);
    write(path_, Sample().index());
    {
      db::Database database = db::Database::open_own(path_);
      database.execute(
          "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema "
          "= ON;"
          "CREATE TEMP TABLE saved AS SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND "
          "sql IS NOT NULL;" +
          sql);
    }
    return error_of_read();
  }

  // The same with the types of columns off while `sql` runs.
  Error error_after_untyped(const std::string& sql) const {
    return error_after(
        "UPDATE sqlite_schema SET sql = replace(replace(sql, 'STRICT, WITHOUT', 'WITHOUT'), ') "
        "STRICT', ')') "
        "WHERE type = 'table'; PRAGMA writable_schema = RESET; PRAGMA writable_schema = ON;" +
        sql +
        ";UPDATE sqlite_master SET sql = (SELECT sql FROM saved WHERE saved.name = "
        "sqlite_master.name) "
        "WHERE type = 'table'");
  }

  Error error_of_read() const {
    try {
      read();
    } catch (const Error& error) {
      return error;
    }
    return {Code::kInternal, "nothing was thrown"};
  }

  std::string contents() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void put(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }

  std::string directory_ = testing::TempDir() + "seabag_index_" + std::to_string(::getpid());
  std::string path_ = directory_ + "/index.sqlite";
};

TEST_F(IndexFile, IsReadBackAsItWasWritten) {
  const Index expected = Sample().index();
  const Index actual = read();
  EXPECT_EQ(actual.metadata, expected.metadata);
  EXPECT_EQ(dump(actual.content), dump(expected.content));
  ASSERT_EQ(actual.files.size(), expected.files.size());
  for (std::size_t i = 0; i < actual.files.size(); ++i) {
    EXPECT_EQ(actual.files[i].path, expected.files[i].path);
    EXPECT_EQ(actual.files[i].size, expected.files[i].size);
    EXPECT_EQ(actual.files[i].sha256, expected.files[i].sha256);
  }
  ASSERT_EQ(actual.locations.size(), expected.locations.size());
  for (std::size_t i = 0; i < actual.locations.size(); ++i) {
    EXPECT_EQ(actual.locations[i].blob, expected.locations[i].blob);
    EXPECT_EQ(actual.locations[i].file, expected.locations[i].file);
    EXPECT_EQ(actual.locations[i].offset, expected.locations[i].offset);
  }
  EXPECT_EQ(actual.disks, expected.disks);
}

TEST_F(IndexFile, MayBeEmpty) {
  write(path_ + "2", Index());
  path_ += "2";
  const Index index = read();
  EXPECT_TRUE(index.files.empty());
  EXPECT_EQ(dump(index.content), dump(Content()));
}

// [IDX-4]
TEST_F(IndexFile, HasTheSameBytesForTheSameIndex) {
  const std::string first = contents();
  std::filesystem::remove(path_);
  write(path_, Sample().index());
  EXPECT_EQ(digest_of(contents()).text(), digest_of(first).text());
}

// [IDX-1]
TEST_F(IndexFile, SaysWhatItIsInItsHeader) {
  const std::string header = contents().substr(0, 100);
  EXPECT_EQ(header.substr(68, 4), "SBAG");
  EXPECT_EQ(header.substr(60, 4), std::string("\0\0\0\1", 4));
  EXPECT_EQ(header.substr(16, 4), std::string("\x10\0\1\1", 4)) << "pages of 4096 bytes, no WAL";
  EXPECT_EQ(header.substr(56, 4), std::string("\0\0\0\1", 4)) << "UTF-8";
}

TEST_F(IndexFile, IsNotWrittenOutOfOrder) {
  db::Database database = db::Database::create_in_memory();
  Index index;
  index.content = Sample().content();
  EXPECT_THROW(write_index(database, index), Error);
}

struct HostileCase {
  std::string name;
  std::string sql;
  std::string message;
};

// [IDX-2]
TEST_F(IndexFile, RefusesAnotherApplicationOrVersion) {
  const std::vector<HostileCase> cases = {
      {"OtherApplication", "PRAGMA application_id = 7",
       "application id: expected 0x53424147, got 0x7"},
      {"Newer", "PRAGMA user_version = 2", "schema version: expected 1, got 2"},
      {"Older", "PRAGMA user_version = 0", "schema version: expected 1, got 0"},
  };
  for (const HostileCase& row : cases) {
    const Error error = error_after(row.sql);
    EXPECT_EQ(error.code(), Code::kUnsupported) << row.name;
    EXPECT_THAT(error.what(), HasSubstr("index.sqlite: " + row.message)) << row.name;
  }
}

// [IDX-3]
TEST_F(IndexFile, RefusesASchemaThatIsNotExactlyOurs) {
  const std::vector<HostileCase> cases = {
      {"EndlessViewForATable",
       "ALTER TABLE blobs RENAME TO hidden; CREATE VIEW blobs (id, digest, size, presence) AS WITH "
       "RECURSIVE n(i) AS "
       "(SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'sha256:', 1, 'present' FROM n",
       "schema: "},
      {"ExtraTable", "CREATE TABLE zebra (x)", "\"zebra\""},
      {"ExtraIndex", "CREATE INDEX zebra ON blobs (size)", "\"zebra\""},
      {"ExtraView", "CREATE VIEW zebra AS SELECT 1", "\"zebra\" does not belong there"},
      {"Trigger", "CREATE TRIGGER zebra AFTER INSERT ON blobs BEGIN SELECT 1; END", "\"zebra\""},
      {"VirtualTable", "CREATE VIRTUAL TABLE zebra USING fts5(x)", "\"zebra"},
      {"GeneratedColumn", "ALTER TABLE sources ADD COLUMN trap TEXT AS (hex(uri)) VIRTUAL",
       "\"sources\""},
      {"CheckThatCallsAFunction", "CREATE TABLE zebra (x CHECK (abs(x) > 0))", "\"zebra\""},
      {"NoIndex", "DROP INDEX absences_by_blob; VACUUM",
       "schema: expected index \"absences_by_blob\""},
      {"NoView", "DROP VIEW shared_blobs", "\"shared_blobs\""},
      {"LooseTable",
       "UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'blobs'",
       "\"blobs\""},
      {"OtherView", "DROP VIEW shared_blobs; CREATE VIEW shared_blobs AS SELECT 1",
       "\"shared_blobs\""},
      {"StatisticsForThePlanner", "ANALYZE", "sqlite_stat1"},
      {"HarmfulName", "CREATE VIEW \"zz\x1B[2J\" AS SELECT 1",
       "\"zz\\x1b[2J\" does not belong there"},
  };
  for (const HostileCase& row : cases) {
    const auto begin = std::chrono::steady_clock::now();
    const Error error = error_after(row.sql);
    EXPECT_EQ(error.code(), Code::kMalformed) << row.name << ": " << error.what();
    EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.name;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << row.name;
  }
}

// [IDX-6]
TEST_F(IndexFile, RefusesValuesOfAnotherType) {
  const std::vector<HostileCase> cases = {
      {"TextAsBlob", "UPDATE blobs SET digest = CAST(digest AS BLOB)", ""},
      {"IntegerAsText", "UPDATE blobs SET size = 'many'", ""},
      {"IntegerAsReal", "UPDATE blobs SET size = 9e99", ""},
      {"EmptyBlobForText", "UPDATE absences SET detail = x''", ""},
      {"UnknownWord", "UPDATE blobs SET presence = 'perhaps'", ""},
      {"NegativeSize", "UPDATE blobs SET size = -1", ""},
      {"NegativeOffset", "UPDATE locations SET offset = -1", ""},
      {"BothBlobAndReference", "UPDATE absences SET reference = 'x'",
       "either a blob or a reference"},
      {"HugeText", "UPDATE absences SET detail = hex(zeroblob(600000))", "too big"},
  };
  for (const HostileCase& row : cases) {
    const Error error = error_after_untyped(row.sql);
    EXPECT_EQ(error.code(), Code::kMalformed) << row.name << ": " << error.what();
    EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.name;
  }
}

// [IDX-5] [IDX-7] [IDX-8] [IDX-9] [IDX-10] [IDX-15]
TEST_F(IndexFile, RefusesValuesThatPointNowhereOrMeanNothing) {
  const std::vector<HostileCase> cases = {
      {"ChildNowhere", "UPDATE edges SET child = 99",
       "table edges, row 1: id 99 is none of the 13 that there are"},
      {"IndexInItself", "UPDATE edges SET child = parent WHERE role = 'child'",
       "indexes are nested deeper than 8"},
      {"NegativeChild", "UPDATE edges SET child = -1", "id -1 is none of"},
      {"ParentNoManifest",
       "UPDATE edges SET parent = (SELECT id FROM blobs WHERE size = 1500) WHERE role = 'subject'",
       "is no manifest"},
      {"MediaTypeNowhere", "UPDATE manifests SET media_type = 5", "id 5 is none of the 5"},
      {"MediaTypeZero", "UPDATE edges SET media_type = 0", "id 0 means none"},
      {"PlatformNowhere", "UPDATE edges SET platform = 3",
       "table edges, row 1: id 3 is none of the 3"},
      {"PositionBeyond32Bits", "UPDATE edges SET position = position + 4294967296",
       "id 4294967296 is none"},
      {"FileNowhere", "UPDATE locations SET file = 6 WHERE blob = 0", "id 6 is none of the 6"},
      {"BeyondTheFile", "UPDATE locations SET offset = 999999", "in a file of 1000000 bytes"},
      {"OffsetWraps", "UPDATE locations SET offset = 9223372036854775807",
       "blob ends at 92233720368547"},
      {"RepositoryNowhere", "UPDATE image_references SET repository = 2 WHERE id = 3",
       "id 2 is none of the 2"},
      {"SourceNowhere", "UPDATE image_references SET source = 1", "id 1 is none of the 1"},
      {"AbsentBlobNowhere", "UPDATE absences SET blob = 13 WHERE id = 3",
       "id 13 is none of the 13"},
      {"GapInIds", "UPDATE blobs SET id = 99 WHERE id = 12", "row 13: expected the id 12, got 99"},
      {"UpperCaseDigest",
       "UPDATE blobs SET digest = 'sha256:' || upper(substr(digest, 8)) WHERE id = 3",
       "is not a digest"},
      {"PathForADigest", "UPDATE blobs SET digest = 'sha256:../../x' WHERE id = 3",
       "\"sha256:../../x\" is not a digest"},
      {"DigestsOutOfOrder",
       "UPDATE blobs SET digest = 'sha256:' || printf('%064d', 0) WHERE id = 3",
       "the blobs are not in order"},
      {"TagsOutOfOrder", "UPDATE image_references SET tag = 'zzz' WHERE tag = '1.35'",
       "the references are not in order"},
      {"MediaTypesOutOfOrder", "UPDATE media_types SET name = '' WHERE id = 2",
       "the media types are not in order"},
      {"PathOutside", "UPDATE files SET path = 'data/../../etc/passwd' WHERE id = 0",
       "is not a path below data/"},
      {"AbsolutePath", "UPDATE files SET path = '/etc/passwd' WHERE id = 0",
       "is not a path below data/"},
      {"ChecksumOfOtherDigits", "UPDATE files SET sha256 = upper(sha256)", "is not a SHA-256"},
      {"NulInATag",
       "UPDATE image_references SET tag = CAST(x'312E3000' AS TEXT) WHERE tag = '1.35'",
       "control character in \"1.0\\x00\""},
      {"EscapeInARepository", "UPDATE repositories SET name = char(27) || name WHERE id = 0",
       "control character"},
      {"RepositoryOfNoUtf8", "UPDATE repositories SET name = CAST(x'A6' AS TEXT) WHERE id = 0",
       "\"\\xa6\" is not UTF-8"},
      {"MediaTypeOfNoUtf8", "UPDATE media_types SET name = CAST(x'62C3' AS TEXT) WHERE id = 2",
       "is not UTF-8"},
      {"TaggedReferrer", "UPDATE image_references SET tag = 'x' WHERE id = 3",
       "kind referrer with a tag"},
      {"TagWithoutATag", "UPDATE image_references SET tag = NULL WHERE id = 0",
       "kind tag without a tag"},
      {"EmptyTag", "UPDATE image_references SET tag = '' WHERE id = 0", "is empty"},
      {"TimeInWords", "UPDATE image_references SET read_at = 'yesterday'",
       "\"yesterday\" is not a time"},
      {"TimeWithOffset", "UPDATE image_references SET read_at = '2026-11-21T05:13:00+00:00'",
       "is not a time"},
  };
  for (const HostileCase& row : cases) {
    const Error error = error_after(row.sql);
    EXPECT_EQ(error.code(), Code::kMalformed) << row.name;
    EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.name;
  }
}

// [IDX-13] [IDX-14]
TEST_F(IndexFile, RefusesDisksThatMakeNoSense) {
  const std::vector<HostileCase> cases = {
      {"NameWithASlash", "UPDATE disks SET name = 'a/b' WHERE id = 0",
       "table disks, row 1: \"a/b\" is no name of a disk or server"},
      {"NameOfAnOption", "UPDATE disks SET name = '-rf' WHERE id = 0", "is no name of a disk"},
      {"EmptyName", "UPDATE disks SET name = '' WHERE id = 0", "is no name of a disk"},
      {"ServerThatClimbs", "UPDATE disks SET server = '..' WHERE id = 0", "is no name of a disk"},
      {"OutOfOrder", "UPDATE disks SET name = 'zz' WHERE id = 0", "\"web01\" stands after \"zz\""},
      {"UnknownFormat", "UPDATE disks SET format = 'qed' WHERE id = 0", "got \"qed\""},
      {"UnknownSourceFormat", "UPDATE disks SET source_format = 'x' WHERE id = 0", "got \"x\""},
      {"NoWholeSectors", "UPDATE disks SET size = 1000 WHERE id = 1", "no whole number of sectors"},
      {"NoBytes", "UPDATE disks SET size = 0, source_size = 0 WHERE id = 1",
       "0 bytes are no whole"},
      {"OtherDigest", "UPDATE disks SET content = 'sha256:00' WHERE id = 0",
       "\"sha256:00\" is no content digest"},
      {"ConfigNowhere", "UPDATE disks SET config = 6 WHERE id = 1", "id 6 is none of the 6"},
      {"BootsTwice", "UPDATE disks SET boots = 2 WHERE id = 1", "id 2 is none of the 2"},
      {"LargerAtTheSource", "UPDATE disks SET source_size = 9000 WHERE id = 1",
       "9000 bytes at the source, 8192 here"},
      {"TimeInWords", "UPDATE disks SET read_at = 'now' WHERE id = 1", "is not a time"},
      {"GapInPositions", "UPDATE disk_files SET position = 7 WHERE position = 1",
       "expected position 1, got 7"},
      {"DiskNowhere", "UPDATE disk_files SET disk = 5 WHERE disk = 1", "id 5 is none of the 2"},
      {"ZeroedBeyondTheEnd", "UPDATE disk_zeroed SET length = 1048576 WHERE offset = 8192",
       "1048576 bytes at 8192 of 1048576 bytes"},
      {"ZeroedTwice", "UPDATE disk_zeroed SET length = 4608 WHERE offset = 4096",
       "1024 bytes at 8192 of 1048576 bytes, after those up to 8704"},
      {"ZeroedNothing", "UPDATE disk_zeroed SET length = 0 WHERE offset = 4096", "0 bytes at 4096"},
  };
  for (const HostileCase& row : cases) {
    const Error error = error_after(row.sql);
    EXPECT_EQ(error.code(), Code::kMalformed) << row.name << ": " << error.what();
    EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.name;
  }
}

// [IDX-11]
TEST_F(IndexFile, SurvivesRandomDamage) {
  const std::string good = contents();
  const std::string expected = dump(read().content);
  const auto begin = std::chrono::steady_clock::now();
  int refused = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    std::string bytes = good;
    const std::size_t page = random() % (bytes.size() / 4096) * 4096;
    for (unsigned flips = 1 + random() % 8; flips > 0; --flips) {
      // Half of them where a page has its own bookkeeping.
      const std::size_t range = random() % 2 == 0 ? 64 : 4096;
      bytes[page + random() % range] = static_cast<char>(random());
    }
    put(bytes);
    const Error error = error_of_read();
    if (error.code() == Code::kInternal) continue;
    ++refused;
    EXPECT_TRUE(error.code() == Code::kMalformed || error.code() == Code::kUnsupported)
        << seed << error.what();
  }
  EXPECT_GT(refused, 100);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

// [IDX-11]
TEST_F(IndexFile, SurvivesBeingCutAnywhere) {
  const std::string good = contents();
  for (std::size_t size = 0; size < good.size(); size += 509) {
    put(good.substr(0, size));
    EXPECT_EQ(error_of_read().code(), Code::kMalformed) << size;
  }
}

// [IDX-12]
TEST_F(IndexFile, IsReadWithoutItsSideFiles) {
  for (const char* suffix : {"-journal", "-wal", "-shm"})
    std::ofstream(path_ + suffix) << "whatever";
  EXPECT_EQ(dump(read().content), dump(Sample().index().content));
}

}  // namespace
}  // namespace seabag::index
