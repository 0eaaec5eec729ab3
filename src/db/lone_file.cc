// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "db/lone_file_internal.h"

namespace seabag::db {
namespace {

int lock_nothing(sqlite3_file* /*file*/, int /*level*/) {
  return SQLITE_OK;
}

int nobody_has_lock(sqlite3_file* /*file*/, int* locked) {
  *locked = 0;
  return SQLITE_OK;
}

int sector_bytes(sqlite3_file* /*file*/) {
  return 4096;
}

int no_characteristics(sqlite3_file* /*file*/) {
  return 0;
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

sqlite3_io_methods lone_file_methods() {
  sqlite3_io_methods methods = {};
  methods.iVersion = 1;
  methods.xLock = lock_nothing;
  methods.xUnlock = lock_nothing;
  methods.xCheckReservedLock = nobody_has_lock;
  methods.xSectorSize = sector_bytes;
  methods.xDeviceCharacteristics = no_characteristics;
  return methods;
}

sqlite3_vfs lone_file_vfs() {
  const sqlite3_vfs* standard = sqlite3_vfs_find(nullptr);
  check(standard != nullptr, "SQLite has a file layer");
  sqlite3_vfs vfs = *standard;
  vfs.pNext = nullptr;
  vfs.xDelete = delete_nothing;
  vfs.xAccess = no_other_file;
  vfs.xFullPathname = name_as_it_is;
  return vfs;
}

}  // namespace seabag::db
