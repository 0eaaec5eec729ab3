// SPDX-License-Identifier: Apache-2.0
#include "target/open_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "io/posix_file_system.h"

namespace seabag::target {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Good {
  std::string name;
  std::string text;
  TargetName expected;
};

class ParseTargetTakes : public ::testing::TestWithParam<Good> {};

TEST_P(ParseTargetTakes, ItApart) {
  const TargetName name = parse_target(GetParam().text);
  const TargetName& expected = GetParam().expected;
  EXPECT_EQ(name.text, GetParam().text);
  EXPECT_EQ(name.transport, expected.transport);
  EXPECT_EQ(name.registry, expected.registry);
  EXPECT_EQ(name.prefix, expected.prefix);
  EXPECT_EQ(name.path, expected.path);
}

const Good kGood[] = {
    {"Host", "docker://registry.local", {"", Transport::kRegistry, "registry.local", "", ""}},
    {"HostWithPort", "docker://mirror:5000", {"", Transport::kRegistry, "mirror:5000", "", ""}},
    {"Localhost", "docker://localhost", {"", Transport::kRegistry, "localhost", "", ""}},
    {"Ipv6", "docker://[::1]:5000", {"", Transport::kRegistry, "[::1]:5000", "", ""}},
    {"TrailingSlash", "docker://mirror:5000/", {"", Transport::kRegistry, "mirror:5000", "", ""}},
    {"Prefix", "docker://mirror:5000/a/b", {"", Transport::kRegistry, "mirror:5000", "a/b", ""}},
    {"PrefixWithSlash",
     "docker://mirror:5000/a/",
     {"", Transport::kRegistry, "mirror:5000", "a", ""}},
    {"Layout", "oci:/srv/store", {"", Transport::kLayout, "", "", "/srv/store"}},
    {"RelativeLayout", "oci:store", {"", Transport::kLayout, "", "", "store"}},
    {"Directory", "dir:/srv/images", {"", Transport::kDirectory, "", "", "/srv/images"}},
    {"DirectoryWithColon", "dir:a:b", {"", Transport::kDirectory, "", "", "a:b"}},
};

INSTANTIATE_TEST_SUITE_P(, ParseTargetTakes, ::testing::ValuesIn(kGood),
                         [](const auto& test) { return test.param.name; });

struct Bad {
  std::string name;
  std::string text;
  std::string message;
};

class ParseTargetRefuses : public ::testing::TestWithParam<Bad> {};

TEST_P(ParseTargetRefuses, WithWhatWasExpected) {
  try {
    parse_target(GetParam().text);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
    EXPECT_THAT(error.what(), HasSubstr("expected"));
  }
}

const Bad kBad[] = {
    {"Nothing", "", "is no target"},
    {"NoTransport", "registry.local/a", "is no target"},
    {"OneSlash", "docker:/registry.local", "is no target"},
    {"OtherTransport", "oci-archive:a.tar", "is no target"},
    {"LayoutWithoutDirectory", "oci:", "is no target"},
    {"DirectoryWithoutDirectory", "dir:", "is no target"},
    {"LayoutWithName", "oci:store:1.35", "has a name after the directory"},
    {"NoHost", "docker://", "is no registry"},
    {"HostWithoutDotOrPort", "docker://mirror", "is no registry"},
    {"TagAfterPrefix", "docker://mirror:5000/a:1", "is no prefix"},
    {"UpperCasePrefix", "docker://mirror:5000/A", "is no prefix"},
    {"EmptyPartInPrefix", "docker://mirror:5000/a//b", "is no prefix"},
    {"PrefixOutOfTheRegistry", "docker://mirror:5000/../x", "is no prefix"},
    {"ControlCharacter", "docker://mirror:5000/a\x1b[2J", "\\x1b"},
};

INSTANTIATE_TEST_SUITE_P(, ParseTargetRefuses, ::testing::ValuesIn(kBad),
                         [](const auto& test) { return test.param.name; });

TEST(ParseTarget, DoesNotRepeatAPassword) {
  try {
    parse_target("docker://ann:secret@mirror:5000/a");
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
    EXPECT_THAT(error.next_step(), HasSubstr("log in"));
  }
}

TEST(OpenTarget, OpensWhatTheNameSays) {
  const auto files = io::posix_file_system();
  const Surroundings surroundings{.files = files.get(), .registry = {}, .chunk_size = 0};
  const std::string directory = ::testing::TempDir() + "/open_target_that_does_not_exist";
  const auto layout = open_target(parse_target("oci:" + directory), surroundings);
  EXPECT_EQ(layout->uri(), "oci:" + directory);
  EXPECT_FALSE(layout->takes_whole_images());
  const auto tarballs = open_target(parse_target("dir:" + directory), surroundings);
  EXPECT_EQ(tarballs->uri(), "dir:" + directory);
  EXPECT_TRUE(tarballs->takes_whole_images());
  EXPECT_FALSE(files->find(directory)) << "opening alone changes nothing";
}

}  // namespace
}  // namespace seabag::target
