// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <new>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/arith.h"
#include "db/file_vfs_internal.h"
#include "db/lone_file_internal.h"

namespace seabag::db {
namespace {

// Asks the file of a connection for its FileVfs. SQLite keeps the numbers below 100 for itself.
constexpr int kFindFileVfs = 0x5EA0BA6;

// SQLite allocates szOsFile bytes and hands them out as its base class.
struct OwnFile {
  sqlite3_file base;
  FileVfs* vfs;
};

FileVfs& vfs_of(sqlite3_file* file) {
  return *reinterpret_cast<OwnFile*>(file)->vfs;
}

// Runs `work` on the file. What it throws is kept, and `code` returned: no exception may go through
// SQLite.
template <class Work>
int guarded(sqlite3_file* file, int code, const Work& work) noexcept {
  FileVfs& vfs = vfs_of(file);
  try {
    return work(vfs.file());
  } catch (const Error& error) {
    vfs.keep(error);
  } catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
  }
  return code;
}

int leave_open(sqlite3_file* /*file*/) {
  return SQLITE_OK;  // Database::close() syncs and closes it
}

int read_own(sqlite3_file* file, void* buffer, int amount, sqlite3_int64 offset) {
  return guarded(file, SQLITE_IOERR_READ, [&](io::File& from) {
    const auto out = std::span(static_cast<std::byte*>(buffer), static_cast<std::size_t>(amount));
    const auto begin = narrow<std::uint64_t>(offset);
    const std::uint64_t size = from.size();
    const std::uint64_t there = std::min<std::uint64_t>(out.size(), size - std::min(size, begin));
    if (there > 0) from.read_at(begin, out.first(there));
    std::ranges::fill(out.subspan(there), std::byte());  // what the interface asks for
    return there == out.size() ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  });
}

int write_own(sqlite3_file* file, const void* bytes, int amount, sqlite3_int64 offset) {
  return guarded(file, SQLITE_IOERR_WRITE, [&](io::File& to) {
    const auto length = static_cast<std::size_t>(amount);
    to.write_at(narrow<std::uint64_t>(offset), {static_cast<const std::byte*>(bytes), length});
    return SQLITE_OK;
  });
}

int truncate_own(sqlite3_file* file, sqlite3_int64 size) {
  return guarded(file, SQLITE_IOERR_TRUNCATE, [&](io::File& to) {
    to.resize(narrow<std::uint64_t>(size));
    return SQLITE_OK;
  });
}

int sync_own(sqlite3_file* file, int /*flags*/) {
  return guarded(file, SQLITE_IOERR_FSYNC, [&](io::File& to) {
    to.sync();
    return SQLITE_OK;
  });
}

int size_of_own(sqlite3_file* file, sqlite3_int64* size) {
  return guarded(file, SQLITE_IOERR_FSTAT, [&](io::File& of) {
    *size = narrow<sqlite3_int64>(of.size());
    return SQLITE_OK;
  });
}

int control_own(sqlite3_file* file, int operation, void* argument) {
  if (operation != kFindFileVfs) return SQLITE_NOTFOUND;
  *static_cast<const FileVfs**>(argument) = &vfs_of(file);
  return SQLITE_OK;
}

sqlite3_io_methods own_methods() {
  sqlite3_io_methods methods = lone_file_methods();
  methods.xClose = leave_open;
  methods.xRead = read_own;
  methods.xWrite = write_own;
  methods.xTruncate = truncate_own;
  methods.xSync = sync_own;
  methods.xFileSize = size_of_own;
  methods.xFileControl = control_own;
  return methods;
}

int open_own_file(sqlite3_vfs* vfs, const char* /*name*/, sqlite3_file* file, int flags,
                  int* out_flags) {
  file->pMethods = nullptr;  // so that SQLite does not close what was not opened
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;
  reinterpret_cast<OwnFile*>(file)->vfs = static_cast<FileVfs*>(vfs->pAppData);
  static const sqlite3_io_methods kMethods = own_methods();
  file->pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

}  // namespace

FileVfs::FileVfs(std::unique_ptr<io::File> file)
    : file_(std::move(file)),
      // SQLite finds file layers by name only, so each has one of its own.
      name_(fmt::format("seabag-file-{}", fmt::ptr(this))),
      vfs_(lone_file_vfs()) {
  vfs_.szOsFile = sizeof(OwnFile);
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = open_own_file;
  check(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK, "SQLite takes our file layer");
}

FileVfs::~FileVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

void FileVfs::keep(const Error& failure) {
  if (!failure_) failure_ = failure;
}

std::optional<Error> find_file_failure(sqlite3* connection) {
  const FileVfs* vfs = nullptr;
  const int found = sqlite3_file_control(connection, "main", kFindFileVfs, &vfs);
  if (found != SQLITE_OK || vfs == nullptr) return std::nullopt;
  return vfs->failure();
}

}  // namespace seabag::db
