// SPDX-License-Identifier: Apache-2.0
#include "cli/line_progress.h"

#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace seabag::cli {
namespace {

constexpr std::chrono::seconds kLineInterval{10};

std::string beginning(const Tally& tally) {
  std::string line = tally.phase();
  if (tally.items() > 0) line += ", " + readable_items(tally.items());
  if (tally.bytes() > 0) line += ", " + readable_size(tally.bytes());
  return line;
}

std::string middle(const Tally& tally, Tally::Time now) {
  std::string line = tally.phase() + ": ";
  if (tally.items() > 0) line += fmt::format("{} of ", tally.done_items());
  line += readable_items(tally.items() > 0 ? tally.items() : tally.done_items());
  if (tally.bytes() > 0) {
    line += fmt::format(", {} of {} ({}%)", readable_size(tally.done_bytes()),
                        readable_size(tally.bytes()), static_cast<int>(*tally.fraction() * 100));
  } else if (tally.done_bytes() > 0) {
    line += ", " + readable_size(tally.done_bytes());
  }
  if (const double rate = tally.rate(now); rate > 0) line += ", " + readable_rate(rate);
  if (const auto left = tally.time_left(now)) line += ", " + readable_time(*left) + " left";
  return line;
}

std::string ending(const Tally& tally, Tally::Time now) {
  std::string line = fmt::format("{}: done, {}", tally.phase(), readable_items(tally.done_items()));
  if (tally.done_bytes() > 0) line += ", " + readable_size(tally.done_bytes());
  if (tally.skipped_bytes() > 0) {
    line += fmt::format(" ({} of it were there already)", readable_size(tally.skipped_bytes()));
  }
  if (tally.hole_bytes() > 0) {
    line += fmt::format(" ({} of it are holes)", readable_size(tally.hole_bytes()));
  }
  line += " in " + readable_time(tally.elapsed(now));
  if (const double rate = tally.mean_rate(now); rate >= 1) line += ", " + readable_rate(rate);
  return line;
}

}  // namespace

LineProgress::LineProgress(Outlet outlet) : outlet_(std::move(outlet)) {}

void LineProgress::begin(std::string_view phase, std::uint64_t items, std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  printed_at_ = outlet_.now();
  tally_ = Tally(phase, items, bytes, printed_at_);
  outlet_.write(beginning(tally_) + "\n");
}

void LineProgress::add_bytes(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  const Tally::Time now = outlet_.now();
  tally_.add_bytes(bytes, now);
  print_if_due(now);
}

void LineProgress::skip_bytes(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  tally_.skip_bytes(bytes);
}

void LineProgress::pass_hole(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  tally_.pass_hole(bytes);
}

void LineProgress::item_done(std::string_view /*what*/) {
  const std::scoped_lock lock(mutex_);
  tally_.add_item();
  print_if_due(outlet_.now());
}

void LineProgress::end() {
  const std::scoped_lock lock(mutex_);
  outlet_.write(ending(tally_, outlet_.now()) + "\n");
}

void LineProgress::warn(std::string_view text) {
  outlet_.write(fmt::format("{}: warning: {}\n", outlet_.program, text));
}

void LineProgress::note(std::string_view text) {
  outlet_.write(fmt::format("{}\n", text));
}

void LineProgress::print_if_due(Tally::Time now) {
  if (now - printed_at_ < kLineInterval) return;
  printed_at_ = now;
  outlet_.write(middle(tally_, now) + "\n");
}

}  // namespace seabag::cli
