// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/error.h"
#include "db/descriptor_vfs_internal.h"
#include "db/lone_file_internal.h"

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
int unknown_control(sqlite3_file* /*file*/, int /*operation*/, void* /*argument*/) {
  return SQLITE_NOTFOUND;
}
int characteristics(sqlite3_file* /*file*/) {
  return SQLITE_IOCAP_IMMUTABLE;
}

sqlite3_io_methods read_only_methods() {
  sqlite3_io_methods methods = lone_file_methods();
  methods.xClose = close_file;
  methods.xRead = read_file;
  methods.xWrite = refuse_write;
  methods.xTruncate = refuse_truncate;
  methods.xSync = nothing_to_sync;
  methods.xFileSize = file_size;
  methods.xFileControl = unknown_control;
  methods.xDeviceCharacteristics = characteristics;
  return methods;
}

int open_file(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags,
              int* out_flags) {
  file->pMethods = nullptr;  // so that SQLite does not close what was not opened
  if ((flags & SQLITE_OPEN_MAIN_DB) == 0 || (flags & SQLITE_OPEN_READONLY) == 0) {
    return SQLITE_CANTOPEN;
  }
  const int fd = ::open(name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SQLITE_CANTOPEN;
  reinterpret_cast<DescriptorFile*>(file)->fd = fd;
  static const sqlite3_io_methods kMethods = read_only_methods();
  file->pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

sqlite3_vfs make_vfs() {
  sqlite3_vfs vfs = lone_file_vfs();
  vfs.szOsFile = sizeof(DescriptorFile);
  vfs.zName = "seabag-descriptor";
  vfs.xOpen = open_file;
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
