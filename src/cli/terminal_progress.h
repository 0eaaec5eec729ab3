// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "cli/outlet.h"
#include "cli/tally.h"
#include "transfer/progress.h"

namespace seabag::cli {

/// One line at the bottom of a terminal, redrawn in place at most 10 times a second and wiped when
/// the phase ends. Warnings and notes stay above it.
class TerminalProgress : public transfer::Progress {
 public:
  /// `width`: columns of the terminal, asked for every time, because people resize windows.
  /// `refresh`: redraw so often also without news, so that a stalled run shows that it stalls; 0:
  /// do not.
  TerminalProgress(Outlet outlet, std::function<std::size_t()> width,
                   std::chrono::milliseconds refresh = {});
  /// Gives the line back, also when an error cut the phase short.
  ~TerminalProgress() override;
  TerminalProgress(const TerminalProgress&) = delete;
  TerminalProgress& operator=(const TerminalProgress&) = delete;

  void begin(std::string_view phase, std::uint64_t items, std::uint64_t bytes) override;
  void add_bytes(std::uint64_t bytes) override;
  void skip_bytes(std::uint64_t bytes) override;
  void pass_hole(std::uint64_t bytes) override;
  void item_done(std::string_view what) override;
  void end() override;
  void warn(std::string_view text) override;
  void note(std::string_view text) override;

 private:
  // All called with mutex_ held.
  void draw(Tally::Time now);
  void draw_if_due(Tally::Time now);
  void wipe();
  void print_above(const std::string& line);

  void keep_refreshing(const std::stop_token& stop, std::chrono::milliseconds refresh);

  const Outlet outlet_;
  const std::function<std::size_t()> width_;
  std::mutex mutex_;
  Tally tally_;
  bool in_phase_ = false;
  bool on_screen_ = false;
  Tally::Time drawn_at_;
  std::condition_variable_any refresh_now_;
  std::jthread refresher_;  // last: it uses all of the above
};

/// The line itself, under `width` columns: the first of phase, percentage, bytes, items, rate and
/// time left that fit, and a bar in what is over.
std::string progress_line(const Tally& tally, Tally::Time now, std::size_t width);

/// Columns of the terminal on standard error; 80 if it does not say.
std::size_t terminal_width();

}  // namespace seabag::cli
