// SPDX-License-Identifier: Apache-2.0
// Any bytes as one of our tarballs. Checksums of what looks like a header are mended first.

#include <cstring>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "harness.h"
#include "io/blob_source.h"
#include "tar/header.h"
#include "tar/plan.h"
#include "tar/reader.h"

using namespace seabag;

namespace {

constexpr std::size_t kChecksumAt = 148;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kMagicAt = 257;

void mend_checksums(io::Bytes& tarball) {
  for (std::size_t at = 0; at + tar::kBlockSize <= tarball.size(); at += tar::kBlockSize) {
    const auto block = std::span(tarball).subspan(at, tar::kBlockSize);
    if (!io::text_of(block.subspan(kMagicAt)).starts_with("ustar")) continue;
    const auto field = block.subspan(kChecksumAt, kChecksumBytes);
    std::ranges::fill(field, std::byte{' '});
    const unsigned sum = std::accumulate(
        block.begin(), block.end(), 0U,
        [](unsigned so_far, std::byte byte) { return so_far + std::to_integer<unsigned>(byte); });
    const std::string digits = fmt::format("{:06o}", sum);
    std::ranges::copy(io::bytes_of(digits), field.begin());
    field[6] = std::byte{0};
  }
}

/// A tarball that passes is, content aside, what we would have written.
void require_ours(std::span<const std::byte> tarball, const std::vector<tar::FoundMember>& found) {
  std::vector<tar::Member> members;
  for (const tar::FoundMember& one : found) members.push_back(one.member);
  const tar::Plan plan = tar::plan_tarball(members);
  fuzz::require(plan.tarball_size == tarball.size(), "the size is that of its members");
  for (std::size_t i = 0; i < found.size(); ++i) {
    fuzz::require(plan.placements[i] == found[i].placement, "members lie where we would put them");
    const auto header = tar::encode_header(members[i].path, members[i].size);
    const auto there = tarball.subspan(found[i].placement.header_offset, header.size());
    fuzz::require(std::ranges::equal(header, there), "headers are those that we would write");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::bytes_of(data, size);
  io::Bytes tarball(input.begin(), input.end());
  mend_checksums(tarball);
  fuzz::accept_or_refuse([&] {
    std::vector<tar::FoundMember> found;
    tar::read_members(io::MemoryBlob(tarball),
                      [&](const tar::FoundMember& member) { found.push_back(member); });
    require_ours(tarball, found);
  });
  return 0;
}
