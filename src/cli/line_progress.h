// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "cli/outlet.h"
#include "cli/tally.h"
#include "transfer/progress.h"

namespace seabag::cli {

/// For logs and pipes: a line when a phase begins, at most one every 10 seconds, and one with the
/// sums when it ends.
class LineProgress : public transfer::Progress {
 public:
  explicit LineProgress(Outlet outlet);
  void begin(std::string_view phase, std::uint64_t items, std::uint64_t bytes) override;
  void add_bytes(std::uint64_t bytes) override;
  void skip_bytes(std::uint64_t bytes) override;
  void pass_hole(std::uint64_t bytes) override;
  void item_done(std::string_view what) override;
  void end() override;
  void warn(std::string_view text) override;
  void note(std::string_view text) override;

 private:
  void print_if_due(Tally::Time now);  // with mutex_ held

  const Outlet outlet_;
  std::mutex mutex_;
  Tally tally_;
  Tally::Time printed_at_;
};

}  // namespace seabag::cli
