// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "oci/manifest.h"
#include "source/image_source.h"

namespace seabag::source {

/// The tags that may name something attached to `subject`: the fallback tag and cosign's.
std::array<std::string, 4> attached_tags(const digest::Digest& subject);

/// Collects what is attached to one subject: each manifest once under each name, limits::kReferrers
/// of them.
class AttachedList {
 public:
  /// Errors: kMalformed when there are too many.
  void add(oci::Descriptor manifest, const std::string& tag = {});
  /// The manifest that `tag` names, and what it lists if it is an index: the fallback tag's is one
  /// of referrers.
  void add_tagged(const oci::RawManifest& manifest, const std::string& tag);
  std::vector<Attached> take() { return std::move(attached_); }

 private:
  std::vector<Attached> attached_;
  std::set<std::pair<digest::Digest, std::string>> known_;
};

}  // namespace seabag::source
