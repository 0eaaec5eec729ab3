// SPDX-License-Identifier: Apache-2.0
#include "cli/json_progress.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "cli/json_line.h"

namespace seabag::cli {
namespace {

constexpr std::chrono::seconds kEventInterval{1};

json::Value sums(const char* event, const Tally& tally, double rate) {
  json::Value value = {{"event", event},
                       {"phase", tally.phase()},
                       {"items_done", tally.done_items()},
                       {"bytes_done", tally.done_bytes()},
                       {"bytes_skipped", tally.skipped_bytes()},
                       {"bytes_holes", tally.hole_bytes()},
                       {"bytes_per_second", static_cast<std::uint64_t>(rate)}};
  if (tally.items() > 0) value["items"] = tally.items();
  if (tally.bytes() > 0) value["bytes"] = tally.bytes();
  return value;
}

}  // namespace

JsonProgress::JsonProgress(Outlet outlet, bool quiet) : outlet_(std::move(outlet)), quiet_(quiet) {}

void JsonProgress::begin(std::string_view phase, std::uint64_t items, std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  written_at_ = outlet_.now();
  tally_ = Tally(phase, items, bytes, written_at_);
  if (quiet_) return;
  json::Value value = {{"event", "phase"}, {"phase", phase}};
  if (items > 0) value["items"] = items;
  if (bytes > 0) value["bytes"] = bytes;
  outlet_.write(json_line(value));
}

void JsonProgress::add_bytes(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  const Tally::Time now = outlet_.now();
  tally_.add_bytes(bytes, now);
  write_if_due(now);
}

void JsonProgress::skip_bytes(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  tally_.skip_bytes(bytes);
}

void JsonProgress::pass_hole(std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  tally_.pass_hole(bytes);
}

void JsonProgress::item_done(std::string_view what) {
  const std::scoped_lock lock(mutex_);
  tally_.add_item();
  if (quiet_) return;
  outlet_.write(json_line({{"event", "item"}, {"phase", tally_.phase()}, {"what", what}}));
  write_if_due(outlet_.now());
}

void JsonProgress::end() {
  const std::scoped_lock lock(mutex_);
  if (quiet_) return;
  const Tally::Time now = outlet_.now();
  json::Value value = sums("phase_end", tally_, tally_.mean_rate(now));
  value["seconds"] = tally_.elapsed(now).count();
  outlet_.write(json_line(value));
}

void JsonProgress::warn(std::string_view text) {
  outlet_.write(json_line({{"event", "warning"}, {"text", text}}));
}

void JsonProgress::note(std::string_view text) {
  if (!quiet_) outlet_.write(json_line({{"event", "note"}, {"text", text}}));
}

void JsonProgress::write_if_due(Tally::Time now) {
  if (quiet_ || now - written_at_ < kEventInterval) return;
  written_at_ = now;
  json::Value value = sums("progress", tally_, tally_.rate(now));
  if (const auto left = tally_.time_left(now)) value["seconds_left"] = left->count();
  outlet_.write(json_line(value));
}

}  // namespace seabag::cli
