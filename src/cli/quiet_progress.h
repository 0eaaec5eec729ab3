// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/outlet.h"
#include "transfer/progress.h"

namespace seabag::cli {

/// --quiet: warnings alone. They still come, as from `rsync --quiet` and `skopeo copy --quiet`: a
/// job that mails whatever it prints should mail them, and nothing else.
class QuietProgress : public transfer::NoProgress {
 public:
  explicit QuietProgress(Outlet outlet);
  void warn(std::string_view text) override;

 private:
  const Outlet outlet_;
};

}  // namespace seabag::cli
