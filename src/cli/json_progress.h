// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "cli/outlet.h"
#include "cli/tally.h"
#include "transfer/progress.h"

namespace seabag::cli {

/// --json: events on standard error, one JSON object a line. Results (a list, a plan, the summary
/// of a run) go to standard output, so that a pipe gets them alone. Names that a reader does not
/// know are to be passed over; a number or name that is not known is absent.
///
///   {"event":"phase","phase":"fetching","items":40,"bytes":3145728000}
///   {"event":"progress","phase":...,"items_done":12,"items":40,"bytes_done":...,"bytes":...,
///    "bytes_skipped":...,"bytes_holes":...,"bytes_per_second":...,"seconds_left":...}
///                                            at most one a second; bytes_done counts what was
///                                            skipped, being there, and holes of disks, too
///   {"event":"item","phase":...,"what":"library/busybox:1.35"}          one for each item
///   {"event":"phase_end", as "progress", "seconds":...}                 the rate is that of the
///   whole phase
///   {"event":"warning","text":...}   {"event":"note","text":...}
///   {"event":"error","code":"integrity","status":20,"text":...,"next_step":...}    run_program();
///   the last line
///
/// With --quiet: warnings and the error alone.
class JsonProgress : public transfer::Progress {
 public:
  JsonProgress(Outlet outlet, bool quiet);
  void begin(std::string_view phase, std::uint64_t items, std::uint64_t bytes) override;
  void add_bytes(std::uint64_t bytes) override;
  void skip_bytes(std::uint64_t bytes) override;
  void pass_hole(std::uint64_t bytes) override;
  void item_done(std::string_view what) override;
  void end() override;
  void warn(std::string_view text) override;
  void note(std::string_view text) override;

 private:
  void write_if_due(Tally::Time now);  // with mutex_ held

  const Outlet outlet_;
  const bool quiet_;
  std::mutex mutex_;
  Tally tally_;
  Tally::Time written_at_;
};

}  // namespace seabag::cli
