// SPDX-License-Identifier: Apache-2.0
#include "exporting/export.h"

#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporting/small_export_internal.h"

namespace seabag::exporting {
namespace {

using ::testing::SizeIs;

// Says on the fetching thread that a blob is lost, and keeps that waiting: what goes on beside it
// gets on meanwhile.
class SlowToWarn : public transfer::NoProgress {
 public:
  void warn(std::string_view /*text*/) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
};

// The tarball's tables are written anew then, behind RunningChecksums.
TEST(Export, IsSealedWithWhatItHasWhenALayerCannotBeHad) {
  testing::CrashFs medium;
  SmallExport::prepare(medium);
  SmallExport exporting;
  exporting.lose_layer();
  SlowToWarn progress;
  const auto report = exporting.run(medium, progress);
  ASSERT_TRUE(report);
  EXPECT_THAT(report->missing, SizeIs(1));
  EXPECT_TRUE(SmallExport::is_verified(medium, SmallExport::kBundle));
}

}  // namespace
}  // namespace seabag::exporting
