// SPDX-License-Identifier: Apache-2.0
#include "importer/command_line.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::importer {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

CommandLine parse(std::vector<const char*> words) {
  words.insert(words.begin(), "seabag-import");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

TEST(ImportCommandLine, TakesTheCommands) {
  EXPECT_EQ(parse({"verify", "b", "--quick"}).command, Command::kVerify);
  EXPECT_EQ(parse({"list", "b", "--json"}).command, Command::kList);
  EXPECT_EQ(parse({"index", "b", "--rebuild", "--output", "f"}).output, "f");
  const CommandLine line = parse({"push", "b", "docker://h:5000/p", "--map", "a=b", "--map", "c=d",
                                  "--on-existing-tag", "skip", "--chunk-size", "16MiB", "--only",
                                  "x", "--receipt", "r.json", "--verify-target"});
  EXPECT_EQ(line.command, Command::kPush);
  EXPECT_EQ(line.target.registry, "h:5000");
  EXPECT_EQ(line.target.prefix, "p");
  EXPECT_THAT(line.names.mappings, SizeIs(2));
  EXPECT_EQ(line.push.on_existing_tag, importing::OnExistingTag::kSkip);
  EXPECT_EQ(line.chunk_size, 16U << 20U);
  EXPECT_TRUE(line.push.read_back);
}

TEST(ImportCommandLine, TakesAnyNumberOfPatches) {
  EXPECT_EQ(parse({"patch", "b"}).command, Command::kPatch);
  EXPECT_EQ(parse({"patch", "b", "p", "q"}).patches, (std::vector<std::string>{"p", "q"}));
}

TEST(ImportCommandLine, TakesASealWithAndWithoutItsAlgorithm) {
  const std::string hex(64, 'a');
  const auto bare = parse({"verify", "b", "--seal", hex.c_str()}).seal;
  const auto full = parse({"verify", "b", "--seal", ("sha256:" + hex).c_str()}).seal;
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare, full);
}

TEST(ImportCommandLine, TakesTheArchitectureOfContainersOrAmd64) {
  EXPECT_EQ(parse({"push", "b", "oci:d"}).container_architecture, "");
  EXPECT_EQ(parse({"push", "--disk-as-container", "b", "oci:d"}).container_architecture, "amd64");
  EXPECT_EQ(parse({"push", "b", "oci:d", "--disk-as-container=arm64"}).container_architecture,
            "arm64");
}

struct Complaint {
  const char* name;
  std::vector<const char*> words;
  const char* expected;
};

const Complaint kComplaints[] = {
    {"Nothing", {}, "expected a command"},
    {"UnknownCommand", {"unpack", "b"}, "expected verify, list, push, patch or index"},
    {"NoTarget", {"push", "b"}, "expected BUNDLE and TARGET"},
    {"UnknownTarget", {"push", "b", "ftp://x"}, "docker://"},
    {"TwoBundles", {"verify", "a", "b"}, "one BUNDLE expected"},
    {"QuickPush", {"push", "b", "oci:d", "--quick"}, "belongs to verify"},
    {"ReadBackOfALayout", {"push", "b", "oci:d", "--verify-target"}, "for a registry"},
    {"DamageOfPush", {"push", "b", "oci:d", "--damage", "f"}, "belongs to verify"},
    {"DamageOfAQuickLook", {"verify", "b", "--quick", "--damage", "f"}, "reads no content"},
    {"DamageWithoutAName", {"verify", "b", "--damage", ""}, "beside the bundle"},
    {"DamageOfPatch", {"patch", "b", "--damage", "f"}, "belongs to verify"},
    {"MapOfVerify", {"verify", "b", "--map", "a=b"}, "belongs to push"},
    {"IndexAlone", {"index", "b"}, "expected --rebuild"},
    {"OutputOfVerify", {"verify", "b", "--output", "f"}, "belongs to index"},
    {"BadMap", {"push", "b", "oci:d", "--map", "a"}, "FROM=TO"},
    {"BadSeal", {"verify", "b", "--seal", "abc"}, "64 digits"},
    {"BadArchitecture", {"push", "b", "oci:d", "--disk-as-container=x86_64"}, "amd64, arm64"},
    {"ContainerInChunks",
     {"push", "b", "oci:d", "--disk-as-container", "--disk-chunk-size", "1MiB"},
     "excludes --disk-chunk-size"},
    {"TwoPlacesOfADisk", {"push", "b", "dir:d", "--disk-to", "a=x", "--disk-to", "a=y"}, "twice"},
    {"ChunksInADirectory", {"push", "b", "dir:d", "--disk-chunk-size", "1MiB"}, "not for dir:DIR"},
    {"BadChoice", {"push", "b", "oci:d", "--on-existing-tag", "ask"}, "fail, skip or replace"},
};

class ImportComplaint : public testing::TestWithParam<Complaint> {};

TEST_P(ImportComplaint, SaysWhatWasExpected) {
  try {
    parse(GetParam().words);
    FAIL() << "nothing was wrong";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUsage);
    EXPECT_THAT(std::string(error.what()) + error.next_step(), HasSubstr(GetParam().expected));
  }
}

INSTANTIATE_TEST_SUITE_P(, ImportComplaint, testing::ValuesIn(kComplaints),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ImportHelp, FitsAScreen) {
  EXPECT_LE(std::ranges::count(help_text(), '\n'), 40);
}

}  // namespace
}  // namespace seabag::importer
