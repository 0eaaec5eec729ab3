// SPDX-License-Identifier: Apache-2.0
#include "exporting/export.h"

#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporting/small_export_internal.h"

namespace seabag::exporting {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// Holds up the fetching thread now and then: what goes on beside it keeps up.
class SlowToListen : public transfer::NoProgress {
 public:
  void item_done(std::string_view /*what*/) override { hold_up(); }
  void warn(std::string_view /*text*/) override { hold_up(); }

 private:
  static void hold_up() { std::this_thread::sleep_for(std::chrono::milliseconds(30)); }
};

class Export : public ::testing::Test {
 protected:
  testing::CrashFs medium_;
  SmallExport exporting_;
  SlowToListen progress_;

  void SetUp() override { SmallExport::prepare(medium_); }
};

TEST_F(Export, IsSealedWithTheChecksumsThatWereTakenMeanwhile) {
  const auto report = exporting_.run(medium_, progress_);
  ASSERT_TRUE(report);
  EXPECT_THAT(report->missing, IsEmpty());
  EXPECT_TRUE(SmallExport::is_verified(medium_, SmallExport::kBundle));
}

// The tarball's tables are written anew then, behind RunningChecksums.
TEST_F(Export, IsSealedWithWhatItHasWhenALayerCannotBeHad) {
  exporting_.lose_layer();
  const auto report = exporting_.run(medium_, progress_);
  ASSERT_TRUE(report);
  EXPECT_THAT(report->missing, SizeIs(1));
  // The tables that were written anew are on the medium, too.
  medium_.restart(testing::Damage::kLost, 0);
  EXPECT_TRUE(SmallExport::is_verified(medium_, SmallExport::kBundle));
}

}  // namespace
}  // namespace seabag::exporting
