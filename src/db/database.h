// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "io/file_system.h"

struct sqlite3;
struct sqlite3_stmt;

/// SQLite with RAII, our Error and no implicit conversions.
namespace seabag::db {

class Database;
class FileVfs;

/// One prepared statement. Its Database outlives it.
///
/// Errors:  kInternal where our SQL or our use of it is wrong; kMalformed where a foreign file is
/// damaged, costs
///          more than it may, or a column has another type than asked for; kNoSpace, kIo,
///          kPermission, kLocked.
/// Threads: belongs to one Database, which belongs to one thread at a time.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  /// Parameters count from 1; text is copied.
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view value);
  Statement& bind_null(int parameter);

  bool step();  ///< true: a row is ready; false: done, and ready to be run again with new values
  void run();   ///< step() of a statement that gives no rows

  // Columns count from 0. The stored type must be the one asked for: SQLite would convert, and a
  // foreign file must not profit from that.
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  std::string_view text_view(int column) const;  ///< valid until the next step()
  bool is_null(int column) const;
  /// Nothing for NULL.
  std::optional<std::string> find_text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  void require_type(int column, int expected) const;
  void require_bound(int result) const;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

/// One connection. Page size 4096, UTF-8, foreign keys enforced.
class Database {
 public:
  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) = delete;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() = default;

  /// Fills a new file through `files`. A crash may leave it broken: it counts only once close() has
  /// returned. Errors: those of File, with their own text; kPermission if the file exists.
  static Database create(io::FileSystem& files, const std::string& path);
  /// One that is no file.
  static Database create_in_memory();
  /// A file of our own in an unfinished bundle; read and write, rollback journal, full sync.
  /// Errors: kNotABundle if there is none.
  static Database open_own(const std::string& path);
  /// A foreign file, already hashed and verified. Read-only: no side file (journal, WAL) is looked
  /// for, no lock taken, and only SELECT from tables and a few PRAGMAs run, within limits on memory
  /// and on work. `fd_path`: "/proc/self/fd/N" of the file that was hashed. The very file behind N
  /// is read, whatever its name means by now. Errors: kMalformed: not a database, or one whose
  /// header has other than the values that create() gives it. Source: sqlite.org/security.html,
  /// "Untrusted SQLite Database Files".
  static Database open_untrusted(const std::string& fd_path);

  void execute(const std::string& sql);  ///< any number of statements
  /// What create() made is on the medium when this returns. Not called: closed silently.
  /// Errors: kInternal if a Statement is left; those of File.
  void close();

 private:
  friend class Statement;
  friend class Transaction;
  struct Close {
    void operator()(sqlite3* connection) const noexcept;
  };
  struct Unregister {
    void operator()(FileVfs* vfs) const noexcept;
  };
  Database(const std::string& path, int flags, const char* vfs);
  static Database begin_new(Database database);
  void harden();

  std::unique_ptr<std::uint64_t> work_left_;   // the connection points at it, so it goes after it
  std::unique_ptr<FileVfs, Unregister> file_;  // and at this
  std::unique_ptr<sqlite3, Close> handle_;
};

/// Begins at once; rolled back when destroyed without commit().
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace seabag::db
