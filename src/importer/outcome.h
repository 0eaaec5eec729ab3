// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bundle/verify.h"
#include "importing/names.h"
#include "importing/receipt.h"

/// What the commands tell on standard output at their end. All text is harmless.
namespace seabag::importer {

std::string verify_text(const bundle::OpenedBundle& bundle, const bundle::VerifyReport& report,
                        bool quick);
std::string verify_json(const bundle::OpenedBundle& bundle, const bundle::VerifyReport& report,
                        bool quick);

/// Where a disk would go.
struct DiskDestination {
  std::string disk;
  std::string target;
};

std::string dry_run_text(const importing::NamePlan& plan, const std::vector<DiskDestination>& disks,
                         const std::string& target);
std::string dry_run_json(const importing::NamePlan& plan, const std::vector<DiskDestination>& disks,
                         const std::string& target);

/// `output`: the index that was made; empty: none, the sealed one is as it was.
std::string rebuild_text(const bundle::OpenedBundle& bundle, const std::string& output);
std::string rebuild_json(const bundle::OpenedBundle& bundle, const std::string& output);

std::string push_text(const importing::Receipt& receipt);

}  // namespace seabag::importer
