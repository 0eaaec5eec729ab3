// SPDX-License-Identifier: Apache-2.0
#include "bundle/damage_file.h"

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "digest/hasher.h"
#include "io/bytes.h"

namespace seabag::bundle {
namespace {

using ::testing::HasSubstr;

const std::string kChecksum = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

Damage example() {
  const index::PayloadFile disk{"data/disks/web01.vmdk", 1048576, kChecksum};
  return {.seal = digest::digest_of(io::bytes_of("{}")),
          .files = {{{"data/images/images.tar", 20480, kChecksum}, false}, {disk, true}},
          .blobs = {{.digest = digest::digest_of(io::bytes_of("app layer")),
                     .size = 9,
                     .media_type = "application/vnd.oci.image.layer.v1.tar",
                     .is_manifest = false,
                     .places = {{"data/images/images.tar", 7168}},
                     .references = {"registry.example/team/app:1.2"}}},
          .disks = {{.disk = {.name = "web01",
                              .server = "web01",
                              .position = 0,
                              .boots = true,
                              .format = "vmdk",
                              .size = 10485760,
                              .content = "disk-v1:" + kChecksum,
                              .files = {},
                              .source = "disk:/srv/web01.qcow2",
                              .source_format = "qcow2",
                              .source_size = 10485760,
                              .read_at = {},
                              .zeroed = {{4096, 512}}},
                     .files = {disk},
                     .identifiers = "adapter=ide,cid=0badcafe"}},
          .configs = {{"web01", {"data/config/disks/web01.json", 17, kChecksum}}},
          .frames = {{"data/images/images.tar", 6656, 512}},
          .frame_ranges = 1,
          .beyond_repair = {"\"data/images/more.tar\" is in no manifest"}};
}

// The block of JSON on the page.
std::string example_of_the_specification() {
  std::ifstream file(SEABAG_FORMAT_SPEC "/damage.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  const auto begin = page.find("```json\n") + 8;
  return page.substr(begin, page.find("```", begin) - begin);
}

Code code_of_reading(const std::string& text, std::string& message) {
  try {
    parse_damage(text, "list.json");
  } catch (const Error& error) {
    message = error.what();
    return error.code();
  }
  ADD_FAILURE() << "taken: " << text;
  return Code::kInternal;
}

TEST(WriteDamage, GivesTheExampleOfTheSpecification) {  // [DMG-1] [DMG-4]
  EXPECT_EQ(nlohmann::json::parse(write_damage(example())),
            nlohmann::json::parse(example_of_the_specification()));
}

TEST(ParseDamage, GivesBackWhatWasWritten) {
  const Damage expected = example();
  const Damage read = parse_damage(write_damage(expected), "list.json");
  EXPECT_EQ(read.seal, expected.seal);
  EXPECT_EQ(read.files, expected.files);
  EXPECT_EQ(read.blobs, expected.blobs);
  EXPECT_EQ(read.disks, expected.disks);
  EXPECT_EQ(read.configs, expected.configs);
  EXPECT_EQ(read.frames, expected.frames);
  EXPECT_EQ(read.frame_ranges, expected.frame_ranges);
  EXPECT_EQ(read.beyond_repair, expected.beyond_repair);
}

TEST(ParseDamage, RefusesAnotherVersionByName) {  // [DMG-5]
  std::string text = write_damage(example());
  text.replace(text.find("\"damageVersion\": 1"), 18, "\"damageVersion\": 2");
  std::string message;
  EXPECT_EQ(code_of_reading(text, message), Code::kUnsupported);
  EXPECT_THAT(message, HasSubstr("version 2"));
}

struct Change {
  const char* name;
  const char* from;
  const char* to;
};

class ChangedList : public ::testing::TestWithParam<Change> {};

TEST_P(ChangedList, IsRefused) {  // [DMG-5]
  std::string text = write_damage(example());
  const std::string from = GetParam().from;
  ASSERT_NE(text.find(from), std::string::npos);
  text.replace(text.find(from), from.size(), GetParam().to);
  std::string message;
  EXPECT_EQ(code_of_reading(text, message), Code::kMalformed);
  EXPECT_THAT(message, HasSubstr("list.json: "));
}

INSTANTIATE_TEST_SUITE_P(
    , ChangedList,
    ::testing::Values(Change{"WithoutASeal", "\"seal\"", "\"zeal\""},
                      Change{"WithATwiceNamedMember", "\"frameRanges\"", "\"seal\""},
                      Change{"WithABlobOfAnotherAlgorithm",
                             "\"digest\": \"sha256:", "\"digest\": \"md5:"},
                      Change{"WithAHugeBlob", "\"size\": 9,", "\"size\": 9000000000000000000,"},
                      Change{"WithAFraction", "\"size\": 9,", "\"size\": 9.0,"},
                      Change{"WithANegativeOffset", "\"offset\": 7168", "\"offset\": -1"},
                      Change{"WithAWordForABool", "\"manifest\": false", "\"manifest\": \"no\""},
                      Change{"WithADiskThatClimbs", "\"name\": \"web01\"", "\"name\": \"../x\""},
                      Change{"WithAConfigThatClimbs", "\"disk\": \"web01\"", "\"disk\": \"../x\""},
                      Change{"WithAFileBesideThePayload", "\"path\": \"data/images/images.tar\"",
                             "\"path\": \"/etc/passwd\""},
                      Change{"WithAnUnknownState", "\"state\": \"missing\"", "\"state\": \"sick\""},
                      Change{"WithBlobsThatAreNoList", "\"blobs\": [", "\"blobs\": {}, \"x\": ["},
                      Change{"WithAShortChecksum", "\"sha256\": \"44", "\"sha256\": \"4"}),
    [](const auto& test) { return test.param.name; });

TEST(ParseDamage, RefusesABlobThatStandsTwice) {  // [DMG-5]
  Damage damage = example();
  damage.blobs.push_back(damage.blobs.front());
  std::string message;
  EXPECT_EQ(code_of_reading(write_damage(damage), message), Code::kMalformed);
  EXPECT_THAT(message, HasSubstr("twice"));
}

TEST(ParseDamage, ReadsNoListThatIsTooLarge) {  // [DMG-5]
  std::string message;
  EXPECT_EQ(code_of_reading(std::string(limits::kLayoutIndexBytes + 1, ' '), message),
            Code::kMalformed);
}

}  // namespace
}  // namespace seabag::bundle
