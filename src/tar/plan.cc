// SPDX-License-Identifier: Apache-2.0
#include "tar/plan.h"

#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "tar/header.h"
#include "tar/path_set.h"

namespace seabag::tar {

std::uint64_t space_of(const Member& member) {
  return checked_add(header_size(member.path, member.size), round_up(member.size, kBlockSize));
}

std::uint64_t space_of_end() {
  return 2 * kBlockSize;
}

Plan plan_tarball(std::span<const Member> members) {
  if (members.size() > limits::kTarMembers) {
    throw Error(Code::kMalformed, fmt::format("tarball has {} members, expected at most {}",
                                              members.size(), limits::kTarMembers));
  }
  Plan plan;
  plan.placements.reserve(members.size());
  PathSet seen;
  std::uint64_t cursor = 0;
  for (const Member& member : members) {
    require_writable(member.path, member.size);
    if (!seen.insert(member.path)) {
      throw Error(Code::kMalformed,
                  fmt::format("path {} is there twice, or differs from another in case alone",
                              seabag::quoted(member.path)));
    }
    plan.placements.push_back(
        {.header_offset = cursor,
         .data_offset = checked_add(cursor, header_size(member.path, member.size))});
    cursor = checked_add(cursor, space_of(member));
  }
  plan.tarball_size = checked_add(cursor, space_of_end());
  return plan;
}

}  // namespace seabag::tar
