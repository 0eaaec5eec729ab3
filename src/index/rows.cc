// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "base/arith.h"
#include "base/text.h"
#include "index/rows_internal.h"

namespace seabag::index {

Error malformed(std::string text) {
  return {Code::kMalformed, std::move(text)};
}

std::uint64_t size_at(const db::Statement& row, int column) {
  const std::int64_t value = row.integer(column);
  if (value < 0) throw malformed(fmt::format("expected a size or an offset, got {}", value));
  return static_cast<std::uint64_t>(value);
}

std::uint32_t id_at(const db::Statement& row, int column, std::size_t count) {
  const std::int64_t value = row.integer(column);
  if (value < 0 || static_cast<std::uint64_t>(value) >= count) {
    throw malformed(fmt::format("id {} is none of the {} that there are", value, count));
  }
  return narrow<std::uint32_t>(value);
}

UtcTime time_at(const db::Statement& row, int column) {
  const std::string text = row.text(column);
  const auto time = parse_rfc3339(text);
  if (!time || to_rfc3339(*time) != text) {
    throw malformed(fmt::format("{} is not a time like 2026-11-21T05:13:00Z", quoted(text, 40)));
  }
  return *time;
}

}  // namespace seabag::index
