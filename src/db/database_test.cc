// SPDX-License-Identifier: Apache-2.0
#include "db/database.h"

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"

namespace seabag::db {
namespace {

using testing::HasSubstr;
using testing::Not;

class DatabaseFile : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override {
    if (fd_ >= 0) ::close(fd_);
    std::filesystem::remove_all(directory_);
  }

  // 200 rows over several pages, each with `word`.
  void make(const std::string& path, const std::string& word) {
    Database database = Database::create(*files_, path);
    database.execute("CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT");
    Transaction transaction(database);
    Statement insert(database, "INSERT INTO words VALUES (?, ?)");
    for (int i = 0; i < 200; ++i)
      insert.bind(1, std::int64_t{i}).bind(2, word + std::string(100, '.')).run();
    transaction.commit();
  }

  Database open_untrusted() {
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    return Database::open_untrusted(fmt::format("/proc/self/fd/{}", fd_));
  }

  static std::string first_word(Database& database) {
    Statement select(database, "SELECT word FROM words WHERE id = 0");
    EXPECT_TRUE(select.step());
    std::string word = select.text(0);
    return word.substr(0, word.find('.'));
  }

  static std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  static void put(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  static std::string message_of(const std::function<void()>& action, Code expected) {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), expected) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
  }

  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string directory_ = testing::TempDir() + "seabag_db_" + std::to_string(::getpid());
  std::string path_ = directory_ + "/index.sqlite";
  int fd_ = -1;
};

TEST_F(DatabaseFile, GivesBackWhatWasBound) {
  Database database = Database::create_in_memory();
  database.execute("CREATE TABLE t (a INTEGER, b TEXT, c TEXT)");
  Statement insert(database, "INSERT INTO t VALUES (?, ?, ?)");
  insert.bind(1, std::int64_t{-7}).bind(2, std::string_view()).bind_null(3).run();
  insert.bind(2, std::string_view("b\0b", 3)).run();
  Statement select(database, "SELECT a, b, c FROM t");
  ASSERT_TRUE(select.step());
  EXPECT_EQ(select.integer(0), -7);
  EXPECT_EQ(select.text(1), "");
  EXPECT_EQ(select.find_text(2), std::nullopt);
  ASSERT_TRUE(select.step());
  EXPECT_EQ(select.text_view(1), std::string_view("b\0b", 3));
  EXPECT_EQ(select.integer(0), -7);
  EXPECT_FALSE(select.step());
  EXPECT_TRUE(select.step()) << "a statement that is done can run again";
}

TEST_F(DatabaseFile, RefusesToConvertAColumn) {
  Database database = Database::create_in_memory();
  Statement select(database,
                   "SELECT 1 AS one, 'x' AS letter, x'00' AS byte, 9e99 AS large, NULL AS none");
  ASSERT_TRUE(select.step());
  const auto text = [&](int column) {
    return message_of([&] { select.text(column); }, Code::kMalformed);
  };
  const auto integer = [&](int column) {
    return message_of([&] { select.integer(column); }, Code::kMalformed);
  };
  EXPECT_EQ(text(0), "column \"one\": expected TEXT, got INTEGER");
  EXPECT_EQ(integer(1), "column \"letter\": expected INTEGER, got TEXT");
  EXPECT_EQ(text(2), "column \"byte\": expected TEXT, got BLOB");
  EXPECT_EQ(integer(3), "column \"large\": expected INTEGER, got REAL");
  EXPECT_EQ(integer(4), "column \"none\": expected INTEGER, got NULL");
}

TEST_F(DatabaseFile, EnforcesForeignKeys) {
  Database database = Database::create_in_memory();
  database.execute(
      "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a INTEGER REFERENCES a)");
  EXPECT_THAT(message_of([&] { database.execute("INSERT INTO b VALUES (1)"); }, Code::kInternal),
              HasSubstr("FOREIGN KEY"));
}

TEST_F(DatabaseFile, RollsBackATransactionThatIsNotCommitted) {
  make(path_, "kept");
  Database database = Database::open_own(path_);
  {
    Transaction transaction(database);
    database.execute("UPDATE words SET word = 'lost'");
  }
  EXPECT_EQ(first_word(database), "kept");
}

TEST_F(DatabaseFile, ReportsAStatementThatIsLeftAtClose) {
  Database database = Database::create_in_memory();
  const Statement left(database, "SELECT 1");
  EXPECT_THAT(message_of([&] { database.close(); }, Code::kInternal), HasSubstr("outlives"));
}

TEST_F(DatabaseFile, MapsFailuresToWhatTheUserCanDo) {
  EXPECT_THAT(message_of([&] { Database::open_own(path_); }, Code::kNotABundle), HasSubstr(path_));
  make(path_, "word");
  EXPECT_THAT(message_of([&] { Database::create(*files_, path_); }, Code::kPermission),
              HasSubstr(path_));
  Database first = Database::open_own(path_);
  const Transaction holds(first);
  Database second = Database::open_own(path_);
  message_of([&] { const Transaction waits(second); }, Code::kLocked);
  Database small = Database::create_in_memory();
  small.execute("PRAGMA max_page_count = 2; CREATE TABLE t (x)");
  message_of([&] { small.execute("CREATE TABLE u (x)"); }, Code::kNoSpace);
  put(directory_ + "/garbage", std::string(8192, 'x'));
  message_of([&] { Database::open_own(directory_ + "/garbage"); }, Code::kMalformed);
}

TEST_F(DatabaseFile, MakesMessagesPrintable) {
  Database database = Database::create_in_memory();
  EXPECT_THAT(message_of([&] { database.execute("SELECT * FROM \"\x1B]52;\""); }, Code::kInternal),
              testing::AllOf(HasSubstr("\\x1b]52;"), Not(HasSubstr("\x1B"))));
}

TEST_F(DatabaseFile, WritesTheSameBytesForTheSameRows) {
  make(path_, "word");
  make(path_ + "2", "word");
  EXPECT_EQ(contents(path_), contents(path_ + "2"));
}

TEST_F(DatabaseFile, ReadsTheOpenFileWhateverItsNameMeansByNow) {
  make(path_, "hashed");
  make(path_ + "2", "swapped");
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  std::filesystem::rename(path_ + "2", path_);
  Database database = Database::open_untrusted(fmt::format("/proc/self/fd/{}", fd));
  ::close(fd);
  EXPECT_EQ(first_word(database), "hashed");
}

// A journal of a transaction that replaced "old", left beside a file that says "sealed". It names
// `victim` as its super-journal: SQLite deletes that one once it has rolled back. Source:
// sqlite.org/fileformat2.html, section 3.
std::string hot_journal(const std::string& journal, const std::string& victim) {
  std::string bytes = journal;
  std::uint32_t sum = 0;
  for (const char c : victim) sum += static_cast<unsigned char>(c);
  const auto put = [&](std::uint32_t value) {
    for (const unsigned shift : {24U, 16U, 8U, 0U})
      bytes += static_cast<char>(value >> shift & 0xFFU);
  };
  put(0x40000000 / 4096 + 1);  // the page that is never used
  bytes += victim;
  put(static_cast<std::uint32_t>(victim.size()));
  put(sum);
  return bytes + "\xD9\xD5\x05\xF9\x20\xA1\x63\xD7";
}

// [IDX-12]
TEST_F(DatabaseFile, IsNotRolledBackByAJournalBesideAForeignFile) {
  make(path_, "old");
  const std::string victim = directory_ + "/victim";
  std::string journal;
  {
    Database database = Database::open_own(path_);
    database.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = 1");
    Transaction transaction(database);
    database.execute("UPDATE words SET word = 'sealed' || substr(word, 4)");
    journal = contents(path_ + "-journal");
    transaction.commit();
  }
  for (const bool is_trusted : {false, true}) {
    put(victim, "a key");
    put(path_ + "-journal", hot_journal(journal, victim));
    Database database = is_trusted ? Database::open_own(path_) : open_untrusted();
    EXPECT_EQ(first_word(database), is_trusted ? "old" : "sealed");
    EXPECT_EQ(std::filesystem::exists(victim), !is_trusted)
        << "SQLite alone walks into the trap, so it is one";
  }
}

// [IDX-12]
TEST_F(DatabaseFile, IsNotChangedByAWalBesideAForeignFile) {
  make(path_, "sealed");
  const std::string sealed = contents(path_);
  Database attacker = Database::open_own(path_);
  attacker.execute("PRAGMA journal_mode = WAL; UPDATE words SET word = 'stolen.'");
  const std::string wal = contents(path_ + "-wal");
  ASSERT_FALSE(wal.empty());
  attacker.close();
  for (const bool is_trusted : {false, true}) {
    put(path_, sealed);
    put(path_ + "-wal", wal);
    Database database = is_trusted ? Database::open_own(path_) : open_untrusted();
    EXPECT_EQ(first_word(database), is_trusted ? "stolen" : "sealed")
        << "SQLite alone walks into the trap";
    EXPECT_EQ(contents(path_) == sealed, !is_trusted);
  }
}

struct HeaderCase {
  std::string name;
  std::size_t offset;
  std::string bytes;
  std::string message;
};

// [IDX-11]
TEST_F(DatabaseFile, RefusesAHeaderThatWeNeverWrite) {
  const std::vector<HeaderCase> cases = {
      {"Magic", 0, "SQLite format 4", "not an SQLite database"},
      {"PageSizeOne", 16, std::string("\x00\x01", 2), "page size: expected 4096, got 1"},
      {"PageSizeOdd", 16, "\x10\x01", "page size: expected 4096, got 4097"},
      {"PageSizeLarge", 16, "\xFF\xFF", "page size: expected 4096, got 65535"},
      {"WriteVersionWal", 18, "\x02", "write version (2 is WAL): expected 1, got 2"},
      {"ReadVersionWal", 19, "\x02", "read version (2 is WAL): expected 1, got 2"},
      {"ReservedSpace", 20, "\xFF", "reserved space: expected 0, got 255"},
      {"FewerPagesThanBytes", 28, std::string("\x00\x00\x00\x01", 4),
       "1 pages of 4096 bytes in a file of"},
      {"NoPages", 28, std::string(4, '\0'), "0 pages"},
      {"OtherVersionWroteLast", 92, "\x7F", "database header"},
      {"FreePages", 36, std::string("\x00\x00\x00\x01", 4),
       "number of free pages: expected 0, got 1"},
      {"AutoVacuum", 52, std::string("\x00\x00\x00\x01", 4), "largest root page"},
      {"Utf16", 56, std::string("\x00\x00\x00\x02", 4),
       "text encoding (1 is UTF-8): expected 1, got 2"},
  };
  make(path_, "word");
  const std::string good = contents(path_);
  for (const HeaderCase& row : cases) {
    std::string bytes = good;
    bytes.replace(row.offset, row.bytes.size(), row.bytes);
    put(path_, bytes);
    EXPECT_THAT(message_of([&] { open_untrusted(); }, Code::kMalformed), HasSubstr(row.message))
        << row.name;
    ::close(fd_);
  }
  put(path_, good);
  std::filesystem::resize_file(path_, std::uintmax_t{1} << 40U);
  EXPECT_THAT(message_of([&] { open_untrusted(); }, Code::kMalformed),
              HasSubstr("more than the limit"));
  ::close(fd_);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{99}, good.size() - 1, good.size() - 4096}) {
    put(path_, good.substr(0, size));
    message_of([&] { open_untrusted(); }, Code::kMalformed);
    ::close(fd_);
  }
  fd_ = -1;
}

TEST_F(DatabaseFile, AllowsReadingTablesAloneInAForeignFile) {
  make(path_, "word");
  Database::open_own(path_).execute(
      "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
      "SELECT i FROM n");
  Database database = open_untrusted();
  for (const char* sql : {
           "SELECT count(*) FROM endless",
           "SELECT randomblob(1000000000)",
           "SELECT load_extension('x')",
           "SELECT * FROM pragma_database_list",
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
           "ATTACH ':memory:' AS other",
           "CREATE TEMP TABLE t (x)",
           "DELETE FROM words",
           "PRAGMA writable_schema = ON",
           "PRAGMA user_version = 2",
           "BEGIN",
       }) {
    message_of([&] { database.execute(sql); }, Code::kMalformed);
  }
  EXPECT_EQ(first_word(database), "word");
}

TEST_F(DatabaseFile, StopsWorkOutOfProportionToAForeignFile) {
  make(path_, "word");
  Database database = open_untrusted();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(
      message_of(
          [&] {
            database.execute("SELECT count(*) FROM words a, words b, words c, words d, words e");
          },
          Code::kMalformed),
      HasSubstr("more work"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(DatabaseFile, RefusesAValueBeyondTheLimitInAForeignFile) {
  make(path_, "word");
  Database::open_own(path_).execute("UPDATE words SET word = hex(zeroblob(600000)) WHERE id = 0");
  Database database = open_untrusted();
  EXPECT_THAT(message_of([&] { first_word(database); }, Code::kMalformed), HasSubstr("too big"));
}

}  // namespace
}  // namespace seabag::db
