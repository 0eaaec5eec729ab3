// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace seabag::cli {
namespace {

constexpr std::size_t kRowsForWidths = 500;

Error write_error(int error_number) {
  return {Code::kIo,
          "writing to standard output: " + std::generic_category().message(error_number)};
}

// Characters of well-formed UTF-8: every byte but the continuations (10xxxxxx).
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

void print(std::string_view text, std::FILE* to) {
  if (std::fwrite(text.data(), 1, text.size(), to) != text.size()) throw write_error(errno);
}

void flush_output(std::FILE* to) {
  if (std::fflush(to) != 0) throw write_error(errno);
}

TablePrinter::TablePrinter(std::vector<Column> columns, std::function<void(std::string_view)> write)
    : columns_(std::move(columns)), write_(std::move(write)) {
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  waiting_.push_back(std::move(headings));
}

void TablePrinter::add(std::vector<std::string> cells) {
  check(cells.size() == columns_.size(), "a row of another number of cells than the table has");
  if (widths_are_known_) {
    write_row(cells);
    return;
  }
  waiting_.push_back(std::move(cells));
  if (waiting_.size() > kRowsForWidths) write_waiting();
}

void TablePrinter::finish() {
  if (!widths_are_known_) write_waiting();
}

void TablePrinter::write_waiting() {
  widths_.assign(columns_.size(), 0);
  for (const auto& row : waiting_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths_[i] = std::max(widths_[i], width_of(row[i]));
    }
  }
  widths_are_known_ = true;
  for (const auto& row : std::exchange(waiting_, {})) write_row(row);
}

void TablePrinter::write_row(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += "  ";
    const std::size_t width = width_of(cells[i]);
    const std::string padding(widths_[i] - std::min(widths_[i], width), ' ');
    const bool is_last = i + 1 == cells.size();
    line += columns_[i].is_number ? padding + cells[i] : cells[i] + (is_last ? "" : padding);
  }
  write_(line + "\n");
}

}  // namespace seabag::cli
