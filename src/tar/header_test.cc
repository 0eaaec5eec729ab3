// SPDX-License-Identifier: Apache-2.0
#include "tar/header.h"

#include <ostream>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"

namespace seabag::tar {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kEightGib = 1ULL << 33U;

std::string header_text(std::string_view path, std::uint64_t size) {
  return std::string(io::text_of(encode_header(path, size)));
}

std::string nul(std::size_t count) {
  return std::string(count, '\0');
}

// [TAR-1]
TEST(EncodeHeader, WritesEveryFieldOfAUstarHeader) {
  using namespace std::string_literals;
  const std::string expected = "oci-layout" + nul(90) + "0000644\0"s + "0000000\0"s + "0000000\0"s +
                               "00000000036\0"s + "00000000000\0"s + "011214\0 "s + "0" + nul(100) +
                               "ustar\0"s + "00" + nul(32) + nul(32) + "0000000\0"s + "0000000\0"s +
                               nul(155) + nul(12);
  EXPECT_EQ(header_text("oci-layout", 30), expected);
}

struct SizeCase {
  std::string name;
  std::string path;
  std::uint64_t size;
  std::uint64_t header_bytes;

  friend void PrintTo(const SizeCase& row, std::ostream* out) { *out << row.name; }
};

class EncodedHeader : public testing::TestWithParam<SizeCase> {};

TEST_P(EncodedHeader, HasTheSizeThatHeaderSizeSays) {
  EXPECT_EQ(header_size(GetParam().path, GetParam().size), GetParam().header_bytes);
  EXPECT_EQ(encode_header(GetParam().path, GetParam().size).size(), GetParam().header_bytes);
}

const SizeCase kSizeCases[] = {
    {"Short", "a", 0, 512},
    {"PathThatFillsTheName", std::string(100, 'n'), 0, 512},  // [TAR-2]
    {"PathOneByteLonger", std::string(101, 'n'), 0, 1536},    // [TAR-2]
    {"LargestOctalSize", "a", kEightGib - 1, 512},            // [TAR-3]
    {"SmallestOtherSize", "a", kEightGib, 1536},              // [TAR-3]
    {"LongestPathAndLargestSize", std::string(limits::kTarPathBytes, 'n'), limits::kTarMemberBytes,
     1536},  // [TAR-4]
};

INSTANTIATE_TEST_SUITE_P(, EncodedHeader, testing::ValuesIn(kSizeCases),
                         [](const auto& row) { return row.param.name; });

// [TAR-17]
TEST(HeaderSize, IsTheSameForABlobAndForItsReplacement) {
  for (const std::string& name :
       {"sha256/" + std::string(64, 'a'), "sha512/" + std::string(128, 'b')}) {
    for (const std::uint64_t size : {std::uint64_t{1}, kEightGib}) {
      EXPECT_EQ(header_size("missing/" + name, size), header_size("blobs/" + name, size)) << name;
    }
  }
}

// [TAR-2] [TAR-4]
TEST(EncodeHeader, PutsALongPathIntoAPaxHeader) {
  const std::string path = "blobs/sha512/" + std::string(128, 'b');
  const std::string header = header_text(path, 5);
  EXPECT_EQ(header.substr(0, 10), std::string_view("PaxHeader\0", 10));
  EXPECT_EQ(header[156], 'x');
  EXPECT_EQ(header.substr(512, 512), "151 path=" + path + "\n" + nul(512 - 151));
  EXPECT_EQ(header.substr(1024, 100), path.substr(0, 100));
  EXPECT_EQ(header[1024 + 156], '0');
  EXPECT_EQ(header.substr(1024 + 345, 155), nul(155)) << "prefix";
}

// [TAR-3] [TAR-4]
TEST(EncodeHeader, PutsALargeSizeIntoAPaxHeaderAndIntoTheSizeField) {
  const std::string header = header_text("a", kEightGib + 5);
  EXPECT_EQ(header.substr(512, 512), "19 size=8589934597\n" + nul(512 - 19));
  EXPECT_EQ(header.substr(1024 + 124, 12), std::string_view("\x80\0\0\0\0\0\0\x02\0\0\0\x05", 12));
}

// [TAR-4]
TEST(EncodeHeader, PutsThePathBeforeTheSize) {
  const std::string path(101, 'n');
  EXPECT_THAT(header_text(path, kEightGib),
              HasSubstr("111 path=" + path + "\n19 size=8589934592\n"));
}

struct PathCase {
  std::string name;
  std::string path;
  bool portable;

  friend void PrintTo(const PathCase& row, std::ostream* out) { *out << row.name; }
};

class PortablePath : public testing::TestWithParam<PathCase> {};

TEST_P(PortablePath, IsJudged) {  // [TAR-6]
  EXPECT_EQ(is_portable_path(GetParam().path), GetParam().portable);
  if (!GetParam().portable) {
    EXPECT_THROW(encode_header(GetParam().path, 0), Error);
  }
}

const PathCase kPathCases[] = {
    {"Name", "oci-layout", true},
    {"Blob", "blobs/sha256/00ff", true},
    {"WholeSet", "AZaz09._-", true},
    {"DotsInsideAName", "a..b/...", true},
    {"Longest", std::string(255, 'n'), true},
    {"TooLong", std::string(256, 'n'), false},
    {"Empty", "", false},
    {"Absolute", "/a", false},
    {"EmptyComponent", "a//b", false},
    {"TrailingSlash", "a/", false},
    {"Dot", "./a", false},
    {"DotDot", "a/../b", false},
    {"DotDotAtTheEnd", "a/..", false},
    {"Backslash", "a\\b", false},
    {"Blank", "a b", false},
    {"Colon", "a:b", false},
    {"Nul", std::string("a\0b", 3), false},
    {"Escape", "a\x1b[31m", false},
    {"NotAscii", "\xc3\xa4", false},
};

INSTANTIATE_TEST_SUITE_P(, PortablePath, testing::ValuesIn(kPathCases),
                         [](const auto& row) { return row.param.name; });

TEST(EncodeHeader, RefusesASizeAboveTheLimit) {  // [TAR-11]
  EXPECT_THROW(encode_header("a", limits::kTarMemberBytes + 1), Error);
}

TEST(DecodeHeader, ReadsWhatWasEncoded) {
  for (const std::uint64_t size :
       {std::uint64_t{0}, kEightGib - 1, kEightGib, limits::kTarMemberBytes}) {
    const io::Bytes header = encode_header("blobs/a", size);
    const Header decoded = decode_header(std::span(header).last<kBlockSize>());
    EXPECT_EQ(decoded.type, '0');
    EXPECT_EQ(decoded.name, "blobs/a");
    EXPECT_EQ(decoded.size, size);
  }
}

TEST(DecodePax, ReadsPathAndSize) {
  const PaxRecords records = decode_pax("11 path=ab\n9 size=7\n");
  EXPECT_EQ(records.path, "ab");
  EXPECT_EQ(records.size, 7);
  EXPECT_EQ(decode_pax("").path, std::nullopt);
}

TEST(FieldAt, NamesTheField) {
  EXPECT_EQ(field_at(0), "name");
  EXPECT_EQ(field_at(99), "name");
  EXPECT_EQ(field_at(100), "mode");
  EXPECT_EQ(field_at(511), "unused");
}

}  // namespace
}  // namespace seabag::tar
