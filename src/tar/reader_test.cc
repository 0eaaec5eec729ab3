// SPDX-License-Identifier: Apache-2.0
#include "tar/reader.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "io/bytes.h"
#include "tar/header.h"

namespace seabag::tar {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Offsets in a header block: POSIX.1-2017, pax, "ustar Interchange Format".
constexpr std::size_t kNameAt = 0;
constexpr std::size_t kModeAt = 100;
constexpr std::size_t kSizeAt = 124;
constexpr std::size_t kMtimeAt = 136;
constexpr std::size_t kChecksumAt = 148;
constexpr std::size_t kTypeAt = 156;
constexpr std::size_t kLinkNameAt = 157;
constexpr std::size_t kMagicAt = 257;
constexpr std::size_t kUnameAt = 265;
constexpr std::size_t kPrefixAt = 345;

std::string nul(std::size_t count) {
  return std::string(count, '\0');
}

const std::string kEnd = nul(1024);

std::string padded(std::string content) {
  content.resize((content.size() + 511) / 512 * 512);
  return content;
}

std::string header(std::string_view path, std::uint64_t size) {
  return std::string(io::text_of(encode_header(path, size)));
}

std::string member(std::string_view path, const std::string& content) {
  return header(path, content.size()) + padded(content);
}

// A header of ours with some bytes changed, and a checksum that covers the change.
std::string changed(std::string block, std::size_t offset, std::string_view bytes) {
  block.replace(offset, bytes.size(), bytes);
  block.replace(kChecksumAt, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  block.replace(kChecksumAt, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return block;
}

std::string of_type(char type, std::uint64_t size = 0) {
  return changed(header("a", size), kTypeAt, std::string_view(&type, 1));
}

std::string pax_header(const std::string& records) {
  return changed(changed(header("PaxHeader", records.size()), kTypeAt, "x"), kNameAt, "PaxHeader") +
         padded(records);
}

std::string with_size_field(std::string_view field) {
  return changed(header("a", 0), kSizeAt, field);
}

std::string named(std::string_view name) {
  std::string field(name);
  field.resize(100);
  return changed(header("a", 0), kNameAt, field);
}

std::vector<FoundMember> members_of(const std::string& tarball) {
  std::vector<FoundMember> found;
  read_members(io::MemoryBlob(io::bytes_of(tarball)),
               [&](const FoundMember& member) { found.push_back(member); });
  return found;
}

TEST(ReadMembers, FindsThemWhereThePlanPutThem) {  // [TAR-8] [TAR-12]
  const std::string long_path = "blobs/sha512/" + std::string(128, 'b');
  const std::vector<Member> members = {
      {"oci-layout", 30}, {long_path, 0}, {"blobs/sha256/aa", 512}, {"z", 513}};
  const Plan plan = plan_tarball(members);
  std::string tarball;
  for (const Member& m : members) tarball += member(m.path, std::string(m.size, 'x'));
  tarball += kEnd;
  ASSERT_EQ(tarball.size(), plan.tarball_size);

  const auto found = members_of(tarball);
  ASSERT_EQ(found.size(), members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    EXPECT_EQ(found[i].member.path, members[i].path);
    EXPECT_EQ(found[i].member.size, members[i].size);
    EXPECT_EQ(found[i].placement, plan.placements[i]);
  }
}

TEST(ReadMembers, AcceptsATarballWithoutMembers) {
  EXPECT_TRUE(members_of(kEnd).empty());
}

// Zeros of any length with some bytes in them.
class SparseBlob : public io::BlobSource {
 public:
  explicit SparseBlob(std::uint64_t size) : size_(size) {}
  void put(std::uint64_t offset, std::string bytes) { pieces_[offset] = std::move(bytes); }
  std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    std::ranges::fill(out, std::byte{0});
    for (const auto& [start, bytes] : pieces_) {
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (start + i >= offset && start + i - offset < out.size()) {
          out[start + i - offset] = static_cast<std::byte>(bytes[i]);
        }
      }
    }
  }

 private:
  std::uint64_t size_;
  std::map<std::uint64_t, std::string> pieces_;
};

TEST(ReadMembers, SkipsContentOverEightGib) {  // [TAR-3]
  const std::vector<Member> members = {{"disk.vhd", (1ULL << 33U) + 5}, {"after", 0}};
  const Plan plan = plan_tarball(members);
  SparseBlob tarball(plan.tarball_size);
  for (std::size_t i = 0; i < members.size(); ++i) {
    tarball.put(plan.placements[i].header_offset, header(members[i].path, members[i].size));
  }
  std::vector<std::uint64_t> sizes;
  read_members(tarball, [&](const FoundMember& found) { sizes.push_back(found.member.size); });
  EXPECT_THAT(sizes, ElementsAre(8'589'934'597, 0));
}

TEST(ReadMembers, PassesOnWhatTheCallbackThrows) {
  const std::string tarball = member("a", "x") + kEnd;
  try {
    read_members(io::MemoryBlob(io::bytes_of(tarball)),
                 [](const FoundMember&) { throw Error(Code::kCancelled, "stopped"); });
    FAIL() << "did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kCancelled);
    EXPECT_STREQ(error.what(), "stopped");
  }
}

struct BadCase {
  std::string name;
  std::string tarball;
  Code code;
  std::string message;

  friend void PrintTo(const BadCase& row, std::ostream* out) { *out << row.name; }
};

class RefusedTarball : public testing::TestWithParam<BadCase> {};

TEST_P(RefusedTarball, SaysWhatIsWrongAndWhere) {
  try {
    members_of(GetParam().tarball);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), GetParam().code);
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
    EXPECT_THAT(error.what(), HasSubstr("tarball at offset "));
  }
}

constexpr Code kMalformed = Code::kMalformed;
constexpr Code kIntegrity = Code::kIntegrity;

// [TAR-1]
const BadCase kTypes[] = {
    {"HardLink", of_type('1') + kEnd, kMalformed,
     R"(type flag is "1" (a hard link), expected "0")"},
    {"SymbolicLink", of_type('2') + kEnd, kMalformed, "a symbolic link"},
    {"SymbolicLinkWithSize", of_type('2', 512) + member("b", "x") + kEnd, kMalformed,
     "a symbolic link"},
    {"CharacterDevice", of_type('3') + kEnd, kMalformed, "a character device"},
    {"BlockDevice", of_type('4') + kEnd, kMalformed, "a block device"},
    {"Directory", of_type('5') + kEnd, kMalformed, "a directory"},
    {"DirectoryWithSize", of_type('5', 512) + member("b", "x") + kEnd, kMalformed, "a directory"},
    {"Fifo", of_type('6') + kEnd, kMalformed, "a FIFO"},
    {"ContiguousFile", of_type('7') + kEnd, kMalformed, "a contiguous file"},
    {"OldRegularFile", of_type('\0') + kEnd, kMalformed, "a regular file of the old format"},
    {"GnuLongLink", of_type('K', 5) + kEnd, kMalformed, "a GNU long link"},
    {"GnuLongName", of_type('L', 5) + kEnd, kMalformed, "a GNU long name"},
    {"GnuContinuation", of_type('M') + kEnd, kMalformed, "a GNU continuation from another volume"},
    {"GnuSparseFile", of_type('S') + kEnd, kMalformed, "a GNU sparse file"},
    {"GnuVolumeLabel", of_type('V') + kEnd, kMalformed, "a GNU volume label"},
    {"SolarisExtendedHeader", of_type('X') + kEnd, kMalformed, "a Solaris extended header"},
    {"UnknownType", of_type('A') + kEnd, kMalformed, R"(type flag is "A" (unknown))"},
    {"GlobalPaxHeader", of_type('g') + kEnd, kMalformed, "a global pax header"},  // [TAR-4]
};
INSTANTIATE_TEST_SUITE_P(Type, RefusedTarball, testing::ValuesIn(kTypes),
                         [](const auto& row) { return row.param.name; });

const std::string kLargeSize = "19 size=8589934592\n";
const std::string kPath101 = std::string(101, 'n');
const std::string kPath101Record = "111 path=" + kPath101 + "\n";

std::string long_header() {
  return named(std::string(100, 'n'));
}

// [TAR-4]
const BadCase kPax[] = {
    {"SizeDiffersFromTheSizeField",
     pax_header("12 size=600\n") + member("a", std::string(512, 'x')) + kEnd, kMalformed,
     "pax size is 600, the header's size field says 512"},  // [TAR-3]
    {"SizeOverASizeFieldOfZero", pax_header(kLargeSize) + header("a", 0) + kEnd, kMalformed,
     "pax size is 8589934592, the header's size field says 0"},  // [TAR-3]
    {"LargeSizeFieldWithoutPax", header("a", 1ULL << 33U).substr(1024) + kEnd, kMalformed,
     R"(member "a" of 8589934592 bytes has a header of 512 bytes, expected 1536)"},  // [TAR-3]
    {"SizeThatNeedsNone", pax_header("10 size=5\n") + member("a", "12345") + kEnd, kMalformed,
     R"(member "a" of 5 bytes has a header of 1536 bytes, expected 512)"},
    {"PathThatNeedsNone", pax_header("10 path=b\n") + header("a", 0) + kEnd, kMalformed,
     R"(member "b" of 0 bytes has a header of 1536 bytes, expected 512)"},
    {"SizeNegative", pax_header("13 size=-512\n") + header("a", 0) + kEnd, kMalformed,
     R"(pax size is "-512", expected a decimal number)"},
    {"SizeBeyond64Bits", pax_header("29 size=18446744073709551616\n") + header("a", 0) + kEnd,
     kMalformed, R"(pax size is "18446744073709551616", expected)"},
    {"SizeWithLeadingZero", pax_header("11 size=05\n") + header("a", 5) + kEnd, kMalformed,
     R"(pax size is "05", expected)"},
    {"SizeTwice", pax_header("9 size=7\n9 size=7\n") + header("a", 7) + kEnd, kMalformed,
     R"(pax record "size=7", expected path or size, each once)"},
    {"PathTwice", pax_header("10 path=a\n10 path=b\n") + header("a", 0) + kEnd, kMalformed,
     R"(pax record "path=b", expected path or size, each once)"},
    {"SparseRecord", pax_header("22 GNU.sparse.major=1\n") + header("a", 0) + kEnd, kMalformed,
     R"(pax record "GNU.sparse.major=1", expected path or size)"},
    {"RecordWithoutValue", pax_header("7 path\n") + header("a", 0) + kEnd, kMalformed,
     R"(pax record "path" has no value)"},
    {"LengthTooLarge", pax_header("99 path=a\n") + header("a", 0) + kEnd, kMalformed,
     R"(pax record has a wrong length: "99 path=a)"},
    {"LengthTooSmall", pax_header("8 path=a\n") + header("a", 0) + kEnd, kMalformed,
     "pax record has a wrong length"},
    {"LengthOfItselfAlone", pax_header("2 path=a\n") + header("a", 0) + kEnd, kMalformed,
     "pax record has a wrong length"},
    {"LengthZero", pax_header("0 path=a\n") + header("a", 0) + kEnd, kMalformed,
     "pax record has a wrong length"},
    {"NoLength", pax_header("path=a\n") + header("a", 0) + kEnd, kMalformed,
     "pax record has a wrong length"},
    {"RecordsOverABlock", pax_header(std::string(513, 'x')) + header("a", 0) + kEnd, kMalformed,
     "pax header has 513 bytes of records, expected at most 512"},
    {"NoRecords", pax_header("") + padded("x") + header("a", 0) + kEnd, kMalformed,
     R"(has a header of 1536 bytes, expected 512)"},
    {"SizeBeforePath",
     pax_header(kLargeSize + kPath101Record) + header(kPath101, 1ULL << 33U).substr(1024) + kEnd,
     kMalformed, "differs in pax records, 513 bytes from its start: byte 0x39, expected 0x31"},
    {"BytesBehindTheRecords",
     pax_header(kPath101Record).replace(1023, 1, "x") + long_header() + kEnd, kMalformed,
     "differs in pax records, 1023 bytes from its start: byte 0x78, expected 0x00"},
    {"NamedOtherwise",
     changed(pax_header(kPath101Record).substr(0, 512), kNameAt, "./") + padded(kPath101Record) +
         long_header() + kEnd,
     kMalformed, "differs in name, 0 bytes from its start"},
    {"OtherNameInTheHeaderBehind", pax_header(kPath101Record) + header("a", 0) + kEnd, kMalformed,
     "differs in name, 1024 bytes from its start: byte 0x61, expected 0x6e"},  // [TAR-2]
    {"BeforeAPaxHeader",
     pax_header(kPath101Record) + pax_header(kPath101Record) + long_header() + kEnd, kMalformed,
     R"(type flag is "x" (a pax header), expected "0")"},
    {"BeforeALink", pax_header(kPath101Record) + of_type('2') + kEnd, kMalformed,
     "a symbolic link"},
    {"BeforeTheEnd", pax_header(kPath101Record) + kEnd, kMalformed, "header checksum is"},
};
INSTANTIATE_TEST_SUITE_P(Pax, RefusedTarball, testing::ValuesIn(kPax),
                         [](const auto& row) { return row.param.name; });

std::string with_pax_path(const std::string& path) {
  std::string record = fmt::format("path={}\n", path);
  record = fmt::format("{} {}", record.size() + 4, record);
  return pax_header(record) + header("a", 0) + kEnd;
}

const BadCase kPaths[] = {
    // [TAR-7]
    {"Twice", member("a", "x") + member("b", "") + member("a", "y") + kEnd, kMalformed,
     R"(tarball at offset 1536: path "a" is there twice)"},
    {"CaseTwins", member("blobs/a", "") + member("blobs/A", "") + kEnd, kMalformed,
     R"(path "blobs/A" is there twice, or differs from another in case alone)"},
    // [TAR-6]
    {"WithDotInFront", member("a", "") + named("./a") + kEnd, kMalformed,
     R"(path "./a" may not stand)"},
    {"EmptyComponent", named("a//b") + kEnd, kMalformed, R"(path "a//b" may not stand)"},
    {"Absolute", named("/etc/passwd") + kEnd, kMalformed, R"(path "/etc/passwd" may not stand)"},
    {"DotDot", named("../a") + kEnd, kMalformed, R"(path "../a" may not stand)"},
    {"Empty", named("") + kEnd, kMalformed, R"(path "" may not stand)"},
    {"TrailingSlash", named("a/") + kEnd, kMalformed, R"(path "a/" may not stand)"},
    {"Backslash", named("a\\b") + kEnd, kMalformed, R"(path "a\\b" may not stand)"},
    {"NotAscii", named("\xc3\xa4") + kEnd, kMalformed, "may not stand"},
    {"NulInAPaxPath", with_pax_path("blobs" + nul(1) + "../../evil" + std::string(90, 'n')),
     kMalformed, R"(path "blobs\x00../../evil)"},
    {"TooLong", with_pax_path(std::string(256, 'n')), kMalformed, "may not stand"},
    {"BytesBehindTheNul", named("a" + nul(1) + "b") + kEnd, kMalformed,
     R"(header of member "a" differs in name, 2 bytes from its start: byte 0x62, expected 0x00)"},  // [TAR-5]
    {"InThePrefix", changed(header("a", 0), kPrefixAt, "pfx") + kEnd, kMalformed,
     "differs in prefix"},  // [TAR-2]
};
INSTANTIATE_TEST_SUITE_P(Path, RefusedTarball, testing::ValuesIn(kPaths),
                         [](const auto& row) { return row.param.name; });

// [TAR-5]
const BadCase kHeaders[] = {
    {"SizeNegativeInBase256", with_size_field(std::string(12, '\xff')) + kEnd, kMalformed,
     "size field is"},
    {"SizeHugeInBase256", with_size_field("\x80" + std::string(11, '\x7f')) + kEnd, kMalformed,
     "size field is"},
    {"SizeSmallInBase256", with_size_field("\x80" + nul(10) + "\x05") + kEnd, kMalformed,
     R"(size field is "\x80)"},
    {"SizeOfJunk", with_size_field("0000000000z") + kEnd, kMalformed,
     R"(size field is "0000000000z\x00", expected 11 octal digits and a NUL)"},
    {"SizeWithoutTerminator", with_size_field("000000000005") + kEnd, kMalformed,
     R"(size field is "000000000005")"},
    {"SizeWithBlankAsTerminator", with_size_field("00000000005 ") + kEnd, kMalformed,
     R"(size field is "00000000005 ")"},
    {"SizePaddedWithBlanks", with_size_field("          5") + kEnd, kMalformed,
     R"(size field is "          5)"},
    {"SizeWithSign", with_size_field("-0000000005") + kEnd, kMalformed,
     R"(size field is "-0000000005)"},
    {"SizeAboveTheLimit",
     pax_header("28 size=1152921504606846976\n") +
         with_size_field("\x80" + nul(3) + "\x10" + nul(7)) + kEnd,
     kMalformed, "has 1152921504606846976 bytes, expected at most 1125899906842624"},  // [TAR-11]
    {"Checksum", header("a", 0).replace(kChecksumAt, 6, "000000") + kEnd, kMalformed,
     R"(header checksum is "000000\x00 ", expected)"},
    {"ChecksumInAnotherForm",
     header("a", 0).replace(kChecksumAt + 6, 2, std::string(" \0", 2)) + kEnd, kMalformed,
     "header checksum is"},
    {"GnuMagic", changed(header("a", 0), kMagicAt, std::string_view("ustar  \0", 8)) + kEnd,
     kMalformed, R"(header magic and version are "ustar  \x00", expected "ustar\x0000")"},
    {"GnuMagicWithPrefix",
     changed(changed(header("a", 0), kMagicAt, std::string_view("ustar  \0", 8)), kPrefixAt,
             "pfx") +
         kEnd,
     kMalformed, "header magic and version are"},
    {"OldHeader", changed(header("a", 0), kMagicAt, nul(8)) + kEnd, kMalformed,
     "header magic and version are"},
    {"OldHeaderOfADirectory", changed(named("dir/"), kMagicAt, nul(8)) + padded("x") + kEnd,
     kMalformed, "header magic and version are"},
    {"Mode", changed(header("a", 0), kModeAt, "0000755") + kEnd, kMalformed,
     "differs in mode, 104 bytes from its start: byte 0x37, expected 0x36"},
    {"Mtime", changed(header("a", 0), kMtimeAt, "00000000001") + kEnd, kMalformed,
     "differs in mtime"},
    {"LinkName", changed(header("a", 0), kLinkNameAt, "b") + kEnd, kMalformed,
     "differs in linkname"},
    {"UserName", changed(header("a", 0), kUnameAt, "root") + kEnd, kMalformed, "differs in uname"},
    {"UnusedBytes", changed(header("a", 0), 511, "x") + kEnd, kMalformed,
     "differs in unused, 511 bytes"},
};
INSTANTIATE_TEST_SUITE_P(Header, RefusedTarball, testing::ValuesIn(kHeaders),
                         [](const auto& row) { return row.param.name; });

const BadCase kEnds[] = {
    // [TAR-8]
    {"PaddingIsNotZero", member("a", "x").replace(1023, 1, "y") + kEnd, kMalformed,
     R"(padding of member "a" is not zero)"},
    {"GarbageBetweenMembers", member("a", "x") + std::string(512, 'g') + member("b", "x") + kEnd,
     kMalformed, "tarball at offset 1024: header checksum is"},
    // [TAR-9]
    {"LoneZeroBlockThenAMember", member("a", "x") + nul(512) + member("b", "x") + kEnd, kMalformed,
     "tarball at offset 1024: one zero block, expected a header or two zero blocks"},
    {"DataAfterTheEnd", member("a", "x") + kEnd + "hidden", kMalformed,
     "6 bytes after the end of the archive, expected none"},
    {"MemberAfterTheEnd", member("a", "x") + kEnd + member("b", "x") + kEnd, kMalformed,
     "2048 bytes after the end of the archive, expected none"},
    {"ThirdZeroBlock", kEnd + nul(512), kMalformed,
     "512 bytes after the end of the archive, expected none"},
    // [TAR-10]
    {"NoBytes", "", kIntegrity,
     "tarball ends at 0, expected a header or the end of the archive at 0"},
    {"NoEnd", member("a", "x"), kIntegrity, "tarball ends at 1024, expected a header or the end"},
    {"OneZeroBlock", member("a", "x") + nul(512), kIntegrity,
     "expected a second zero block at 1536"},
    {"CutInTheSecondZeroBlock", member("a", "x") + nul(1023), kIntegrity,
     "expected a second zero block"},
    {"CutInAHeader", header("a", 1).substr(0, 511), kIntegrity,
     "tarball ends at 511, expected a header"},
    {"CutInContent", member("a", std::string(600, 'x')).substr(0, 1100), kIntegrity,
     R"(tarball ends at 1100, expected 600 bytes of member "a" from 512 on)"},
    {"CutInPadding", member("a", "x").substr(0, 1000), kIntegrity, "expected 1 bytes of member"},
    {"CutBeforePaxRecords", pax_header(kPath101Record).substr(0, 512), kIntegrity,
     "expected pax records at 512"},
    {"CutBehindAPaxHeader", pax_header(kPath101Record), kIntegrity,
     "expected the header that the pax header is for at 1024"},
    {"MemberLargerThanTheTarball", header("a", 1ULL << 32U) + kEnd, kIntegrity,
     "expected 4294967296 bytes of member"},
};
INSTANTIATE_TEST_SUITE_P(End, RefusedTarball, testing::ValuesIn(kEnds),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace seabag::tar
