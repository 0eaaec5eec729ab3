// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "base/utc_time.h"
#include "db/database.h"
#include "index/index_file.h"

/// Rows of a foreign index, each value held against its type and range. All Errors are kMalformed.
namespace seabag::index {

Error malformed(std::string text);

std::uint64_t size_at(const db::Statement& row, int column);
std::uint32_t id_at(const db::Statement& row, int column, std::size_t count);  ///< below `count`
UtcTime time_at(const db::Statement& row, int column);

/// Calls `take` with each row, and its position; errors get the table's name and the row.
template <class Take>
void for_each_row(db::Database& database, const char* table, const char* sql, Take take) {
  std::uint64_t position = 0;
  try {
    db::Statement rows(database, sql);
    for (; rows.step(); ++position) take(rows, position);
  } catch (Error& error) {
    error.add_context(fmt::format("table {}, row {}", table, position + 1));
    throw;
  }
}

/// The same for a table whose ids are the rows' positions, counted from `first`.
template <class Take>
void for_each_id(db::Database& database, const char* table, const char* sql, std::uint64_t first,
                 Take take) {
  for_each_row(database, table, sql, [&](const db::Statement& row, std::uint64_t position) {
    if (size_at(row, 0) != first + position) {
      throw malformed(fmt::format("expected the id {}, got {}", first + position, row.integer(0)));
    }
    take(row);
  });
}

/// Reads the tables of disks into an index whose files are read already.
void read_disks(db::Database& database, Index& index);

}  // namespace seabag::index
