// SPDX-License-Identifier: Apache-2.0
#include "tar/plan.h"

#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"

namespace seabag::tar {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kSha256Blob = "blobs/sha256/" + std::string(64, 'a');
const std::string kSha512Blob = "blobs/sha512/" + std::string(128, 'b');

struct Case {
  std::string name;
  std::vector<Member> members;
  Placement last;
  std::uint64_t tarball_size;

  friend void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }
};

class PlannedTarball : public testing::TestWithParam<Case> {};

TEST_P(PlannedTarball, PlacesTheLastMember) {  // [TAR-8] [TAR-9]
  const Plan plan = plan_tarball(GetParam().members);
  ASSERT_EQ(plan.placements.size(), GetParam().members.size());
  EXPECT_EQ(plan.placements.back(), GetParam().last);
  EXPECT_EQ(plan.tarball_size, GetParam().tarball_size);
}

const Case kCases[] = {
    {"EmptyMember", {{"oci-layout", 0}}, {0, 512}, 1536},
    {"OneByteIsPaddedToABlock", {{"a", 1}, {"b", 0}}, {1024, 1536}, 2560},
    {"FullBlockIsNotPadded", {{"a", 512}, {"b", 0}}, {1024, 1536}, 2560},
    {"LongPathHasAPaxHeader", {{kSha512Blob, 3}}, {0, 1536}, 3072},
    {"OneByteBelowEightGib", {{"disk.vhd", 8'589'934'591}}, {0, 512}, 8'589'936'128},
    {"EightGibHasAPaxHeader", {{"disk.vhd", 8'589'934'592}}, {0, 1536}, 8'589'937'152},
    {"MemberBehindEightGib",
     {{"disk.vhd", 8'589'934'592}, {"a", 1}},
     {8'589'936'128, 8'589'936'640},
     8'589'938'176},
};

INSTANTIATE_TEST_SUITE_P(, PlannedTarball, testing::ValuesIn(kCases),
                         [](const auto& row) { return row.param.name; });

// The worked example of format-spec/tarball.md.
TEST(PlanTarball, PlacesMembersBackToBack) {  // [TAR-8]
  const std::vector<Member> members = {{"oci-layout", 30},
                                       {"index.json", 412},
                                       {"manifest.json", 2},
                                       {kSha256Blob, 1024},
                                       {kSha512Blob, 2000}};
  const Plan plan = plan_tarball(members);
  EXPECT_THAT(plan.placements,
              ElementsAre(Placement{0, 512}, Placement{1024, 1536}, Placement{2048, 2560},
                          Placement{3072, 3584}, Placement{4608, 6144}));
  EXPECT_EQ(plan.tarball_size, 9216);
}

TEST(PlanTarball, PlacesAMemberByWhatIsBeforeItAlone) {  // [TAR-12]
  const std::vector<Member> few = {{"a", 700}, {"b", 5}};
  std::vector<Member> more = few;
  more.push_back({"c", 1U << 20U});
  EXPECT_EQ(plan_tarball(more).placements[1], plan_tarball(few).placements[1]);
}

TEST(PlanTarball, OfNothingIsTwoZeroBlocks) {  // [TAR-9]
  EXPECT_EQ(plan_tarball({}).tarball_size, 1024);
  EXPECT_EQ(space_of_end(), 1024);
}

TEST(SpaceOf, IsWhatAMemberAdds) {
  EXPECT_EQ(space_of({"a", 0}), 512);
  EXPECT_EQ(space_of({"a", 513}), 512 + 1024);
  EXPECT_EQ(space_of({kSha512Blob, 1}), 1536 + 512);
}

TEST(SpaceOf, RefusesWhatDoesNotFit64Bits) {
  EXPECT_THROW(space_of({"a", std::numeric_limits<std::uint64_t>::max()}), Error);
}

struct BadCase {
  std::string name;
  std::vector<Member> members;
  std::string message;

  friend void PrintTo(const BadCase& row, std::ostream* out) { *out << row.name; }
};

class RefusedPlan : public testing::TestWithParam<BadCase> {};

TEST_P(RefusedPlan, SaysWhy) {
  try {
    plan_tarball(GetParam().members);
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kMalformed);
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
  }
}

// 20,000 members of 1 PiB are 2^64.3 bytes.
std::vector<Member> members_beyond_64_bits() {
  std::vector<Member> members(20'000, {"", limits::kTarMemberBytes});
  for (std::size_t i = 0; i < members.size(); ++i) members[i].path = std::to_string(i);
  return members;
}

const BadCase kBadCases[] = {
    {"Duplicate", {{"a", 1}, {"b", 1}, {"a", 1}}, "path \"a\" is there twice"},  // [TAR-7]
    {"CaseTwins",
     {{"blobs/a", 1}, {"blobs/A", 1}},
     "differs from another in case alone"},                                  // [TAR-7]
    {"PathThatWeDoNotWrite", {{"../a", 1}}, "path \"../a\" may not stand"},  // [TAR-6]
    {"MemberAboveTheLimit",
     {{"a", limits::kTarMemberBytes + 1}},
     "has 1125899906842625 bytes, expected at most 1125899906842624"},  // [TAR-11]
    {"SumBeyond64Bits", members_beyond_64_bits(), "does not fit 64 bits"},
};

INSTANTIATE_TEST_SUITE_P(, RefusedPlan, testing::ValuesIn(kBadCases),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace seabag::tar
