// SPDX-License-Identifier: Apache-2.0
#include "registry/challenge.h"

#include <gtest/gtest.h>

namespace seabag::registry {
namespace {

using enum Challenge::Scheme;

bool operator==(const Challenge& a, const Challenge& b) {
  return a.scheme == b.scheme && a.realm == b.realm && a.service == b.service &&
         a.scope == b.scope && a.error == b.error;
}

struct Case {
  std::string name;
  std::string header;
  std::vector<Challenge> challenges;
};

const Case kCases[] = {
    {"DockerHub",
     R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",)"
     R"(scope="repository:library/busybox:pull")",
     {{kBearer, "https://auth.docker.io/token", "registry.docker.io",
       "repository:library/busybox:pull", ""}}},
    {"IbmUnquotedWithBlanksAfterCommas",
     "Bearer realm=https://us.icr.io/oauth/token, service=registry, scope=repository:a/b:pull",
     {{kBearer, "https://us.icr.io/oauth/token", "registry", "repository:a/b:pull", ""}}},
    {"CommaInQuotedScope",
     R"(Bearer realm="https://r/t",scope="repository:a:pull,push",error="insufficient_scope")",
     {{kBearer, "https://r/t", "", "repository:a:pull,push", "insufficient_scope"}}},
    {"AnyOrder",
     R"(Bearer error="invalid_token",scope="s",service="x",realm="https://r/t")",
     {{kBearer, "https://r/t", "x", "s", "invalid_token"}}},
    {"AnyLetterCase",
     R"(bEARER Realm="https://r/t",SERVICE="x")",
     {{kBearer, "https://r/t", "x", "", ""}}},
    {"Htpasswd", R"(Basic realm="Registry Realm")", {{kBasic, "Registry Realm", "", "", ""}}},
    {"SchemeAlone", "Basic", {{kBasic, "", "", "", ""}}},
    {"SeveralInOneHeader",
     R"(Negotiate, Basic realm="a, b", Bearer realm="https://r/t",service="x")",
     {{kOther, "", "", "", ""},
      {kBasic, "a, b", "", "", ""},
      {kBearer, "https://r/t", "x", "", ""}}},
    {"Token68InFront",
     R"(Negotiate YIIJvwYGKwYBBQ==, Bearer realm="https://r/t")",
     {{kOther, "", "", "", ""}, {kBearer, "https://r/t", "", "", ""}}},
    {"BlanksAroundEqualsSigns",
     "Bearer\trealm = \"https://r/t\" , service\t=\tx",
     {{kBearer, "https://r/t", "x", "", ""}}},
    {"NoCommas",
     R"(Bearer realm="https://r/t" service="x")",
     {{kBearer, "https://r/t", "x", "", ""}}},
    {"EscapesInQuotes", R"(Basic realm="a \"b\" \\c")", {{kBasic, R"(a "b" \c)", "", "", ""}}},
    {"UnknownParameters", R"(Basic charset="UTF-8", realm="r", x=)", {{kBasic, "r", "", "", ""}}},
    {"TheFirstOfTwoRealmsCounts",
     R"(Bearer realm="https://r/t",realm="https://evil/t")",
     {{kBearer, "https://r/t", "", "", ""}}},
    {"QuoteWithoutEndIsLeftOut",
     R"(Bearer service="x",realm="https://r/t)",
     {{kBearer, "", "x", "", ""}}},
    {"BackslashAtTheEnd", "Bearer realm=\"https://r/t\\", {{kBearer, "", "", "", ""}}},
    {"ParametersWithoutScheme", R"(realm="https://r/t",service="x")", {}},
    {"StrayQuotedString", R"("Bearer realm=x" Basic realm="r")", {{kBasic, "r", "", "", ""}}},
    {"StraySigns", R"(=,"",=="=",,)", {}},
    {"Empty", "", {}},
    {"Blank", " \t , ,", {}},
};

class ParseChallenges : public ::testing::TestWithParam<Case> {};

TEST_P(ParseChallenges, ReadsWhatCanBeRead) {
  const auto challenges = parse_challenges(GetParam().header);
  ASSERT_EQ(challenges.size(), GetParam().challenges.size());
  for (std::size_t i = 0; i < challenges.size(); ++i) {
    EXPECT_TRUE(challenges[i] == GetParam().challenges[i])
        << i << ": realm " << challenges[i].realm;
  }
}

INSTANTIATE_TEST_SUITE_P(, ParseChallenges, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(ParseChallengesOfAnyText, Ends) {
  // Every string of six of the signs that mean something, and one that does not.
  const std::string signs = "a=\", \\";
  std::string text(6, ' ');
  for (unsigned n = 0; n < 6 * 6 * 6 * 6 * 6 * 6; ++n) {
    unsigned rest = n;
    for (char& c : text) {
      c = signs[rest % 6];
      rest /= 6;
    }
    EXPECT_LE(parse_challenges(text).size(), 3U) << text;
  }
}

}  // namespace
}  // namespace seabag::registry
