// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::cli {
namespace {

struct Close {
  // NOLINTNEXTLINE(cert-err33-c): what a full device says was looked at before.
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

TEST(Output, ReportsADiskThatIsFull) {
  const std::unique_ptr<std::FILE, Close> full(std::fopen("/dev/full", "w"));
  ASSERT_TRUE(full);
  print("a result\n", full.get());
  try {
    flush_output(full.get());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIo);
    EXPECT_THAT(error.what(), testing::HasSubstr("No space left"));
  }
}

TEST(Output, ReportsADiskThatGetsFullInTheMiddle) {
  const std::unique_ptr<std::FILE, Close> full(std::fopen("/dev/full", "w"));
  ASSERT_TRUE(full);
  EXPECT_THROW(print(std::string(1U << 20U, 'x'), full.get()), Error);
}

std::string table(const std::vector<TablePrinter::Column>& columns,
                  const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  TablePrinter printer(columns, [&](std::string_view line) { text += line; });
  for (const auto& row : rows) printer.add(row);
  printer.finish();
  return text;
}

TEST(TablePrinter, AlignsColumns) {
  EXPECT_EQ(
      table({{"NAME"}, {"SIZE", true}, {"FROM"}}, {{"a", "1.5 GiB", "x"}, {"longer", "17", ""}}),
      "NAME       SIZE  FROM\n"
      "a       1.5 GiB  x\n"
      "longer       17  \n");
}

TEST(TablePrinter, PrintsTheHeadingOfAnEmptyTable) {
  EXPECT_EQ(table({{"NAME"}, {"SIZE", true}}, {}), "NAME  SIZE\n");
}

TEST(TablePrinter, CountsCharactersNotBytes) {
  EXPECT_EQ(table({{"A"}, {"B"}}, {{"Zürich", "x"}, {"Berlin", "y"}}),
            "A       B\nZürich  x\nBerlin  y\n");
}

TEST(TablePrinter, WritesLongTablesAsTheyCome) {
  std::size_t lines = 0;
  std::string last;
  TablePrinter printer({{"A"}, {"B"}}, [&](std::string_view line) {
    ++lines;
    last = line;
  });
  for (int i = 0; i < 500; ++i) printer.add({"a", "b"});
  EXPECT_EQ(lines, 501U);
  printer.add({"wider than all before", "b"});
  EXPECT_EQ(last, "wider than all before  b\n");
  printer.finish();
  EXPECT_EQ(lines, 502U);
}

TEST(TablePrinter, RefusesARowOfAnotherLength) {
  EXPECT_THROW(table({{"A"}, {"B"}}, {{"a"}}), Error);
}

}  // namespace
}  // namespace seabag::cli
