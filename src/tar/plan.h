// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace seabag::tar {

struct Member {
  std::string path;
  std::uint64_t size = 0;
};

/// Where a member lies. Units: bytes from the start of the tarball.
struct Placement {
  std::uint64_t header_offset = 0;
  std::uint64_t data_offset = 0;

  friend bool operator==(const Placement&, const Placement&) = default;
};

struct Plan {
  std::vector<Placement> placements;  ///< parallel to the members
  std::uint64_t tarball_size = 0;     ///< with the two zero blocks at the end
};

/// Places the members back to back, in their order. Pure.
/// Errors: kMalformed for a path that we do not write or that is there twice (case aside), a member
///         above limits::kTarMemberBytes, over limits::kTarMembers of them, sizes beyond 64 bits.
Plan plan_tarball(std::span<const Member> members);

/// Bytes that one member adds to a tarball. Errors: kMalformed if they do not fit 64 bits.
std::uint64_t space_of(const Member& member);

/// Bytes of a tarball without members: its end.
std::uint64_t space_of_end();

}  // namespace seabag::tar
