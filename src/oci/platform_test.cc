// SPDX-License-Identifier: Apache-2.0
#include "oci/platform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::oci {
namespace {

using testing::AllOf;
using testing::Property;
using testing::StrEq;
using testing::Throws;

TEST(PlatformText, HasTheVariantIfThereIsOne) {
  EXPECT_EQ(Platform({.os = "linux", .architecture = "amd64"}).text(), "linux/amd64");
  EXPECT_EQ(Platform({.os = "linux", .architecture = "arm64", .variant = "v8"}).text(),
            "linux/arm64/v8");
  EXPECT_EQ(Platform().text(), "");
}

TEST(ParsePlatform, ReadsWhatTextWrites) {
  for (const char* text : {"linux/amd64", "linux/arm/v7", "windows/amd64", "js/wasm"}) {
    EXPECT_EQ(parse_platform(text).text(), text);
  }
  EXPECT_EQ(parse_platform("linux/arm/v7"),
            Platform({.os = "linux", .architecture = "arm", .variant = "v7"}));
}

struct Case {
  std::string name;
  std::string text;
};

class ParsePlatformRefuses : public testing::TestWithParam<Case> {};

TEST_P(ParsePlatformRefuses, It) {
  const std::string message = "\"" + GetParam().text +
                              "\" is not a platform, expected OS/ARCH or OS/ARCH/VARIANT in lower "
                              "case, such as linux/arm64/v8";
  EXPECT_THAT([] { parse_platform(GetParam().text); },
              Throws<Error>(AllOf(Property(&Error::code, Code::kUsage),
                                  Property(&Error::what, StrEq(message)))));
}

const Case kCases[] = {
    {"Empty", ""},
    {"OneWord", "linux"},
    {"NoArchitecture", "linux/"},
    {"NoSystem", "/amd64"},
    {"EmptyArchitecture", "linux//v8"},
    {"EmptyVariant", "linux/arm64/"},
    {"FourParts", "linux/arm64/v8/x"},
    {"UpperCase", "Linux/AMD64"},
    {"Blank", "linux/amd64 "},
    {"List", "linux/amd64,linux/arm64"},
};

INSTANTIATE_TEST_SUITE_P(, ParsePlatformRefuses, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

struct MatchCase {
  std::string name;
  Platform has;
  std::string wanted;
  bool satisfied;
};

class Satisfies : public testing::TestWithParam<MatchCase> {};

TEST_P(Satisfies, AsItsRulesSay) {
  EXPECT_EQ(satisfies(GetParam().has, parse_platform(GetParam().wanted)), GetParam().satisfied);
}

Platform platform(const char* os, const char* architecture, const char* variant = "",
                  const char* os_version = "") {
  return {.os = os, .architecture = architecture, .variant = variant, .os_version = os_version};
}

const MatchCase kMatches[] = {
    {"Same", platform("linux", "amd64"), "linux/amd64", true},
    {"OtherArchitecture", platform("linux", "amd64"), "linux/arm64", false},
    {"OtherSystem", platform("windows", "amd64"), "linux/amd64", false},
    {"AnyVariant", platform("linux", "arm", "v7"), "linux/arm", true},
    {"SameVariant", platform("linux", "arm", "v7"), "linux/arm/v7", true},
    {"OtherVariant", platform("linux", "arm", "v6"), "linux/arm/v7", false},
    {"NoVariant", platform("linux", "arm"), "linux/arm/v7", false},
    {"Arm64IsV8", platform("linux", "arm64"), "linux/arm64/v8", true},
    {"Arm64OfV9IsNotV8", platform("linux", "arm64", "v9"), "linux/arm64/v8", false},
    {"AnyVersionOfTheSystem", platform("windows", "amd64", "", "10.0.17763.1"), "windows/amd64",
     true},
    {"Attestation", platform("unknown", "unknown"), "linux/amd64", false},
    {"AttestationAskedFor", platform("unknown", "unknown"), "unknown/unknown", false},
    {"NoPlatform", Platform(), "linux/amd64", false},
};

INSTANTIATE_TEST_SUITE_P(, Satisfies, testing::ValuesIn(kMatches),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace seabag::oci
