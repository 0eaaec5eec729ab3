// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "io/blob_source.h"
#include "tar/plan.h"

namespace seabag::tar {

/// A member as the strict reader found it.
struct FoundMember {
  Member member;
  Placement placement;
};

/// Reads every header of a tarball of ours and calls `found` for each member in order. The content
/// of members is skipped, not read: of it only the padding is looked at.
///
/// A tarball that passes has exactly the bytes, content aside, that plan_tarball() and
/// encode_header() give for its members. So no two readers can see different members in it.
///
/// Errors: kMalformed, with the offset, for everything but the subset that header.h writes: other
///         type flags, global pax, GNU extensions, sparse, a pax size that is not the overflow of
///         the ustar field, a path twice or differing in case alone, padding or end blocks that are
///         not zero, anything after the end, more than limits::kTarMembers. kIntegrity if the
///         tarball ends early. What `found` throws comes out unchanged.
/// Memory: PathSet's.
void read_members(const io::BlobSource& tarball,
                  const std::function<void(const FoundMember&)>& found);

}  // namespace seabag::tar
