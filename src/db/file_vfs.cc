// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/arith.h"
#include "db/file_vfs_internal.h"

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

int lock_nothing(sqlite3_file* /*file*/, int /*level*/) {
  return SQLITE_OK;
}

int nobody_has_lock(sqlite3_file* /*file*/, int* locked) {
  *locked = 0;
  return SQLITE_OK;
}

int control_own(sqlite3_file* file, int operation, void* argument) {
  if (operation != kFindFileVfs) return SQLITE_NOTFOUND;
  *static_cast<const FileVfs**>(argument) = &vfs_of(file);
  return SQLITE_OK;
}

int sector_of_own(sqlite3_file* /*file*/) {
  return 4096;
}

int no_characteristics(sqlite3_file* /*file*/) {
  return 0;
}

constexpr sqlite3_io_methods kOwnMethods = {
    .iVersion = 1,
    .xClose = leave_open,
    .xRead = read_own,
    .xWrite = write_own,
    .xTruncate = truncate_own,
    .xSync = sync_own,
    .xFileSize = size_of_own,
    .xLock = lock_nothing,
    .xUnlock = lock_nothing,
    .xCheckReservedLock = nobody_has_lock,
    .xFileControl = control_own,
    .xSectorSize = sector_of_own,
    .xDeviceCharacteristics = no_characteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_own_file(sqlite3_vfs* vfs, const char* /*name*/, sqlite3_file* file, int flags,
                  int* out_flags) {
  file->pMethods = nullptr;  // so that SQLite does not close what was not opened
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0) return SQLITE_CANTOPEN;
  reinterpret_cast<OwnFile*>(file)->vfs = static_cast<FileVfs*>(vfs->pAppData);
  file->pMethods = &kOwnMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int delete_nothing(sqlite3_vfs* /*vfs*/, const char* /*name*/, int /*sync*/) {
  return SQLITE_IOERR_DELETE;
}

int no_other_file(sqlite3_vfs* /*vfs*/, const char* /*name*/, int /*flags*/, int* exists) {
  *exists = 0;
  return SQLITE_OK;
}

int name_as_it_is(sqlite3_vfs* /*vfs*/, const char* name, int size, char* out) {
  const std::string_view text(name);
  if (size < 0 || text.size() >= static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
  *std::ranges::copy(text, out).out = '\0';
  return SQLITE_OK;
}

}  // namespace

FileVfs::FileVfs(std::unique_ptr<io::File> file)
    : file_(std::move(file)),
      // SQLite finds file layers by name only, so each has one of its own.
      name_(fmt::format("seabag-file-{}", fmt::ptr(this))) {
  const sqlite3_vfs* standard = sqlite3_vfs_find(nullptr);
  check(standard != nullptr, "SQLite has a file layer");
  vfs_ = *standard;  // the clock and the like
  vfs_.szOsFile = sizeof(OwnFile);
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = open_own_file;
  vfs_.xDelete = delete_nothing;
  vfs_.xAccess = no_other_file;
  vfs_.xFullPathname = name_as_it_is;
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
