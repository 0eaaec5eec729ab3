// SPDX-License-Identifier: Apache-2.0
#include "cli/parse_size.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::cli {
namespace {

TEST(ParseSize, TakesTheSuffixesOfGnuTools) {
  const struct {
    const char* text;
    std::uint64_t bytes;
  } cases[] = {
      {"0", 0},
      {"1000000", 1'000'000},
      {"17B", 17},
      {"500k", 512'000},
      {"10M", 10'485'760},
      {"1G", 1'073'741'824},
      {"2T", 2'199'023'255'552},
      {"64MiB", 67'108'864},
      {"64mib", 67'108'864},
      {"10MB", 10'000'000},
      {"3kB", 3'000},
      {"1TB", 1'000'000'000'000},
      {"9223372036854775807", 9'223'372'036'854'775'807},
  };
  for (const auto& [text, bytes] : cases) EXPECT_EQ(parse_size(text, "--x"), bytes) << text;
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text :
       {"", "M", "-1", "+1", "1.5G", "1 M", "1MM", "1iB", "1Mi", "0x10", "1P", "1m2",
        "9223372036854775808", "8388608T", "99999999999999999999", " 1", "1\n"}) {
    EXPECT_THROW(parse_size(text, "--x"), Error) << text;
  }
}

TEST(ParseSize, NamesTheOptionAndWhatItGot) {
  try {
    parse_size("lots", "--max-rate");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("--max-rate"), testing::HasSubstr("\"lots\"")));
  }
}

TEST(ParseNumber, TakesTheBounds) {
  EXPECT_EQ(parse_number("1", "--x", 1, 64), 1U);
  EXPECT_EQ(parse_number("64", "--x", 1, 64), 64U);
}

TEST(ParseNumber, RefusesWhatIsOutsideOrNoNumber) {
  for (const char* text :
       {"", "0", "65", "-1", "+1", "1.0", "8 ", "eight", "0x8", "99999999999999999999"}) {
    EXPECT_THROW(parse_number(text, "--x", 1, 64), Error) << text;
  }
}

}  // namespace
}  // namespace seabag::cli
