// SPDX-License-Identifier: Apache-2.0
#include "base/grouped.h"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace seabag {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Grouped, HasTheValuesOfEachKeyInTheOrderTheyCame) {
  const std::vector<std::pair<std::size_t, std::string>> all = {
      {2, "a"}, {0, "b"}, {2, "c"}, {3, "d"}, {2, "a"}};
  const Grouped<std::string> grouped(5, [&](const auto& put) {
    for (const auto& [key, value] : all) put(key, value);
  });
  EXPECT_THAT(grouped.of(0), ElementsAre("b"));
  EXPECT_THAT(grouped.of(1), IsEmpty());
  EXPECT_THAT(grouped.of(2), ElementsAre("a", "c", "a"));
  EXPECT_THAT(grouped.of(3), ElementsAre("d"));
  EXPECT_THAT(grouped.of(4), IsEmpty());
}

TEST(Grouped, TakesNothingAtAll) {
  const Grouped<int> grouped(1, [](const auto&) {});
  EXPECT_THAT(grouped.of(0), IsEmpty());
}

TEST(Grouped, RefusesAKeyThatIsTooLarge) {
  EXPECT_THROW(Grouped<int>(2, [](const auto& put) { put(2, 1); }), std::out_of_range);
}

}  // namespace
}  // namespace seabag
