// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal_progress.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/recorded_outlet_internal.h"

namespace seabag::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t kMiB = 1U << 20U;

std::size_t eighty() {
  return 80;
}

Tally half_done(Tally::Time start) {
  Tally tally("fetching", 40, 100 * kMiB, start);
  for (int i = 0; i < 12; ++i) tally.add_item();
  for (int i = 1; i <= 10; ++i) tally.add_bytes(5 * kMiB, start + milliseconds(200 * i));
  return tally;
}

TEST(ProgressLine, ShowsWhatFitsTheWidth) {
  const Tally::Time start{seconds(100)};
  const Tally tally = half_done(start);
  const struct {
    std::size_t width;
    const char* line;
  } cases[] = {
      {100,
       "fetching  [================                 ]   50%  50.0 MiB/100 MiB  12/40  25.0 MiB/s  "
       "0:02 left"},
      {80, "fetching  [======       ]   50%  50.0 MiB/100 MiB  12/40  25.0 MiB/s  0:02 left"},
      {60, "fetching   50%  50.0 MiB/100 MiB  12/40  25.0 MiB/s"},
      {40, "fetching   50%  50.0 MiB/100 MiB  12/40"},
      {39, "fetching   50%  50.0 MiB/100 MiB"},
      {20, "fetching   50%"},
      {5, "fetc"},
      {1, ""},
      {0, ""},
  };
  for (const auto& [width, line] : cases) {
    EXPECT_EQ(progress_line(tally, start + seconds(2), width), line) << width << " columns";
  }
}

TEST(ProgressLine, LeavesTheLastColumnFree) {
  const Tally::Time start{seconds(100)};
  for (std::size_t width = 1; width < 200; ++width) {
    EXPECT_LT(progress_line(half_done(start), start + seconds(2), width).size(), width);
  }
}

TEST(ProgressLine, ShowsCountsAloneWhereTheWholeIsNotKnown) {
  const Tally::Time start{seconds(100)};
  Tally tally("resolving", 0, 0, start);
  EXPECT_EQ(progress_line(tally, start, 80), "resolving");
  tally.add_item();
  tally.add_bytes(2048, start + seconds(1));
  EXPECT_EQ(progress_line(tally, start + seconds(1), 80),
            "resolving  2.00 KiB  1 item  2.00 KiB/s");
}

TEST(TerminalProgress, DrawsAtMostTenTimesASecond) {
  RecordedOutlet recorded;
  TerminalProgress progress(recorded.outlet(), eighty);
  progress.begin("fetching", 0, 100 * kMiB);
  recorded.take();
  for (int i = 0; i < 1000; ++i) {
    recorded.time += milliseconds(1);
    progress.add_bytes(1000);
  }
  const std::string written = recorded.take();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\r'), 10);
}

TEST(TerminalProgress, WipesTheLineAtTheEndAndStaysSilentAfterIt) {
  RecordedOutlet recorded;
  TerminalProgress progress(recorded.outlet(), eighty);
  progress.begin("fetching", 1, 1);
  progress.end();
  EXPECT_THAT(recorded.take(), EndsWith("\r\x1B[K"));
  recorded.time += seconds(1);
  progress.add_bytes(1);
  progress.end();
  EXPECT_EQ(recorded.take(), "");
}

TEST(TerminalProgress, WipesTheLineWhenAnErrorCutsThePhaseShort) {
  RecordedOutlet recorded;
  {
    TerminalProgress progress(recorded.outlet(), eighty);
    progress.begin("fetching", 1, 1);
  }
  EXPECT_THAT(recorded.take(), EndsWith("\r\x1B[K"));
}

TEST(TerminalProgress, PrintsWarningsAndNotesAboveTheLine) {
  RecordedOutlet recorded;
  TerminalProgress progress(recorded.outlet(), eighty);
  progress.begin("fetching", 1, 1);
  recorded.take();
  progress.warn("left out: a");
  EXPECT_THAT(recorded.take(),
              StartsWith("\r\x1B[Kseabag-export: warning: left out: a\n\rfetching"));
  progress.note("12 images");
  EXPECT_THAT(recorded.take(), StartsWith("\r\x1B[K12 images\n\rfetching"));
  progress.end();
  recorded.take();
  progress.warn("late");
  EXPECT_EQ(recorded.take(), "seabag-export: warning: late\n");
}

TEST(TerminalProgress, FollowsTheWidthOfTheWindow) {
  RecordedOutlet recorded;
  std::size_t width = 80;
  TerminalProgress progress(recorded.outlet(), [&] { return width; });
  progress.begin("fetching", 1, 1);
  recorded.take();
  width = 6;
  recorded.time += seconds(1);
  progress.item_done("a");
  EXPECT_EQ(recorded.take(), "\rfetch\x1B[K");
}

TEST(TerminalProgress, RedrawsWithoutNewsWhenAskedTo) {
  std::atomic<int> writes = 0;
  const Outlet outlet{.program = "seabag-export",
                      .write = [&](std::string_view) { ++writes; },
                      .now = [time = Tally::Time{}]() mutable { return time += seconds(1); }};
  TerminalProgress progress(outlet, eighty, milliseconds(1));
  progress.begin("fetching", 1, 1);
  while (writes < 3) std::this_thread::yield();
}

TEST(TerminalProgress, TakesNewsFromManyThreads) {
  RecordedOutlet recorded;
  TerminalProgress progress(recorded.outlet(), eighty, milliseconds(1));
  progress.begin("fetching", 400, 400);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int item = 0; item < 100; ++item) {
          progress.add_bytes(1);
          progress.item_done("a");
        }
        progress.warn("one");
      });
    }
  }
  recorded.time += seconds(1);
  progress.skip_bytes(0);
  EXPECT_THAT(recorded.take(), HasSubstr("100%  400 bytes/400 bytes  400/400"));
}

}  // namespace
}  // namespace seabag::cli
