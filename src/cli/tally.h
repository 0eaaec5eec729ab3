// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace seabag::cli {

/// What is known of one phase of a run: sums, the rate of the last seconds, the time left. The
/// caller brings the clock. Threads: one at a time.
class Tally {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Tally() = default;
  /// `items` and `bytes`: of the whole phase; 0: not known.
  Tally(std::string_view phase, std::uint64_t items, std::uint64_t bytes, Time now);

  void add_bytes(std::uint64_t bytes, Time now);
  /// Done already: counts as done, but neither for the rate nor for the time left.
  void skip_bytes(std::uint64_t bytes) { skipped_bytes_ += bytes; }
  /// Nothing to do: counts like what is skipped, but was there at no time.
  void pass_hole(std::uint64_t bytes) { hole_bytes_ += bytes; }
  void add_item() { ++done_items_; }

  const std::string& phase() const { return phase_; }
  std::uint64_t items() const { return items_; }
  std::uint64_t done_items() const { return done_items_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t done_bytes() const { return moved_bytes_ + skipped_bytes_ + hole_bytes_; }
  std::uint64_t skipped_bytes() const { return skipped_bytes_; }
  std::uint64_t hole_bytes() const { return hole_bytes_; }

  /// 0 to 1, of the bytes, or of the items where bytes are not known; nothing if neither is.
  std::optional<double> fraction() const;
  /// Bytes a second over the last kWindow; 0 if nothing came in that time.
  double rate(Time now) const;
  /// Bytes a second since the phase began.
  double mean_rate(Time now) const;
  std::chrono::seconds elapsed(Time now) const;
  /// Nothing while it cannot be known, or is over 100 hours.
  std::optional<std::chrono::seconds> time_left(Time now) const;

  static constexpr std::chrono::seconds kWindow{5};

 private:
  struct Sample {
    Time time;
    std::uint64_t moved_bytes = 0;
  };

  std::string phase_;
  std::uint64_t items_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t done_items_ = 0;
  std::uint64_t moved_bytes_ = 0;
  std::uint64_t skipped_bytes_ = 0;
  std::uint64_t hole_bytes_ = 0;
  Time start_;
  std::deque<Sample> samples_;  // of the last kWindow, oldest first
};

/// "1.5 MiB/s"; "--" for 0.
std::string readable_rate(double bytes_per_second);
/// "1 item", "12 items".
std::string readable_items(std::uint64_t items);
/// "0:07", "12:34", "1:02:03".
std::string readable_time(std::chrono::seconds time);

}  // namespace seabag::cli
