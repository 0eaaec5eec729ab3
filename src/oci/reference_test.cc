// SPDX-License-Identifier: Apache-2.0
#include "oci/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::oci {
namespace {

using testing::AllOf;
using testing::Property;
using testing::StrEq;
using testing::Throws;

const std::string kDigest =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::string repeated(const std::string& part, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += part;
  return text;
}

struct ReadableCase {
  std::string name;
  std::string text;
  std::string registry;
  std::string repository;
  std::string tag;
  bool digest = false;
};

class ParseReference : public testing::TestWithParam<ReadableCase> {};

TEST_P(ParseReference, TakesItApartAndBack) {
  const ReadableCase& row = GetParam();
  const Reference reference = parse_reference(row.text);
  EXPECT_EQ(reference.registry, row.registry);
  EXPECT_EQ(reference.repository, row.repository);
  EXPECT_EQ(reference.tag, row.tag);
  EXPECT_EQ(reference.digest ? reference.digest->text() : "", row.digest ? kDigest : "");
  EXPECT_EQ(reference.text(), row.text);
  EXPECT_EQ(find_reference(row.text), reference);
}

const ReadableCase kReadable[] = {
    {"RepositoryAlone", "busybox", "", "busybox", ""},
    {"RepositoryOfTwoParts", "library/busybox", "", "library/busybox", ""},
    {"Tag", "busybox:1.35", "", "busybox", "1.35"},
    {"Digest", "busybox@" + kDigest, "", "busybox", "", true},
    {"TagAndDigest", "busybox:1.35@" + kDigest, "", "busybox", "1.35", true},
    {"NamedRegistry", "quay.io/team/app:v1", "quay.io", "team/app", "v1"},
    {"RegistryWithPort", "localhost:5000/library/busybox:1.35", "localhost:5000", "library/busybox",
     "1.35"},
    {"Localhost", "localhost/busybox", "localhost", "busybox", ""},
    {"ShortNameWithPort", "mirror:5000/busybox", "mirror:5000", "busybox", ""},
    {"IPv4", "10.0.0.1/busybox", "10.0.0.1", "busybox", ""},
    {"IPv6", "[::1]/busybox", "[::1]", "busybox", ""},
    {"IPv6WithPort", "[fd00:1::2]:5000/busybox@" + kDigest, "[fd00:1::2]:5000", "busybox", "",
     true},
    {"UpperCaseRegistry", "Registry.Local/busybox", "Registry.Local", "busybox", ""},
    {"FirstPartWithoutDotIsNoRegistry", "registry/busybox", "", "registry/busybox", ""},
    {"PortLikeTagWithoutSlash", "localhost:5000", "", "localhost", "5000"},
    {"DotWithoutSlashIsARepository", "quay.io", "", "quay.io", ""},
    {"AllSeparators", "a.b_c__d-e---f/0", "", "a.b_c__d-e---f/0", ""},
    {"TagOfAllKinds", "a:_A.b-C_9", "", "a", "_A.b-C_9"},
    {"LongestTag", "a:" + std::string(128, 'x'), "", "a", std::string(128, 'x')},
    {"LongestName", "localhost/" + std::string(245, 'a'), "localhost", std::string(245, 'a'), ""},
    {"ManyParts", "a" + repeated("/a", 127), "", "a" + repeated("/a", 127), ""},
};

INSTANTIATE_TEST_SUITE_P(, ParseReference, testing::ValuesIn(kReadable),
                         [](const auto& test) { return test.param.name; });

struct UnreadableCase {
  std::string name;
  std::string text;
  std::string message;
  Code code = Code::kMalformed;
};

class ParseReferenceRefuses : public testing::TestWithParam<UnreadableCase> {};

TEST_P(ParseReferenceRefuses, NamingThePart) {
  const UnreadableCase& row = GetParam();
  EXPECT_THAT([&] { parse_reference(row.text); },
              Throws<Error>(AllOf(Property(&Error::code, row.code),
                                  Property(&Error::what, StrEq("reference " + row.message)))));
  EXPECT_EQ(find_reference(row.text), std::nullopt);
}

std::string bad_repository(const std::string& text, const std::string& repository) {
  return "\"" + text + "\": repository \"" + repository +
         "\" is not of lower-case letters and digits, joined by / . _ __ or -";
}

std::string bad_tag(const std::string& text, const std::string& tag) {
  return "\"" + text + "\": tag \"" + tag +
         "\" is not of 1 to 128 letters, digits, and . _ - after the first";
}

const UnreadableCase kUnreadable[] = {
    {"Empty", "", bad_repository("", "")},
    {"TagAlone", ":1", bad_repository(":1", "")},
    {"RegistryAlone", "quay.io/", bad_repository("quay.io/", "")},
    {"UpperCase", "Library/BusyBox", bad_repository("Library/BusyBox", "Library/BusyBox")},
    {"LeadingSlash", "/a", bad_repository("/a", "/a")},
    {"EmptyPart", "a//b", bad_repository("a//b", "a//b")},
    {"TrailingSlash", "a/b/", bad_repository("a/b/", "a/b/")},
    {"ParentDirectory", "a/../b", bad_repository("a/../b", "a/../b")},
    {"ParentDirectoryFirst", "../b", bad_repository("../b", "../b")},
    {"TwoDots", "a..b", bad_repository("a..b", "a..b")},
    {"ThreeUnderscores", "a___b", bad_repository("a___b", "a___b")},
    {"MixedSeparators", "a-_b", bad_repository("a-_b", "a-_b")},
    {"LeadingDash", "-a", bad_repository("-a", "-a")},
    {"TrailingDot", "a.", bad_repository("a.", "a.")},
    {"Blank", "a b", bad_repository("a b", "a b")},
    {"Escape", "a\x1b[2J", bad_repository("a\\x1b[2J", "a\\x1b[2J")},
    {"NotAscii", "größe", bad_repository("größe", "größe")},
    {"Scheme", "https://quay.io/a",
     "\"https://quay.io/a\": registry \"https:\" is not HOST or HOST:PORT"},
    {"PortTooLarge", "quay.io:65536/a",
     "\"quay.io:65536/a\": registry \"quay.io:65536\" is not HOST or HOST:PORT"},
    {"PortZero", "quay.io:0/a", "\"quay.io:0/a\": registry \"quay.io:0\" is not HOST or HOST:PORT"},
    {"PortMissing", "quay.io:/a", "\"quay.io:/a\": registry \"quay.io:\" is not HOST or HOST:PORT"},
    {"UserInformation", "me:pw@quay.io/a",
     "\"me:pw@quay.io/a\": \"quay.io/a\" is not a digest, "
     "expected sha256: and 64 or sha512: and 128 lower-case hexadecimal digits"},
    {"OpenBracket", "[::1/a", "\"[::1/a\": registry \"[::1\" is not HOST or HOST:PORT"},
    {"NameTooLong", "localhost/" + std::string(246, 'a'),
     "\"localhost/" + std::string(246, 'a') +
         "\": registry and repository are 256 bytes, more than the limit of 255"},
    {"EmptyTag", "a:", bad_tag("a:", "")},
    {"TagWithSlashBefore", "a/b:c:d", bad_repository("a/b:c:d", "a/b:c")},
    {"TagStartsWithADot", "a:.x", bad_tag("a:.x", ".x")},
    {"TagStartsWithADash", "a:-x", bad_tag("a:-x", "-x")},
    {"TagWithALineBreak", "a:x\n", bad_tag("a:x\\x0a", "x\\x0a")},
    {"TagTooLong", "a:" + std::string(129, 'x'),
     bad_tag("a:" + std::string(129, 'x'), std::string(129, 'x'))},
    {"EmptyDigest", "a@",
     "\"a@\": \"\" is not a digest, expected sha256: and 64 or sha512: and "
     "128 lower-case hexadecimal digits"},
    {"DigestWithATag", "a@" + kDigest + ":x",
     "\"a@" + kDigest + ":x\": \"" + kDigest +
         ":x\" is not "
         "a digest, expected sha256: and 64 or sha512: and 128 lower-case hexadecimal digits"},
    {"OtherAlgorithm", "a@md5:900150983cd24fb0d6963f7d28e17f72",
     "\"a@md5:900150983cd24fb0d6963f7d28e17f72\": digest "
     "\"md5:900150983cd24fb0d6963f7d28e17f72\" uses an algorithm other than sha256 and sha512",
     Code::kUnsupported},
};

INSTANTIATE_TEST_SUITE_P(, ParseReferenceRefuses, testing::ValuesIn(kUnreadable),
                         [](const auto& test) { return test.param.name; });

struct RegistryCase {
  std::string name;
  std::string text;
  bool is;
};

class IsRegistry : public testing::TestWithParam<RegistryCase> {};

TEST_P(IsRegistry, SaysSo) {
  EXPECT_EQ(is_registry(GetParam().text), GetParam().is);
}

const RegistryCase kRegistries[] = {
    {"Dot", "quay.io", true},
    {"Port", "mirror:5000", true},
    {"Localhost", "localhost", true},
    {"InnerDash", "my-registry.example", true},
    {"HighestPort", "a:65535", true},
    {"IPv6", "[::1]", true},
    {"IPv6WithPort", "[::1]:5000", true},
    {"IPv4InIPv6", "[::ffff:10.0.0.1]:5000", true},
    {"Word", "library", false},
    {"Empty", "", false},
    {"Colon", ":", false},
    {"Dots", "..", false},
    {"TrailingDot", "quay.io.", false},
    {"Underscore", "my_registry:5000", false},
    {"LeadingDash", "-a.b", false},
    {"TrailingDash", "a-.b", false},
    {"SlashInIt", "quay.io/a", false},
    {"NoPort", "a:", false},
    {"PortOfSixDigits", "a:100000", false},
    {"PortWithSign", "a:+80", false},
    {"TwoColons", "a:1:2", false},
    {"BareIPv6", "::1", false},
    {"OpenBracket", "[", false},
    {"UnclosedBracket", "[::1", false},
    {"EmptyBrackets", "[]", false},
    {"NoAddressInBrackets", "[quay.io]", false},
    {"ZoneInBrackets", "[fe80::1%25eth0]", false},
    {"JunkAfterBrackets", "[::1]x", false},
    {"EmptyPortAfterBrackets", "[::1]:", false},
};

INSTANTIATE_TEST_SUITE_P(, IsRegistry, testing::ValuesIn(kRegistries),
                         [](const auto& test) { return test.param.name; });

TEST(Reference, IsOrderedByItsText) {
  EXPECT_LT(parse_reference("a:1"), parse_reference("a:2"));
  EXPECT_LT(parse_reference("a:2"), parse_reference("b:1"));
  EXPECT_EQ(parse_reference("quay.io/a/b:1").repository_text(), "quay.io/a/b");
  EXPECT_EQ(parse_reference("a/b:1").repository_text(), "a/b");
}

}  // namespace
}  // namespace seabag::oci
