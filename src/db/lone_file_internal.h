// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

/// What our file layers for SQLite have in common: a file that stands alone. Nobody else has it
/// open, and no journal lies beside it.
namespace seabag::db {

/// Locks that are always had; the rest is for the caller to set.
sqlite3_io_methods lone_file_methods();

/// The system's layer, for the clock and the like, with names taken as they are and no other file
/// to be found or removed. zName, szOsFile and xOpen are for the caller to set.
sqlite3_vfs lone_file_vfs();

}  // namespace seabag::db
