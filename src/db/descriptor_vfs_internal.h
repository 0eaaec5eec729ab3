// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace seabag::db {

/// The name of an SQLite file layer that opens "/proc/self/fd/N" read-only, and nothing else.
///
/// SQLite's own would resolve that link and open the name behind it, which may mean another file by
/// now, and would look for a journal and a WAL beside it. This one reads the open file, says that
/// it never changes, and answers that no other file exists. Threads: may be called concurrently.
/// Source: sqlite.org/vfs.html.
const char* descriptor_vfs();

}  // namespace seabag::db
