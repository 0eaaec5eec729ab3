// SPDX-License-Identifier: Apache-2.0
#include "bagit/bag_files.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "digest/hasher.h"
#include "io/bytes.h"

namespace seabag::bagit {
namespace {

using testing::HasSubstr;
using testing::Pair;

const std::string kChecksum =
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";  // of "foo"
const std::string kPayload = std::string(kManifestPath);
const std::string kTags = std::string(kTagManifestPath);

std::string line(const std::string& path) {
  return kChecksum + "  " + path + "\n";
}

template <class Action>
Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return {Code::kUsage, "nothing was thrown"};
}

// [BAG-2]
TEST(Declaration, IsTheTwoLinesOfTheStandard) {
  EXPECT_EQ(write_declaration(), "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");
  EXPECT_NO_THROW(require_declaration(write_declaration()));
}

struct DeclarationCase {
  std::string name;
  std::string text;
  Code code;
  std::string message;
};

// [BAG-3]
TEST(Declaration, RefusesAnythingElse) {
  const std::string encoding = "Tag-File-Character-Encoding: UTF-8\n";
  const std::string version = "BagIt-Version: 1.0\n";
  const std::vector<DeclarationCase> cases = {
      {"Empty", "", Code::kMalformed, "expected \"BagIt-Version: \", got \"\""},
      {"OtherVersion", "BagIt-Version: 0.97\n" + encoding, Code::kUnsupported,
       "expected 1.0, got \"0.97\""},
      {"OtherEncoding", version + "Tag-File-Character-Encoding: UTF-16\n", Code::kUnsupported,
       "expected UTF-8, got \"UTF-16\""},
      {"NoEncoding", version, Code::kMalformed, "expected \"Tag-File-Character-Encoding: \""},
      {"SwappedLines", encoding + version, Code::kMalformed, "expected \"BagIt-Version: \""},
      {"ByteOrderMark", "\xEF\xBB\xBF" + version + encoding, Code::kMalformed,
       "\\u{feff}BagIt-Version"},
      {"Utf16",
       std::string("\xFF\xFE"
                   "B\0a\0g\0\n\0",
                   10),
       Code::kMalformed, "\\xff\\xfeB"},
      {"CarriageReturn", "BagIt-Version: 1.0\r\n" + encoding, Code::kUnsupported,
       "got \"1.0\\x0d\""},
      {"NoLastLineFeed", version + "Tag-File-Character-Encoding: UTF-8", Code::kMalformed,
       "line feed"},
      {"ThirdLine", version + encoding + "x\n", Code::kMalformed, "expected two lines"},
      {"Endless", std::string(limits::kBagLineBytes + 1, 'B'), Code::kMalformed,
       "longer than the limit"},
  };
  for (const DeclarationCase& row : cases) {
    const Error error = error_of([&] { require_declaration(row.text); });
    EXPECT_EQ(error.code(), row.code) << row.name;
    EXPECT_THAT(error.what(), testing::StartsWith("bagit.txt: ")) << row.name;
    EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.name;
  }
}

// [BAG-6]
TEST(Manifest, IsWrittenSortedForSha256sum) {
  const auto foo = digest::digest_of(io::bytes_of("foo"));
  EXPECT_EQ(write_manifest({{foo, "data/b"}, {foo, "data/a"}}), line("data/a") + line("data/b"));
  EXPECT_EQ(write_manifest({}), "");
}

// [BAG-7]
TEST(Manifest, EncodesPercentAlone) {
  const auto foo = digest::digest_of(io::bytes_of("foo"));
  EXPECT_EQ(write_manifest({{foo, "data/100% x&y"}}), line("data/100%25 x&y"));
}

// [BAG-7]
TEST(Manifest, IsNotWrittenWithANameThatAReaderRefuses) {
  const auto foo = digest::digest_of(io::bytes_of("foo"));
  for (const char* path : {"data/a\nb", "data/\xC3\xA4", "/data/x", "data/../x", ""}) {
    EXPECT_EQ(error_of([&] { write_manifest({{foo, path}}); }).code(), Code::kInternal) << path;
  }
  EXPECT_EQ(error_of([&] {
              write_manifest({{foo, "data/a"}, {foo, "data/A"}});
            }).code(),
            Code::kInternal);
}

TEST(Manifest, IsReadBack) {
  const auto foo = digest::digest_of(io::bytes_of("foo"));
  const std::vector<ManifestEntry> entries = {
      {foo, "data/100%.txt"}, {foo, "data/a b/%2e%2e"}, {foo, "data/images/images.tar"}};
  EXPECT_EQ(parse_manifest(write_manifest(entries), kPayload), entries);
  EXPECT_TRUE(parse_manifest("", kPayload).empty());
  EXPECT_EQ(parse_manifest(line("bagit.txt"), kTags),
            (std::vector<ManifestEntry>{{foo, "bagit.txt"}}));
}

struct PathCase {
  std::string name;
  std::string path;
  std::string message;
};

// [BAG-8] [BAG-9]
TEST(Manifest, RefusesUnsafePaths) {
  const std::vector<PathCase> cases = {
      {"Absolute", "/etc/passwd", "is absolute"},
      {"Empty", "", "an empty component"},
      {"Parent", "data/../../x", "\".\" or \"..\""},
      {"ParentFirst", "../x", "\".\" or \"..\""},
      {"Here", "./data/x", "\".\" or \"..\""},
      {"DoubleSlash", "data//x", "an empty component"},
      {"TrailingSlash", "data/x/", "an empty component"},
      {"HomeOfRoot", "~root/x", "a shell may expand"},
      {"HomeBelow", "data/~/x", "a shell may expand"},
      {"Variable", "$HOME/x", "a shell may expand"},
      {"Drive", "C:\\x", "a colon"},
      {"DeviceNamespace", "\\\\?\\C:\\x", "a backslash"},
      {"Backslash", "data\\x", "a backslash"},
      {"Stream", "data/x:y", "a colon"},
      {"EncodedDots", "%2e%2e/x", "only % is written with %"},
      {"EncodedLineFeed", "data/a%0Ab", "only % is written with %"},
      {"EncodedCarriageReturn", "data/a%0Db", "only % is written with %"},
      {"EncodedLowerCase", "data/a%2", "only % is written with %"},
      {"Nul", std::string("data/a\0b", 8), "not printable ASCII"},
      {"CarriageReturn", "data/a\r", "not printable ASCII"},
      {"Escape", "data/\x1B[2J", "not printable ASCII"},
      {"ComposedUmlaut", "data/\xC3\xA4", "not printable ASCII"},
      {"DecomposedUmlaut", "data/a\xCC\x88", "not printable ASCII"},
      {"NotUtf8", "data/\xFF", "not printable ASCII"},
      {"BesideData", "index.sqlite", "is not below data/"},
      {"AlmostData", "database/x", "is not below data/"},
      {"DataItself", "data", "is not below data/"},
  };
  for (const PathCase& row : cases) {
    const Error error =
        error_of([&] { parse_manifest(line("data/good") + line(row.path), kPayload); });
    EXPECT_EQ(error.code(), Code::kMalformed) << row.name;
    EXPECT_THAT(error.what(), testing::StartsWith("manifest-sha256.txt line 2: path \""))
        << row.name;
    EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.name;
  }
  EXPECT_THAT(error_of([] { parse_manifest(line("data/x"), kTags); }).what(),
              HasSubstr("in a list of tag files"));
}

// [BAG-10]
TEST(Manifest, RefusesAPathThatIsThereTwice) {
  const std::string other = std::string(64, '0') + "  data/a\n";
  const auto message = [](const std::string& text) {
    const Error error = error_of([&] { parse_manifest(text, kPayload); });
    EXPECT_EQ(error.code(), Code::kMalformed);
    return std::string(error.what());
  };
  EXPECT_THAT(message(line("data/a") + line("data/a")),
              HasSubstr("line 2: path \"data/a\" is already in line 1"));
  EXPECT_THAT(message(line("data/a") + other), HasSubstr("is already in line 1"));
  EXPECT_THAT(message(line("data/a") + line("data/b") + line("data/A")),
              HasSubstr("line 3: path \"data/A\" differs in case alone from the one in line 1"));
}

// [BAG-6]
TEST(Manifest, RefusesLinesOfAnotherForm) {
  const std::vector<PathCase> cases = {
      {"Md5", "acbd18db4cc2f85cedef654fccc4a4d8  data/x\n", "64 lower-case hexadecimal digits"},
      {"UpperCase", "2C26" + kChecksum.substr(4) + "  data/x\n", "64 lower-case"},
      {"OneBlank", kChecksum + " data/x\n", "two blanks"},
      {"BinaryMark", kChecksum + " *data/x\n", "two blanks"},
      {"Tab", kChecksum + "\tdata/x\n", "two blanks"},
      {"SixtyFiveDigits", kChecksum + "0  data/x\n", "two blanks"},
      {"NoPath", kChecksum + "\n", "two blanks"},
      {"EmptyLine", "\n", "64 lower-case"},
      {"ByteOrderMark", "\xEF\xBB\xBF" + line("data/x"), "64 lower-case"},
      {"CutInTheMiddle", kChecksum + "  data/x", "does not end with a line feed"},
  };
  for (const PathCase& row : cases) {
    const Error error = error_of([&] { parse_manifest(row.path, kPayload); });
    EXPECT_EQ(error.code(), Code::kMalformed) << row.name;
    EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.name;
  }
}

// [BAG-11]
TEST(Manifest, RefusesWhatIsBeyondTheLimits) {
  const auto message = [](const std::string& text) {
    const Error error = error_of([&] { parse_manifest(text, kPayload); });
    EXPECT_EQ(error.code(), Code::kMalformed);
    return std::string(error.what());
  };
  EXPECT_THAT(message(line("data/" + std::string(limits::kBagLineBytes, 'x'))),
              HasSubstr("longer than the limit"));
  EXPECT_THAT(message(std::string(limits::kBagManifestBytes + 1, '\n')),
              HasSubstr("more than the limit of 67108864"));
  std::string many;
  for (std::size_t i = 0; i <= limits::kBagEntries; ++i) many += line("data/" + std::to_string(i));
  EXPECT_THAT(message(many), HasSubstr("line 500001: more than the limit of 500000 entries"));
}

// [BAG-4]
TEST(BagInfo, KeepsLabelsInOrder) {
  const BagInfo info = {
      {"Bagging-Date", "2026-11-21"}, {"Contact-Name", "a: b"}, {"Contact-Name", ""}};
  EXPECT_EQ(write_bag_info(info), "Bagging-Date: 2026-11-21\nContact-Name: a: b\nContact-Name: \n");
  EXPECT_EQ(parse_bag_info(write_bag_info(info)), info);
}

TEST(BagInfo, WritesLineBreaksAsBlanks) {
  EXPECT_EQ(write_bag_info({{"External-Description", "a\r\nb\nPayload-Oxum: 0.0"}}),
            "External-Description: a  b Payload-Oxum: 0.0\n");
}

TEST(BagInfo, TakesAValueThatBeginsInTheNextLine) {
  EXPECT_EQ(parse_bag_info("A:\n  x\n \n y\n"), (BagInfo{{"A", "x y"}}));
}

TEST(BagInfo, JoinsFoldedValues) {
  EXPECT_THAT(parse_bag_info("External-Description: one\n  two\n\tthree\nX:y\n"),
              testing::ElementsAre(Pair("External-Description", "one two three"), Pair("X", "y")));
}

// [BAG-5]
TEST(BagInfo, RefusesWhatIsNoLabelAndValue) {
  const std::vector<PathCase> cases = {
      {"NoColon", "Bagging-Date\n", "line 1: expected \"Label: value\", got \"Bagging-Date\""},
      {"NoLabel", ": x\n", "expected \"Label: value\""},
      {"BlankBeforeColon", "Label : x\n", "expected \"Label: value\""},
      {"EmptyLine", "A: b\n\n", "line 2: expected \"Label: value\""},
      {"FoldedFirst", " x\n", "continues a value"},
      {"CarriageReturn", "A: b\r\n", "control character"},
      {"Escape", "A: \x1B[2J\n", "control character: \"A: \\x1b[2J\""},
      {"NoLineFeed", "A: b", "line feed"},
      {"EndlessLine", "A: " + std::string(limits::kBagLineBytes, 'x') + "\n",
       "longer than the limit"},
  };
  for (const PathCase& row : cases) {
    const Error error = error_of([&] { parse_bag_info(row.path); });
    EXPECT_EQ(error.code(), Code::kMalformed) << row.name;
    EXPECT_THAT(error.what(), testing::StartsWith("bag-info.txt line ")) << row.name;
    EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.name;
  }
}

TEST(PayloadOxum, IsOctetsAndFiles) {
  EXPECT_EQ(payload_oxum(279164409832, 1198), "279164409832.1198");
}

}  // namespace
}  // namespace seabag::bagit
