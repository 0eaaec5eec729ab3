// SPDX-License-Identifier: Apache-2.0
#include "base/utc_time.h"

#include <gtest/gtest.h>

namespace seabag {
namespace {

TEST(ToRfc3339, WritesUtcToTheSecond) {
  EXPECT_EQ(to_rfc3339({0}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339({-1}), "1969-12-31T23:59:59Z");
  EXPECT_EQ(to_rfc3339({951'782'400}), "2000-02-29T00:00:00Z");
  EXPECT_EQ(to_rfc3339({4'294'967'296}), "2106-02-07T06:28:16Z");
}

struct ReadableCase {
  std::string name;
  std::string text;
  std::string utc;
};

class ParseRfc3339 : public testing::TestWithParam<ReadableCase> {};

TEST_P(ParseRfc3339, Reads) {
  const auto time = parse_rfc3339(GetParam().text);
  ASSERT_TRUE(time);
  EXPECT_EQ(to_rfc3339(*time), GetParam().utc);
}

const ReadableCase kReadable[] = {
    {"Utc", "2026-11-21T05:13:00Z", "2026-11-21T05:13:00Z"},
    {"NanosecondsAsDockerWritesThem", "2023-05-18T22:34:17.123456789Z", "2023-05-18T22:34:17Z"},
    {"OffsetEast", "2026-01-01T00:30:00+02:00", "2025-12-31T22:30:00Z"},
    {"OffsetWest", "2026-12-31T23:30:00.5-01:30", "2027-01-01T01:00:00Z"},
    {"UnknownLocalOffset", "2026-11-21T05:13:00-00:00", "2026-11-21T05:13:00Z"},
    {"LowerCaseLetters", "2026-11-21t05:13:00z", "2026-11-21T05:13:00Z"},
    {"BlankForT", "2026-11-21 05:13:00Z", "2026-11-21T05:13:00Z"},
    {"LeapSecond", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
    {"LeapDay", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"},
    {"ZeroTimeOfGo", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
    {"FirstSecond", "0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"},
    {"LastSecond", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
};

INSTANTIATE_TEST_SUITE_P(, ParseRfc3339, testing::ValuesIn(kReadable),
                         [](const auto& test) { return test.param.name; });

struct UnreadableCase {
  std::string name;
  std::string text;
};

class ParseRfc3339Refuses : public testing::TestWithParam<UnreadableCase> {};

TEST_P(ParseRfc3339Refuses, It) {
  EXPECT_EQ(parse_rfc3339(GetParam().text), std::nullopt);
}

const UnreadableCase kUnreadable[] = {
    {"Empty", ""},
    {"DateAlone", "2026-11-21"},
    {"NoOffset", "2026-11-21T05:13:00"},
    {"NoSeconds", "2026-11-21T05:13Z"},
    {"PointWithoutDigits", "2026-11-21T05:13:00.Z"},
    {"FractionWithoutOffset", "2026-11-21T05:13:00.5"},
    {"February30", "2026-02-30T00:00:00Z"},
    {"LeapDayOfACommonYear", "2026-02-29T00:00:00Z"},
    {"Month0", "2026-00-01T00:00:00Z"},
    {"Month13", "2026-13-01T00:00:00Z"},
    {"Day0", "2026-01-00T00:00:00Z"},
    {"Hour24", "2026-01-01T24:00:00Z"},
    {"Minute60", "2026-01-01T00:60:00Z"},
    {"Second61", "2026-01-01T00:00:61Z"},
    {"OffsetHour24", "2026-01-01T00:00:00+24:00"},
    {"OffsetWithoutColon", "2026-01-01T00:00:00+0100"},
    {"NegativeYear", "-026-01-01T00:00:00Z"},
    {"NegativeMonth", "2026--1-01T00:00:00Z"},
    {"FiveDigitYear", "12026-01-01T00:00:00Z"},
    {"SomethingAfterIt", "2026-01-01T00:00:00Z "},
    {"SomethingBeforeIt", " 2026-01-01T00:00:00Z"},
    {"OffsetBeforeYear0", "0000-01-01T00:00:00+00:01"},
    {"OffsetAfterYear9999", "9999-12-31T23:59:59-00:01"},
};

INSTANTIATE_TEST_SUITE_P(, ParseRfc3339Refuses, testing::ValuesIn(kUnreadable),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace seabag
