// SPDX-License-Identifier: Apache-2.0
// Power goes at every single change of the medium, in every mode of damage; then the export is
// resumed from what survived, and power goes again.

#include <gmock/gmock.h>

#include "exporting/small_export_internal.h"

namespace seabag::exporting {
namespace {

using testing::CrashFs;
using testing::Damage;
using testing::kDamages;

// Of the choices that a damage leaves: all names and no bytes, the reverse, and some at random.
constexpr std::uint32_t kSeeds = 4;

class PowerLossInExport : public ::testing::TestWithParam<Damage> {
 protected:
  static SmallExport::Tree whole() {
    CrashFs medium;
    SmallExport::prepare(medium);
    SmallExport().run(medium);
    return SmallExport::tree_of(medium, SmallExport::kBundle);
  }

  // False: the export ended before.
  static bool run_until_power_goes(CrashFs& medium, int nth) {
    medium.lose_power_at(nth);
    SmallExport exporting;
    try {
      exporting.run(medium);
      return false;
    } catch (const Error&) {
      EXPECT_FALSE(medium.has_power());
      return true;
    }
  }

  void expect_nothing_false(CrashFs& medium) const {
    EXPECT_FALSE(SmallExport::is_verified(medium, SmallExport::kUnfinished));
    if (medium.find(SmallExport::kBundle)) {
      EXPECT_EQ(SmallExport::tree_of(medium, SmallExport::kBundle), whole_);
    }
  }

  void expect_resumable(CrashFs& medium) const {
    SmallExport exporting;
    ASSERT_NO_THROW(exporting.run(medium));
    EXPECT_EQ(SmallExport::tree_of(medium, SmallExport::kBundle), whole_);
    // And it is on the medium, not in memory.
    medium.restart(Damage::kLost, 0);
    EXPECT_EQ(SmallExport::tree_of(medium, SmallExport::kBundle), whole_);
  }

  static std::uint32_t seeds() { return GetParam() == Damage::kLost ? 1 : kSeeds; }

  const SmallExport::Tree whole_ = whole();
};

TEST_P(PowerLossInExport, LeavesWhatIsResumedToTheSameBundle) {
  int changes = 0;
  for (bool was_hit = true; was_hit && !HasFailure();) {
    ++changes;
    for (std::uint32_t seed = 0; seed < seeds() && !HasFailure(); ++seed) {
      SCOPED_TRACE(fmt::format("change {}, seed {}", changes, seed));
      CrashFs medium;
      SmallExport::prepare(medium);
      was_hit = run_until_power_goes(medium, changes);
      if (!was_hit) break;
      medium.restart(GetParam(), seed);
      expect_nothing_false(medium);
      expect_resumable(medium);
    }
  }
  EXPECT_GT(changes, 100);
  RecordProperty("changes", changes - 1);
}

TEST_P(PowerLossInExport, MayComeAgainWhileItResumes) {
  for (int first = 1; !HasFailure(); first += 7) {
    for (int second = 1 + first % 5; !HasFailure(); second += 11) {
      SCOPED_TRACE(fmt::format("change {}, then {}", first, second));
      CrashFs medium;
      SmallExport::prepare(medium);
      if (!run_until_power_goes(medium, first)) return;
      const auto seed = static_cast<std::uint32_t>(first + second);
      medium.restart(GetParam(), seed);
      const bool was_hit = run_until_power_goes(medium, second);
      medium.restart(GetParam(), seed + 1);
      expect_nothing_false(medium);
      expect_resumable(medium);
      if (!was_hit) break;
    }
  }
}

// What the kernel dropped reads right until the power goes.
TEST(FailedSync, IsFinalForItsFile) {
  CrashFs untouched;
  SmallExport::prepare(untouched);
  SmallExport().run(untouched);
  const SmallExport::Tree whole = SmallExport::tree_of(untouched, SmallExport::kBundle);
  int syncs = 0;
  for (bool failed = true; failed && !::testing::Test::HasFailure();) {
    ++syncs;
    SCOPED_TRACE(fmt::format("sync {}", syncs));
    CrashFs medium;
    SmallExport::prepare(medium);
    medium.fail_sync_at(syncs);
    SmallExport exporting;
    try {
      exporting.run(medium);
      failed = false;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kIo);
      ASSERT_NO_THROW(exporting.run(medium));
    }
    medium.restart(Damage::kLost, 0);
    EXPECT_EQ(SmallExport::tree_of(medium, SmallExport::kBundle), whole);
  }
  EXPECT_GT(syncs, 10);
}

INSTANTIATE_TEST_SUITE_P(EachDamage, PowerLossInExport, ::testing::ValuesIn(kDamages),
                         [](const auto& param) { return testing::name_of(param.param); });

}  // namespace
}  // namespace seabag::exporting
