// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <chrono>

#include <gtest/gtest.h>

namespace seabag {
namespace {

using std::string_literals::operator""s;

struct HostileCase {
  std::string name;
  std::string text;
  std::string shown;
};

class Printable : public testing::TestWithParam<HostileCase> {};

TEST_P(Printable, MakesItHarmless) {
  EXPECT_EQ(printable(GetParam().text), GetParam().shown);
}

const HostileCase kHostile[] = {
    {"Empty", "", ""},
    {"PlainText", "library/nginx:1.25", "library/nginx:1.25"},
    {"LettersOfAllScripts", "Größe 大 سلام 🚢", "Größe 大 سلام 🚢"},
    {"EscapeSequence", "\x1b[31mred", "\\x1b[31mred"},
    {"Osc52WritesTheClipboard", "\x1b]52;c;cm0gLXJm\x07", "\\x1b]52;c;cm0gLXJm\\x07"},
    {"LineBreaks", "ok\r\nerror: none\v\f", "ok\\x0d\\x0aerror: none\\x0b\\x0c"},
    {"TabAndBackspace", "a\tb\b", "a\\x09b\\x08"},
    {"Nul", "a\0b"s, "a\\x00b"},
    {"Delete", "a\x7f", "a\\x7f"},
    {"C1AsUtf8",
     "a\xc2\x9b"
     "31m",
     "a\\x9b31m"},
    {"C1AsByte",
     "a\x9b"
     "31m",
     "a\\x9b31m"},
    {"RightToLeftOverride", "exe.\u202Egpj", "exe.\\u{202e}gpj"},
    {"Isolate", "a\u2066b\u2069", "a\\u{2066}b\\u{2069}"},
    {"ArabicLetterMark", "a\u061C", "a\\u{061c}"},
    {"ZeroWidth", "pay\u200Bpal\uFEFF\u2060\u180E", "pay\\u{200b}pal\\u{feff}\\u{2060}\\u{180e}"},
    {"SoftHyphen", "pay\u00ADpal", "pay\\xadpal"},
    {"LineSeparator", "a\u2028b\u2029", "a\\u{2028}b\\u{2029}"},
    {"TagCharacters", "a\U000E0041", "a\\u{e0041}"},
    {"BackslashCannotFakeAnEscape", "\\x1b", "\\\\x1b"},
    {"LoneContinuation", "a\x80", "a\\x80"},
    {"CutSequence", "a\xe5\xa4", "a\\xe5\\xa4"},
    {"OverlongSlash", "\xc0\xaf", "\\xc0\\xaf"},
    {"OverlongThreeBytes", "\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
    {"Surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
    {"BeyondUnicode", "\xf4\x90\x80\x80\xf5", "\\xf4\\x90\\x80\\x80\\xf5"},
    {"MarkupIsForOthersToEscape", "<script>alert('1')</script>", "<script>alert('1')</script>"},
    {"FormulaIsForOthersToEscape", "=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"},
};

INSTANTIATE_TEST_SUITE_P(, Printable, testing::ValuesIn(kHostile),
                         [](const auto& test) { return test.param.name; });

TEST(PrintableText, IsCutAfterTheGivenCharacters) {
  EXPECT_EQ(printable("abc", 3), "abc");
  EXPECT_EQ(printable("abcd", 3), "abc...");
  EXPECT_EQ(printable("äöüß", 3), "äöü...");
  EXPECT_EQ(printable("\x1b\x1b", 1), "\\x1b...");
  EXPECT_EQ(printable(std::string(1'000'000, 'x')).size(), 303U);
}

TEST(Quoted, EscapesQuotesAndBackslashes) {
  EXPECT_EQ(quoted("a"), R"("a")");
  EXPECT_EQ(quoted(R"(a" \ b)"), R"("a\" \\ b")");
  EXPECT_EQ(quoted("abcd", 3), R"("abc...")");
  EXPECT_EQ(quoted("a\n"), R"("a\x0a")");
}

TEST(IsUtf8, TakesWellFormedTextAlone) {
  for (const char* text : {"", "a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x90\x8B"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const char* text : {"\xA6", "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
    EXPECT_FALSE(is_utf8(text)) << printable(text);
  }
}

TEST(ReadableSize, HasThreeDigitsAtMost) {
  EXPECT_EQ(readable_size(0), "0 bytes");
  EXPECT_EQ(readable_size(1), "1 byte");
  EXPECT_EQ(readable_size(1023), "1023 bytes");
  EXPECT_EQ(readable_size(1024), "1.00 KiB");
  EXPECT_EQ(readable_size(1536), "1.50 KiB");
  EXPECT_EQ(readable_size(10'485'760 - 1), "10.0 MiB");
  EXPECT_EQ(readable_size(999ULL << 20U), "999 MiB");
  EXPECT_EQ(readable_size(1000ULL << 20U), "0.98 GiB");
  EXPECT_EQ(readable_size(~0ULL), "16.0 EiB");
}

TEST(ToLower, ChangesAsciiLettersAlone) {
  EXPECT_EQ(to_lower("AZaz09[@Ä"), "azaz09[@Ä");
}

TEST(Trimmed, DropsBlanksAndTabsAtBothEnds) {
  EXPECT_EQ(trimmed(" \t a b\t "), "a b");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed(" \t "), "");
  EXPECT_EQ(trimmed(""), "");
}

TEST(FindNumber, TakesWhatIsANumberFromEndToEnd) {
  EXPECT_EQ(find_number("0"), 0U);
  EXPECT_EQ(find_number("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", " 1", "1 ", "-1", "+1", "0x1", "1.0", "18446744073709551616"}) {
    EXPECT_EQ(find_number(text), std::nullopt) << text;
  }
}

struct GlobCase {
  std::string name;
  std::string pattern;
  std::string text;
  bool matches;
};

class GlobMatches : public testing::TestWithParam<GlobCase> {};

TEST_P(GlobMatches, AsItsRulesSay) {
  EXPECT_EQ(glob_matches(GetParam().pattern, GetParam().text), GetParam().matches);
}

const GlobCase kGlobs[] = {
    {"SameText", "library/nginx:1.25", "library/nginx:1.25", true},
    {"NoPatternIsAPrefix", "library/nginx", "library/nginx:1.25", false},
    {"NoPatternIsASuffix", "nginx:1.25", "library/nginx:1.25", false},
    {"EmptyMatchesEmpty", "", "", true},
    {"EmptyMatchesNothingElse", "", "a", false},
    {"StarMatchesARun", "library/*:1.25", "library/nginx:1.25", true},
    {"StarMatchesNothingAtAll", "a*", "a", true},
    {"StarStopsAtASlash", "*:1", "library/nginx:1", false},
    {"StarInEachComponent", "*/*:*", "library/nginx:1", true},
    {"StarGoesBack", "*-rc*", "a-r-rc1", true},
    {"StarsDoNotMeetBeyondASlash", "*a*b", "a/b", false},
    {"SlashAfterStar", "*x/*b", "xx/ab", true},
    {"GlobstarCrossesSlashes", "**:1", "a/b/c:1", true},
    {"GlobstarMatchesNothingAtAll", "a**b", "ab", true},
    {"GlobstarThenStar", "**a*b", "a/ab", true},
    {"StarThenGlobstar", "*/**/c", "a/b/x/c", true},
    {"GlobstarGoesBackOverAStar", "**/x*z", "a/xy/xyz", true},
    {"TwoGlobstars", "**b**d", "a/b/c/d", true},
    {"TwoGlobstarsInOrder", "**d**b", "a/b/c/d", false},
    {"ThreeStars", "***", "a/b", true},
    {"QuestionMarkIsOneCharacter", "v?.?", "v1.2", true},
    {"QuestionMarkIsNotNone", "v?", "v", false},
    {"QuestionMarkIsNoSlash", "a?b", "a/b", false},
    {"QuestionMarkAfterStar", "*?", "a", true},
    {"BracketsMeanThemselves", "[ab]", "a", false},
    {"CaseMatters", "V1", "v1", false},
    {"TrailingTextRemains", "a*c", "abcd", false},
};

INSTANTIATE_TEST_SUITE_P(, GlobMatches, testing::ValuesIn(kGlobs),
                         [](const auto& test) { return test.param.name; });

TEST(GlobPattern, OfManyStarsTakesNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 40; ++i) pattern += "**a*";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_matches(pattern + "b", std::string(400, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace seabag
