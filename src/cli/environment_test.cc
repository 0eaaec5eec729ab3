// SPDX-License-Identifier: Apache-2.0
#include "cli/environment.h"

#include <map>

#include <gtest/gtest.h>

#include "base/error.h"

namespace seabag::cli {
namespace {

Environment read(const std::map<std::string, std::string>& variables) {
  return read_environment(
      [&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
      },
      1000);
}

TEST(Environment, IsEmptyWhereNothingIsSet) {
  const Environment environment = read({});
  EXPECT_EQ(environment.home, "");
  EXPECT_EQ(environment.https_proxy, "");
  EXPECT_EQ(environment.user_id, 1000U);
  EXPECT_FALSE(environment.source_date_epoch);
}

TEST(Environment, PrefersLowerCaseProxyVariablesAsCurlDoes) {
  EXPECT_EQ(read({{"https_proxy", "a"}, {"HTTPS_PROXY", "b"}}).https_proxy, "a");
  EXPECT_EQ(read({{"HTTPS_PROXY", "b"}, {"all_proxy", "c"}}).https_proxy, "b");
  EXPECT_EQ(read({{"https_proxy", ""}, {"ALL_PROXY", "d"}}).https_proxy, "d");
  EXPECT_EQ(read({{"NO_PROXY", "e"}}).no_proxy, "e");
}

TEST(Environment, IgnoresHttpProxyInUpperCase) {
  EXPECT_EQ(read({{"HTTP_PROXY", "attacker"}}).http_proxy, "");
}

TEST(Environment, ReadsSourceDateEpoch) {
  EXPECT_EQ(read({{"SOURCE_DATE_EPOCH", "86400"}}).source_date_epoch, UtcTime{86400});
  EXPECT_FALSE(read({{"SOURCE_DATE_EPOCH", ""}}).source_date_epoch);
}

TEST(Environment, RefusesASourceDateEpochThatIsNoTime) {
  for (const char* value : {"yesterday", "-1", "1e9", "253402300800", " 1"}) {
    EXPECT_THROW(read({{"SOURCE_DATE_EPOCH", value}}), Error) << value;
  }
}

}  // namespace
}  // namespace seabag::cli
