// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bundle/damage.h"
#include "bundle/verify.h"
#include "importing/disk_plan.h"
#include "importing/mend.h"
#include "importing/names.h"
#include "importing/receipt.h"
#include "target/target.h"

/// What the commands tell on standard output at their end. All text is harmless.
namespace seabag::importer {

/// What verify saw, and how.
struct Verified {
  const bundle::OpenedBundle& bundle;
  const bundle::VerifyReport& report;
  const bundle::Damage& damage;  ///< empty for a quick look
  bool quick = false;
  std::string damage_file;  ///< where the list of what is damaged was written; empty: nowhere
};

std::string verify_text(const Verified& verified);
std::string verify_json(const Verified& verified);

std::string patch_text(const importing::MendReport& mended);
/// The document of verify_json(), and what was mended before.
std::string patch_json(const importing::MendReport& mended, const Verified& verified);

std::string dry_run_text(const index::Content& content, const importing::NamePlan& names,
                         const importing::DiskPlan& disks, const target::Target& target);
std::string dry_run_json(const index::Content& content, const importing::NamePlan& names,
                         const importing::DiskPlan& disks, const target::Target& target);

/// `output`: the index that was made; empty: none, the sealed one is as it was.
std::string rebuild_text(const bundle::OpenedBundle& bundle, const std::string& output);
std::string rebuild_json(const bundle::OpenedBundle& bundle, const std::string& output);

std::string push_text(const importing::Receipt& receipt);

}  // namespace seabag::importer
