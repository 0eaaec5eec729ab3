// SPDX-License-Identifier: Apache-2.0
#include "cli/json_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/json_line.h"
#include "cli/recorded_outlet_internal.h"

namespace seabag::cli {
namespace {

using std::chrono::seconds;

// Every line by itself must be a document.
std::vector<json::Value> events(const std::string& text) {
  std::vector<json::Value> values;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from);
    values.push_back(json::parse(text.substr(from, end - from), "event"));
    from = end + 1;
  }
  return values;
}

TEST(JsonProgress, WritesAnEventALine) {
  RecordedOutlet recorded;
  JsonProgress progress(recorded.outlet(), false);
  progress.begin("fetching", 2, 1000);
  recorded.time += seconds(1);
  progress.skip_bytes(500);
  progress.add_bytes(100);
  progress.item_done("a/b:1");
  recorded.time += seconds(1);
  progress.end();
  progress.warn("left out");
  progress.note("so it is");
  EXPECT_EQ(events(recorded.take()),
            (std::vector<json::Value>{
                {{"event", "phase"}, {"phase", "fetching"}, {"items", 2}, {"bytes", 1000}},
                {{"event", "progress"},
                 {"phase", "fetching"},
                 {"items_done", 0},
                 {"items", 2},
                 {"bytes_done", 600},
                 {"bytes", 1000},
                 {"bytes_skipped", 500},
                 {"bytes_holes", 0},
                 {"bytes_per_second", 100},
                 {"seconds_left", 4}},
                {{"event", "item"}, {"phase", "fetching"}, {"what", "a/b:1"}},
                {{"event", "phase_end"},
                 {"phase", "fetching"},
                 {"items_done", 1},
                 {"items", 2},
                 {"bytes_done", 600},
                 {"bytes", 1000},
                 {"bytes_skipped", 500},
                 {"bytes_holes", 0},
                 {"bytes_per_second", 50},
                 {"seconds", 2}},
                {{"event", "warning"}, {"text", "left out"}},
                {{"event", "note"}, {"text", "so it is"}}}));
}

TEST(JsonProgress, TellsHolesFromWhatWasThere) {
  RecordedOutlet recorded;
  JsonProgress progress(recorded.outlet(), false);
  progress.begin("disks", 1, 1000);
  progress.skip_bytes(100);
  progress.pass_hole(700);
  progress.add_bytes(200);
  recorded.take();
  progress.end();
  const json::Value sums = events(recorded.take()).front();
  EXPECT_EQ(sums["bytes_done"], 1000);
  EXPECT_EQ(sums["bytes_skipped"], 100);
  EXPECT_EQ(sums["bytes_holes"], 700);
}

TEST(JsonProgress, WritesProgressAtMostOnceASecond) {
  RecordedOutlet recorded;
  JsonProgress progress(recorded.outlet(), false);
  progress.begin("fetching", 0, 0);
  recorded.take();
  for (int i = 0; i < 100; ++i) {
    recorded.time += std::chrono::milliseconds(50);
    progress.add_bytes(1);
  }
  EXPECT_EQ(events(recorded.take()).size(), 5U);
}

TEST(JsonProgress, WritesWarningsAloneWhenQuiet) {
  RecordedOutlet recorded;
  JsonProgress progress(recorded.outlet(), true);
  progress.begin("fetching", 1, 1);
  recorded.time += seconds(2);
  progress.add_bytes(1);
  progress.item_done("a");
  progress.end();
  progress.note("no");
  EXPECT_EQ(recorded.take(), "");
  progress.warn("yes");
  EXPECT_EQ(recorded.take(), "{\"event\":\"warning\",\"text\":\"yes\"}\n");
}

TEST(JsonLine, IsHarmlessForATerminalWhateverANameHolds) {
  EXPECT_EQ(json_line("\x1B[31m\x7F\xC2\x9B\n\xE2\x80\xAE\xFF"),
            "\"\\u001b[31m\\u007f\\u009b\\n\\u202e\\ufffd\"\n");
}

}  // namespace
}  // namespace seabag::cli
