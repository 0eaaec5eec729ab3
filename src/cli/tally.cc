// SPDX-License-Identifier: Apache-2.0
#include "cli/tally.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/plural.h"

namespace seabag::cli {
namespace {

using Seconds = std::chrono::duration<double>;

// Of the samples that the rate is taken from: 25 of them cover the window.
constexpr std::chrono::milliseconds kSampleDistance{200};
constexpr std::chrono::hours kLongestForecast{100};

}  // namespace

Tally::Tally(std::string_view phase, std::uint64_t items, std::uint64_t bytes, Time now)
    : phase_(phase), items_(items), bytes_(bytes), start_(now), samples_{{now, 0}} {}

void Tally::add_bytes(std::uint64_t bytes, Time now) {
  moved_bytes_ += bytes;
  if (!samples_.empty() && now - samples_.back().time < kSampleDistance) return;
  samples_.push_back({now, moved_bytes_});
  while (samples_.front().time < now - kWindow) samples_.pop_front();
}

std::optional<double> Tally::fraction() const {
  const bool by_bytes = bytes_ > 0;
  const std::uint64_t all = by_bytes ? bytes_ : items_;
  if (all == 0) return std::nullopt;
  const std::uint64_t done = by_bytes ? done_bytes() : done_items_;
  return std::min(1.0, static_cast<double>(done) / static_cast<double>(all));
}

double Tally::rate(Time now) const {
  const auto oldest = std::ranges::find_if(
      samples_, [&](const Sample& sample) { return sample.time >= now - kWindow; });
  if (oldest == samples_.end() || now - oldest->time < kSampleDistance) return 0;
  return static_cast<double>(moved_bytes_ - oldest->moved_bytes) /
         Seconds(now - oldest->time).count();
}

double Tally::mean_rate(Time now) const {
  const double seconds = Seconds(now - start_).count();
  return seconds > 0 ? static_cast<double>(moved_bytes_) / seconds : 0;
}

std::chrono::seconds Tally::elapsed(Time now) const {
  return std::chrono::round<std::chrono::seconds>(now - start_);
}

std::optional<std::chrono::seconds> Tally::time_left(Time now) const {
  const double bytes_per_second = rate(now);
  if (bytes_ == 0 || bytes_per_second <= 0) return std::nullopt;
  const std::uint64_t left = bytes_ - std::min(bytes_, done_bytes());
  const Seconds time(static_cast<double>(left) / bytes_per_second);
  if (time > kLongestForecast) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(time);
}

std::string readable_rate(double bytes_per_second) {
  if (bytes_per_second < 1) return "--";
  return readable_size(static_cast<std::uint64_t>(bytes_per_second)) + "/s";
}

std::string readable_items(std::uint64_t items) {
  return plural(items, "item");
}

std::string readable_time(std::chrono::seconds time) {
  const auto hours = time.count() / 3600;
  const auto minutes = time.count() / 60 % 60;
  const auto seconds = time.count() % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, seconds);
  return fmt::format("{}:{:02}", minutes, seconds);
}

}  // namespace seabag::cli
