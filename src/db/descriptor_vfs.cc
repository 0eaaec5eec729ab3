// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/descriptor_vfs_internal.h"

namespace seabag::db {
namespace {

// SQLite allocates szOsFile bytes and hands them out as its base class.
struct DescriptorFile {
  sqlite3_file base;
  int fd;
};

int fd_of(sqlite3_file* file) {
  return reinterpret_cast<DescriptorFile*>(file)->fd;
}

int close_file(sqlite3_file* file) {
  ::close(fd_of(file));
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* buffer, int amount, sqlite3_int64 offset) {
  auto out = std::span(static_cast<std::byte*>(buffer), static_cast<std::size_t>(amount));
  while (!out.empty()) {
    const ssize_t n = ::pread(fd_of(file), out.data(), out.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SQLITE_IOERR_READ;
    if (n == 0) break;
    offset += n;
    out = out.subspan(static_cast<std::size_t>(n));
  }
  if (out.empty()) return SQLITE_OK;
  std::ranges::fill(out, std::byte());  // what the interface asks for
  return SQLITE_IOERR_SHORT_READ;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  struct stat status = {};
  if (::fstat(fd_of(file), &status) != 0) return SQLITE_IOERR_FSTAT;
  *size = status.st_size;
  return SQLITE_OK;
}

int refuse_write(sqlite3_file* /*file*/, const void* /*bytes*/, int /*amount*/,
                 sqlite3_int64 /*at*/) {
  return SQLITE_READONLY;
}

int refuse_truncate(sqlite3_file* /*file*/, sqlite3_int64 /*size*/) {
  return SQLITE_READONLY;
}
int nothing_to_sync(sqlite3_file* /*file*/, int /*flags*/) {
  return SQLITE_OK;
}
int nothing_to_lock(sqlite3_file* /*file*/, int /*level*/) {
  return SQLITE_OK;
}
int unknown_control(sqlite3_file* /*file*/, int /*operation*/, void* /*argument*/) {
  return SQLITE_NOTFOUND;
}
int sector_size(sqlite3_file* /*file*/) {
  return 4096;
}
int characteristics(sqlite3_file* /*file*/) {
  return SQLITE_IOCAP_IMMUTABLE;
}

int nobody_locks(sqlite3_file* /*file*/, int* locked) {
  *locked = 0;
  return SQLITE_OK;
}

constexpr sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = refuse_write,
    .xTruncate = refuse_truncate,
    .xSync = nothing_to_sync,
    .xFileSize = file_size,
    .xLock = nothing_to_lock,
    .xUnlock = nothing_to_lock,
    .xCheckReservedLock = nobody_locks,
    .xFileControl = unknown_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_file(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags,
              int* out_flags) {
  file->pMethods = nullptr;  // so that SQLite does not close what was not opened
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0 || (flags & SQLITE_OPEN_READONLY) == 0) {
    return SQLITE_CANTOPEN;
  }
  const int fd = ::open(name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SQLITE_CANTOPEN;
  reinterpret_cast<DescriptorFile*>(file)->fd = fd;
  file->pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int refuse_delete(sqlite3_vfs* /*vfs*/, const char* /*name*/, int /*sync*/) {
  return SQLITE_IOERR_DELETE;
}

int exists_not(sqlite3_vfs* /*vfs*/, const char* /*name*/, int /*flags*/, int* exists) {
  *exists = 0;
  return SQLITE_OK;
}

int same_name(sqlite3_vfs* /*vfs*/, const char* name, int size, char* out) {
  const std::string_view text(name);
  if (size < 0 || text.size() >= static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
  *std::ranges::copy(text, out).out = '\0';
  return SQLITE_OK;
}

sqlite3_vfs make_vfs() {
  const sqlite3_vfs* standard = sqlite3_vfs_find(nullptr);
  check(standard != nullptr, "SQLite has a file layer");
  sqlite3_vfs vfs = *standard;  // the clock and the like
  vfs.szOsFile = sizeof(DescriptorFile);
  vfs.pNext = nullptr;
  vfs.zName = "seabag-descriptor";
  vfs.xOpen = open_file;
  vfs.xDelete = refuse_delete;
  vfs.xAccess = exists_not;
  vfs.xFullPathname = same_name;
  return vfs;
}

}  // namespace

const char* descriptor_vfs() {
  // SQLite finds file layers by name only. Registered once, never changed, and stateless.
  static sqlite3_vfs vfs = make_vfs();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  check(registered == SQLITE_OK, "SQLite takes our file layer");
  return vfs.zName;
}

}  // namespace seabag::db
