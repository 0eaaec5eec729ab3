// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// Results for standard output. A list that was cut by a full disk or a closed pipe must not look
/// like a short list, so every write is checked.
namespace seabag::cli {

/// Errors: kIo.
void print(std::string_view text, std::FILE* to = stdout);

/// Order: after the last print(); run_program() does it for standard output. Errors: kIo.
void flush_output(std::FILE* to = stdout);

/// Rows in aligned columns. The width of a column is that of its heading and its first 500 cells:
/// what comes later and is wider pushes its row to the right, so that memory does not grow with the
/// list.
///
/// Order: add() any number of times, finish() once.
class TablePrinter {
 public:
  struct Column {
    std::string heading;
    bool is_number = false;  ///< aligned on the right
  };

  TablePrinter(std::vector<Column> columns, std::function<void(std::string_view)> write);
  /// One cell a column; already harmless (base/text.h).
  void add(std::vector<std::string> cells);
  void finish();

 private:
  void write_waiting();
  void write_row(const std::vector<std::string>& cells);

  std::vector<Column> columns_;
  std::function<void(std::string_view)> write_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> waiting_;  // until the widths are known
  bool widths_are_known_ = false;
};

}  // namespace seabag::cli
