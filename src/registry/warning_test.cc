// SPDX-License-Identifier: Apache-2.0
#include "registry/warning.h"

#include <gtest/gtest.h>

namespace seabag::registry {
namespace {

TEST(FindWarning, TakesWhatIsMeantForUsers) {
  EXPECT_EQ(find_warning(R"(299 - "Your quota is almost used up.")"),
            "Your quota is almost used up.");
  EXPECT_EQ(find_warning(R"( 299  -  "say \"hello\"")"), R"(say "hello")");
}

TEST(FindWarning, PassesOverAnythingElse) {
  for (const char* header :
       {"", "299", "299 -", "299 - ", "299 - text", R"(299 - ")", R"(299 - "")", R"(199 - "other")",
        R"(299 cache.example "stale")", R"(299 "no agent")", R"(2990 - "x")", "\"", "- - -"}) {
    EXPECT_EQ(find_warning(header), std::nullopt) << header;
  }
}

}  // namespace
}  // namespace seabag::registry
