// SPDX-License-Identifier: Apache-2.0
#include "cli/line_progress.h"

#include <gtest/gtest.h>

#include "cli/quiet_progress.h"
#include "cli/recorded_outlet_internal.h"

namespace seabag::cli {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kMiB = 1U << 20U;

TEST(LineProgress, PrintsABeginningNewsEveryTenSecondsAndTheSums) {
  RecordedOutlet recorded;
  LineProgress progress(recorded.outlet());
  progress.begin("fetching", 2, 100 * kMiB);
  EXPECT_EQ(recorded.take(), "fetching, 2 items, 100 MiB\n");
  progress.skip_bytes(20 * kMiB);
  for (int second = 1; second <= 15; ++second) {
    recorded.time += seconds(1);
    progress.add_bytes(kMiB);
  }
  EXPECT_EQ(recorded.take(),
            "fetching: 0 of 2 items, 30.0 MiB of 100 MiB (30%), 1.00 MiB/s, 1:10 left\n");
  progress.item_done("a");
  progress.end();
  EXPECT_EQ(
      recorded.take(),
      "fetching: done, 1 item, 35.0 MiB (20.0 MiB of it were there already) in 0:15, 1.00 MiB/s\n");
}

TEST(LineProgress, CallsHolesHoles) {
  RecordedOutlet recorded;
  LineProgress progress(recorded.outlet());
  progress.begin("disks", 1, 100 * kMiB);
  progress.pass_hole(80 * kMiB);
  recorded.time += seconds(10);
  progress.add_bytes(20 * kMiB);
  progress.item_done("a");
  recorded.take();
  progress.end();
  EXPECT_EQ(recorded.take(),
            "disks: done, 1 item, 100 MiB (80.0 MiB of it are holes) in 0:10, 2.00 MiB/s\n");
}

TEST(LineProgress, CountsWhereTheWholeIsNotKnown) {
  RecordedOutlet recorded;
  LineProgress progress(recorded.outlet());
  progress.begin("resolving", 0, 0);
  recorded.time += seconds(10);
  progress.item_done("a");
  recorded.time += seconds(1);
  progress.item_done("b");
  progress.end();
  EXPECT_EQ(recorded.take(), "resolving\nresolving: 1 item\nresolving: done, 2 items in 0:11\n");
}

TEST(LineProgress, PrintsWarningsAndNotes) {
  RecordedOutlet recorded;
  LineProgress progress(recorded.outlet());
  progress.warn("left out: a");
  progress.note("12 images");
  EXPECT_EQ(recorded.take(), "seabag-export: warning: left out: a\n12 images\n");
}

TEST(QuietProgress, PrintsWarningsAlone) {
  RecordedOutlet recorded;
  QuietProgress progress(recorded.outlet());
  progress.begin("fetching", 1, 1);
  progress.add_bytes(1);
  progress.item_done("a");
  progress.end();
  progress.note("12 images");
  EXPECT_EQ(recorded.take(), "");
  progress.warn("left out: a");
  EXPECT_EQ(recorded.take(), "seabag-export: warning: left out: a\n");
}

}  // namespace
}  // namespace seabag::cli
