// SPDX-License-Identifier: Apache-2.0
#include "source/range_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "io/bytes.h"
#include "io/memory_sink.h"

namespace seabag::source {
namespace {

http::Response answer_of(int status, const std::string& content_range) {
  http::Response answer;
  answer.status = status;
  if (!content_range.empty()) answer.headers.emplace_back("content-range", content_range);
  return answer;
}

TEST(RangeReader, AsksForTheRestAlone) {
  io::MemorySink memory(10, "blob");
  EXPECT_EQ(RangeReader(0, memory).headers(), http::Headers{});
  EXPECT_EQ(RangeReader(7, memory).headers(), (http::Headers{{"Range", "bytes=7-"}}));
}

struct AnswerRow {
  std::string name;
  std::uint64_t offset;
  int status;
  std::string content_range;
  bool accepted;
  bool protocol_error;
};

TEST(RangeReader, AcceptsTheRangeOrTheWhole) {
  const std::vector<AnswerRow> rows = {
      {"WholeFromTheStart", 0, 200, "", true, false},
      {"WholeInsteadOfARange", 4, 200, "", true, false},
      {"TheRange", 4, 206, "bytes 4-9/10", true, false},
      {"TheRangeOfUnknownLength", 4, 206, "bytes 4-9/*", true, false},
      {"UpperCaseUnit", 4, 206, "Bytes 4-9/10", true, false},
      {"AnotherRange", 4, 206, "bytes 3-9/10", false, true},
      {"NoRange", 4, 206, "", false, true},
      {"MultipartRange", 0, 206, "", false, true},
      {"RangeBeyond64Bits", 4, 206, "bytes 18446744073709551620-9/10", false, true},
      {"OtherUnit", 4, 206, "lines 4-9/10", false, true},
      {"NoNumber", 4, 206, "bytes -9/10", false, true},
      {"NotSatisfiable", 4, 416, "bytes */10", false, true},
      {"NotFound", 4, 404, "", false, false},
      {"ServerError", 0, 500, "", false, false},
  };
  for (const AnswerRow& row : rows) {
    io::MemorySink memory(10, "blob");
    RangeReader reader(row.offset, memory);
    const http::Response answer = answer_of(row.status, row.content_range);
    EXPECT_EQ(reader.accepts(answer), row.accepted) << row.name;
    if (!row.protocol_error) {
      EXPECT_NO_THROW(reader.require_range(answer)) << row.name;
      continue;
    }
    try {
      reader.require_range(answer);
      ADD_FAILURE() << row.name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kProtocol) << row.name;
    }
  }
}

TEST(RangeReader, DropsWhatTheCallerHasAlready) {
  io::MemorySink memory(10, "blob");
  RangeReader reader(4, memory);
  ASSERT_TRUE(reader.accepts(answer_of(200, "")));
  for (const char* chunk : {"012", "3456", "789"}) reader.write(io::bytes_of(chunk));
  EXPECT_EQ(io::text_of(memory.bytes()), "456789");
  EXPECT_EQ(reader.passed_on(), 6);
}

}  // namespace
}  // namespace seabag::source
