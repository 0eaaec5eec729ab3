// SPDX-License-Identifier: Apache-2.0
#include "oci/reference_pattern.h"

#include <gtest/gtest.h>

namespace seabag::oci {
namespace {

struct Case {
  const char* name;
  const char* pattern;
  const char* reference;
  bool matches;
};

const Case kCases[] = {
    {"RepositoryMeansAllItsTags", "library/busybox", "localhost:5000/library/busybox:1.35", true},
    {"RepositoryWithItsRegistry", "localhost:5000/library/busybox",
     "localhost:5000/library/busybox:1.35", true},
    {"ExactTag", "library/busybox:1.35", "localhost:5000/library/busybox:1.35", true},
    {"OtherTag", "library/busybox:1.36", "localhost:5000/library/busybox:1.35", false},
    {"TagPattern", "library/*:1.*", "localhost:5000/library/busybox:1.35", true},
    {"StarStopsAtSlash", "library/*", "localhost:5000/library/a/b:1", false},
    {"TwoStarsDoNot", "library/**", "localhost:5000/library/a/b:1", true},
    {"RegistryPatternWithPort", "localhost:5000/**", "localhost:5000/library/a/b:1", true},
    {"OtherRegistry", "other:5000/**", "localhost:5000/library/a/b:1", false},
    {"QuestionMarkIsOneCharacter", "app0?:v1", "app01:v1", true},
    {"PrefixAloneIsNotEnough", "library/busy", "library/busybox:1", false},
    {"Digest", "app@sha256:*",
     "app@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", true},
};

class MatchesPattern : public testing::TestWithParam<Case> {};

TEST_P(MatchesPattern, AsDocumented) {
  EXPECT_EQ(matches(GetParam().pattern, parse_reference(GetParam().reference)), GetParam().matches);
}

INSTANTIATE_TEST_SUITE_P(, MatchesPattern, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(IsChosen, NeedsOneOfTheWantedAndNoneOfTheUnwanted) {
  const Reference reference = parse_reference("team/app:v1");
  EXPECT_TRUE(is_chosen(reference, {}, {}));
  EXPECT_TRUE(is_chosen(reference, {"other", "team/*"}, {}));
  EXPECT_FALSE(is_chosen(reference, {"other"}, {}));
  EXPECT_FALSE(is_chosen(reference, {"team/*"}, {"*/app:v1"}));
}

}  // namespace
}  // namespace seabag::oci
