// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal_progress.h"

#include <array>
#include <utility>
#include <vector>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/text.h"

namespace seabag::cli {
namespace {

constexpr std::chrono::milliseconds kShortestInterval{100};
// To the start of the line, and erase to its end (ECMA-48 "EL").
constexpr std::string_view kWipe = "\r\x1B[K";

constexpr std::size_t kShortestBar = 8;
constexpr std::size_t kLongestBar = 40;

std::string bar(double fraction, std::size_t columns) {
  const std::size_t inside = columns - 2;
  const auto filled = static_cast<std::size_t>(fraction * static_cast<double>(inside));
  return fmt::format("[{}{}]", std::string(filled, '='), std::string(inside - filled, ' '));
}

std::vector<std::string> fields_of(const Tally& tally, Tally::Time now) {
  std::vector<std::string> fields = {tally.phase()};
  if (const auto fraction = tally.fraction()) {
    fields.push_back(fmt::format("{:3}%", static_cast<int>(*fraction * 100)));
  }
  if (tally.bytes() > 0) {
    fields.push_back(readable_size(tally.done_bytes()) + "/" + readable_size(tally.bytes()));
  } else if (tally.done_bytes() > 0) {
    fields.push_back(readable_size(tally.done_bytes()));
  }
  if (tally.items() > 0) {
    fields.push_back(fmt::format("{}/{}", tally.done_items(), tally.items()));
  } else if (tally.done_items() > 0) {
    fields.push_back(readable_items(tally.done_items()));
  }
  if (tally.bytes() > 0 || tally.done_bytes() > 0) {
    fields.push_back(readable_rate(tally.rate(now)));
  }
  if (const auto left = tally.time_left(now)) fields.push_back(readable_time(*left) + " left");
  return fields;
}

}  // namespace

std::string progress_line(const Tally& tally, Tally::Time now, std::size_t width) {
  // The last column stays free: some terminals wrap as soon as it is written.
  const std::size_t room = width > 0 ? width - 1 : 0;
  const std::vector<std::string> fields = fields_of(tally, now);
  std::string rest;
  for (std::size_t i = 1; i < fields.size(); ++i) {
    if (fields[0].size() + rest.size() + 2 + fields[i].size() > room) break;
    rest += "  " + fields[i];
  }
  std::string line = fields[0];
  const std::size_t used = line.size() + rest.size() + 2;
  if (const auto fraction = tally.fraction(); fraction && used + kShortestBar <= room) {
    line += "  " + bar(*fraction, std::min(room - used, kLongestBar));
  }
  return (line + rest).substr(0, room);
}

std::size_t terminal_width() {
  struct winsize size = {};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): the only form of ioctl(2).
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

TerminalProgress::TerminalProgress(Outlet outlet, std::function<std::size_t()> width,
                                   std::chrono::milliseconds refresh)
    : outlet_(std::move(outlet)), width_(std::move(width)) {
  if (refresh.count() > 0) {
    refresher_ = std::jthread(
        [this, refresh](const std::stop_token& stop) { keep_refreshing(stop, refresh); });
  }
}

TerminalProgress::~TerminalProgress() {
  const std::scoped_lock lock(mutex_);
  in_phase_ = false;
  wipe();
}

void TerminalProgress::begin(std::string_view phase, std::uint64_t items, std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  const Tally::Time now = outlet_.now();
  tally_ = Tally(phase, items, bytes, now);
  in_phase_ = true;
  draw(now);
}

void TerminalProgress::add_bytes(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  const Tally::Time now = outlet_.now();
  tally_.add_bytes(bytes, now);
  draw_if_due(now);
}

void TerminalProgress::skip_bytes(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  tally_.skip_bytes(bytes);
  draw_if_due(outlet_.now());
}

void TerminalProgress::pass_hole(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  tally_.pass_hole(bytes);
  draw_if_due(outlet_.now());
}

void TerminalProgress::item_done(std::string_view /*what*/) {
  const std::scoped_lock lock(mutex_);
  tally_.add_item();
  draw_if_due(outlet_.now());
}

void TerminalProgress::end() {
  const std::scoped_lock lock(mutex_);
  in_phase_ = false;
  wipe();
}

void TerminalProgress::warn(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  print_above(fmt::format("{}: warning: {}\n", outlet_.program, text));
}

void TerminalProgress::note(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  print_above(fmt::format("{}\n", text));
}

void TerminalProgress::draw(Tally::Time now) {
  drawn_at_ = now;
  on_screen_ = true;
  outlet_.write(fmt::format("\r{}\x1B[K", progress_line(tally_, now, width_())));
}

void TerminalProgress::draw_if_due(Tally::Time now) {
  if (in_phase_ && now - drawn_at_ >= kShortestInterval) draw(now);
}

void TerminalProgress::wipe() {
  if (on_screen_) outlet_.write(kWipe);
  on_screen_ = false;
}

void TerminalProgress::print_above(const std::string& line) {
  wipe();
  outlet_.write(line);
  if (in_phase_) draw(outlet_.now());
}

void TerminalProgress::keep_refreshing(const std::stop_token& stop,
                                       std::chrono::milliseconds refresh) {
  std::unique_lock lock(mutex_);
  while (!refresh_now_.wait_for(lock, stop, refresh, [&] { return stop.stop_requested(); })) {
    draw_if_due(outlet_.now());
  }
}

}  // namespace seabag::cli
