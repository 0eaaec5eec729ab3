// SPDX-License-Identifier: Apache-2.0
#include "db/database.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "db/descriptor_vfs_internal.h"
#include "db/file_vfs_internal.h"

namespace seabag::db {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

// Instructions of SQLite's virtual machine between two looks at the budget.
constexpr int kInstructionsPerStep = 1000;
// Checking and reading our own index takes some 1,000 instructions a page; a bomb takes them
// without end.
constexpr std::uint64_t kInstructionsPerPage = 10'000;
constexpr std::uint64_t kInstructionsAtLeast = 2'000'000;

// Only open_untrusted() opens read-only.
bool is_foreign(sqlite3* connection) {
  return sqlite3_db_readonly(connection, "main") == 1;
}

Code code_of_system_error(int error_number, Code otherwise) {
  if (error_number == ENOSPC || error_number == EDQUOT) return Code::kNoSpace;
  if (error_number == EFBIG) return Code::kMediumUnfit;
  return otherwise;
}

Code code_of(sqlite3* connection, int result) {
  switch (result & 0xFF) {  // the primary code; the bits above it say more
    case SQLITE_FULL:
      return Code::kNoSpace;
    case SQLITE_IOERR:
      return code_of_system_error(sqlite3_system_errno(connection), Code::kIo);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
      return Code::kMalformed;
    case SQLITE_CANTOPEN:
      return sqlite3_system_errno(connection) == ENOENT ? Code::kNotABundle : Code::kPermission;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Code::kPermission;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::kLocked;
    case SQLITE_ERROR:
    case SQLITE_AUTH:
    case SQLITE_TOOBIG:
    case SQLITE_INTERRUPT:
      return is_foreign(connection) ? Code::kMalformed : Code::kInternal;
    default:
      return Code::kInternal;
  }
}

Error error_of(sqlite3* connection, int result) {
  if (auto failure = find_file_failure(connection)) return *std::move(failure);
  const Code code = code_of(connection, result);
  if ((result & 0xFF) == SQLITE_INTERRUPT) {
    return {code, "reading the database takes more work than a database of its size can need"};
  }
  return {code, fmt::format("database: {} (SQLite result {})",
                            printable(sqlite3_errmsg(connection)), result)};
}

void require_ok(sqlite3* connection, int result) {
  if (result != SQLITE_OK) throw error_of(connection, result);
}

const char* name_of_type(int type) {
  switch (type) {
    case SQLITE_INTEGER:
      return "INTEGER";
    case SQLITE_FLOAT:
      return "REAL";
    case SQLITE_TEXT:
      return "TEXT";
    case SQLITE_BLOB:
      return "BLOB";
    default:
      return "NULL";
  }
}

struct HeaderField {
  std::size_t offset;
  std::size_t length;
  std::uint32_t expected;
  const char* name;
};

// Source: sqlite.org/fileformat2.html, "The Database Header". Integers are big-endian.
constexpr std::array kHeaderFields = {
    HeaderField{16, 2, kPageBytes, "page size"},
    HeaderField{18, 1, 1, "write version (2 is WAL)"},
    HeaderField{19, 1, 1, "read version (2 is WAL)"},
    HeaderField{20, 1, 0, "reserved space"},
    HeaderField{21, 1, 64, "maximum payload fraction"},
    HeaderField{22, 1, 32, "minimum payload fraction"},
    HeaderField{23, 1, 32, "leaf payload fraction"},
    HeaderField{36, 4, 0, "number of free pages"},
    HeaderField{52, 4, 0, "largest root page (of vacuum modes)"},
    HeaderField{56, 4, 1, "text encoding (1 is UTF-8)"},
};

std::uint32_t big_endian(std::span<const unsigned char> bytes) {
  std::uint32_t value = 0;
  for (const unsigned char byte : bytes) value = value << 8U | byte;
  return value;
}

// What create() never writes is refused before SQLite interprets it. Returns the number of pages.
std::uint64_t require_plain_header(sqlite3* connection) {
  static constexpr std::string_view kMagic("SQLite format 3\0", 16);
  sqlite3_file* file = nullptr;
  require_ok(connection,
             sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file));
  sqlite3_int64 size = 0;
  require_ok(connection, file->pMethods->xFileSize(file, &size));
  std::array<unsigned char, 100> header = {};
  const int result = file->pMethods->xRead(file, header.data(), header.size(), 0);
  if (result != SQLITE_IOERR_SHORT_READ) require_ok(connection, result);
  if (result != SQLITE_OK || std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0) {
    throw Error(Code::kMalformed, fmt::format("not an SQLite database ({} bytes)", size));
  }
  const auto field = [&](std::size_t offset, std::size_t length) {
    return big_endian(std::span(header).subspan(offset, length));
  };
  for (const HeaderField& known : kHeaderFields) {
    const std::uint32_t value = field(known.offset, known.length);
    if (value == known.expected) continue;
    throw Error(Code::kMalformed, fmt::format("database header: {}: expected {}, got {}",
                                              known.name, known.expected, value));
  }
  if (static_cast<std::uint64_t>(size) > limits::kIndexBytes) {
    throw Error(Code::kMalformed, fmt::format("database of {} bytes, more than the limit of {}",
                                              size, limits::kIndexBytes));
  }
  const std::uint64_t pages = field(28, 4);
  if (pages == 0 || pages * kPageBytes != static_cast<std::uint64_t>(size) ||
      field(24, 4) != field(92, 4)) {
    throw Error(Code::kMalformed,
                fmt::format("database header: {} pages of {} bytes in a file of {} bytes", pages,
                            kPageBytes, size));
  }
  return pages;
}

struct Setting {
  int option;
  int value;
};

void configure(sqlite3* connection, std::span<const Setting> settings) {
  for (const Setting& setting : settings) {
    require_ok(connection, sqlite3_db_config(connection, setting.option, setting.value, nullptr));
  }
}

// For any file: string literals are in single quotes, and a schema calls no function that can do
// harm.
constexpr std::array kSettings = {
    Setting{SQLITE_DBCONFIG_DQS_DML, 0},        Setting{SQLITE_DBCONFIG_DQS_DDL, 0},
    Setting{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}, Setting{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    Setting{SQLITE_DBCONFIG_ENABLE_FKEY, 1},
};

constexpr std::array kForeignSettings = {
    Setting{SQLITE_DBCONFIG_DEFENSIVE, 1},
    Setting{SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
    Setting{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
    Setting{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
};

// Several times what our own schema and rows need.
constexpr std::array kForeignLimits = {
    Setting{SQLITE_LIMIT_LENGTH, 1'000'000},
    Setting{SQLITE_LIMIT_SQL_LENGTH, 100'000},
    Setting{SQLITE_LIMIT_COLUMN, 100},
    Setting{SQLITE_LIMIT_EXPR_DEPTH, 50},
    Setting{SQLITE_LIMIT_COMPOUND_SELECT, 3},
    Setting{SQLITE_LIMIT_VDBE_OP, 25'000},
    Setting{SQLITE_LIMIT_FUNCTION_ARG, 8},
    Setting{SQLITE_LIMIT_ATTACHED, 0},
    Setting{SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50},
    Setting{SQLITE_LIMIT_VARIABLE_NUMBER, 10},
    Setting{SQLITE_LIMIT_TRIGGER_DEPTH, 1},
    Setting{SQLITE_LIMIT_WORKER_THREADS, 0},
};

bool is_harmless_pragma(std::string_view name, const char* argument) {
  if (name == "quick_check" || name == "integrity_check") return true;
  return argument == nullptr && (name == "application_id" || name == "user_version");
}

// Reading tables and counting rows is all that a reader of a foreign file needs.
int authorize(void* /*context*/, int action, const char* first, const char* second,
              const char* /*schema*/, const char* /*trigger*/) noexcept {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return std::string_view(second) == "count" ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_PRAGMA:
      return is_harmless_pragma(first, second) ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

// Called every kInstructionsPerStep; anything but 0 stops the statement.
int spend_step(void* steps_left) noexcept {
  auto& left = *static_cast<std::uint64_t*>(steps_left);
  if (left == 0) return 1;
  --left;
  return 0;
}

sqlite3_stmt* prepare(sqlite3* connection, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result =
      sqlite3_prepare_v2(connection, sql.data(), narrow<int>(sql.size()), &statement, nullptr);
  require_ok(connection, result);
  check(statement != nullptr, "a statement has SQL in it");
  return statement;
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Statement::Statement(Database& database, std::string_view sql)
    : handle_(prepare(database.handle_.get(), sql)) {}

void Statement::require_bound(int result) const {
  require_ok(sqlite3_db_handle(handle_.get()), result);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  require_bound(sqlite3_bind_int64(handle_.get(), parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view value) {
  // A null pointer would bind NULL.
  const char* text = value.data() == nullptr ? "" : value.data();
  require_bound(sqlite3_bind_text64(handle_.get(), parameter, text, value.size(), SQLITE_TRANSIENT,
                                    SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  require_bound(sqlite3_bind_null(handle_.get(), parameter));
  return *this;
}

bool Statement::step() {
  const int result = sqlite3_step(handle_.get());
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) {
    const Error error = error_of(sqlite3_db_handle(handle_.get()), result);
    sqlite3_reset(handle_.get());
    throw error;
  }
  sqlite3_reset(handle_.get());
  return false;
}

void Statement::run() {
  check(!step(), "the statement gives no rows");
}

void Statement::require_type(int column, int expected) const {
  const int actual = sqlite3_column_type(handle_.get(), column);
  if (actual == expected) return;
  throw Error(Code::kMalformed, fmt::format("column {}: expected {}, got {}",
                                            quoted(sqlite3_column_name(handle_.get(), column)),
                                            name_of_type(expected), name_of_type(actual)));
}

std::int64_t Statement::integer(int column) const {
  require_type(column, SQLITE_INTEGER);
  return sqlite3_column_int64(handle_.get(), column);
}

std::string_view Statement::text_view(int column) const {
  require_type(column, SQLITE_TEXT);
  const unsigned char* text = sqlite3_column_text(handle_.get(), column);
  check(text != nullptr, "SQLite has memory for a text");
  return {reinterpret_cast<const char*>(text),
          static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

std::string Statement::text(int column) const {
  return std::string(text_view(column));
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

std::optional<std::string> Statement::find_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

void Database::Unregister::operator()(FileVfs* vfs) const noexcept {
  std::default_delete<FileVfs>()(vfs);
}

void Database::Close::operator()(sqlite3* connection) const noexcept {
  sqlite3_close_v2(connection);
}

Database::Database(const std::string& path, int flags, const char* vfs) try {
  sqlite3* connection = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &connection,
                                     flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
  handle_.reset(connection);  // also when it failed
  check(connection != nullptr, "SQLite has memory for a connection");
  require_ok(connection, result);
  configure(connection, kSettings);
} catch (Error& error) {
  error.add_context("opening " + quoted(path));
  throw;
}

Database Database::create(io::FileSystem& files, const std::string& path) {
  std::unique_ptr<FileVfs, Unregister> file(
      new FileVfs(files.open(path, io::OpenMode::kCreateNew)));
  Database database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, file->name());
  database.file_ = std::move(file);
  return begin_new(std::move(database));
}

Database Database::create_in_memory() {
  return begin_new(Database(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr));
}

// The journal in memory, because with none at all ROLLBACK is undefined; a file that only grows
// costs it nothing.
Database Database::begin_new(Database database) {
  database.execute(
      "PRAGMA page_size = 4096; PRAGMA encoding = 'UTF-8'; PRAGMA mmap_size = 0; PRAGMA temp_store "
      "= MEMORY;"
      "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;");
  return database;
}

Database Database::open_own(const std::string& path) {
  Database database(path, SQLITE_OPEN_READWRITE, nullptr);
  database.execute(
      "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA journal_mode = DELETE; PRAGMA "
      "synchronous = EXTRA;");
  return database;
}

Database Database::open_untrusted(const std::string& fd_path) {
  Database database(fd_path, SQLITE_OPEN_READONLY, descriptor_vfs());
  database.harden();
  return database;
}

void Database::harden() {
  sqlite3* connection = handle_.get();
  const std::uint64_t pages = require_plain_header(connection);
  configure(connection, kForeignSettings);
  for (const Setting& limit : kForeignLimits) sqlite3_limit(connection, limit.option, limit.value);
  work_left_ = std::make_unique<std::uint64_t>(
      (kInstructionsAtLeast + pages * kInstructionsPerPage) / kInstructionsPerStep);
  sqlite3_progress_handler(connection, kInstructionsPerStep, &spend_step, work_left_.get());
  execute(
      "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA "
      "query_only = ON;");
  require_ok(connection, sqlite3_set_authorizer(connection, &authorize, nullptr));
}

void Database::execute(const std::string& sql) {
  require_ok(handle_.get(), sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr));
}

void Database::close() {
  const int result = sqlite3_close(handle_.get());
  check(result != SQLITE_BUSY, "no statement outlives its database");
  require_ok(handle_.get(), result);
  check(handle_.release() != nullptr, "a database is closed once");
  if (!file_) return;
  file_->file().sync();
  file_->file().close();
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace seabag::db
