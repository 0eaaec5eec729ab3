// SPDX-License-Identifier: Apache-2.0
#include "registry/link.h"

#include <gtest/gtest.h>

namespace seabag::registry {
namespace {

struct Case {
  std::string name;
  std::string header;
  std::optional<std::string> next;
};

const Case kCases[] = {
    {"Distribution", R"(</v2/_catalog?last=b&n=2>; rel="next")", "/v2/_catalog?last=b&n=2"},
    {"Azure", R"(</acr/v1/_catalog?last=x&n=2&orderby=>; rel="next")",
     "/acr/v1/_catalog?last=x&n=2&orderby="},
    {"Absolute", R"(<https://r.example/v2/a/tags/list?n=1>; rel="next")",
     "https://r.example/v2/a/tags/list?n=1"},
    {"Unquoted", "</p>;rel=next", "/p"},
    {"AnyLetterCase", "</p>; REL=\"Next\"", "/p"},
    {"OneOfSeveralRelations", R"(</p>; rel="last  next")", "/p"},
    {"RelationBehindOtherParameters", R"(</p>; title="a, <b>; rel=prev"; rel="next"; type=x)",
     "/p"},
    {"SecondOfTwoLinks", R"(</a>; rel="prev", </b>; rel="next")", "/b"},
    {"CommaInTarget", R"(</a,b>; rel="next")", "/a,b"},
    {"BlanksAroundSigns", "  </p> ;\trel = \"next\" ", "/p"},
    {"TheFirstRelationCounts", R"(</p>; rel="prev"; rel="next")", std::nullopt},
    {"OtherRelation", R"(</p>; rel="nextish")", std::nullopt},
    {"NoRelation", "</p>", std::nullopt},
    {"NoEndOfTarget", R"(</p; rel="next")", std::nullopt},
    {"NoEndOfQuote", R"(</p>; rel="next)", std::nullopt},
    {"EmptyTarget", R"(<>; rel="next")", ""},
    {"StraySigns", R"(=;,"";<>=;;"<>";rel,)", std::nullopt},
    {"Empty", "", std::nullopt},
};

class NextLink : public ::testing::TestWithParam<Case> {};

TEST_P(NextLink, IsTheTargetOfRelationNext) {
  EXPECT_EQ(next_link(GetParam().header), GetParam().next);
}

INSTANTIATE_TEST_SUITE_P(, NextLink, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace seabag::registry
