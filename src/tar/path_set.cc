// SPDX-License-Identifier: Apache-2.0
#include "tar/path_set.h"

#include <algorithm>
#include <utility>

namespace seabag::tar {
namespace {

constexpr std::uint64_t kFree = 0;
constexpr std::size_t kFirstSlots = 1024;

// FNV-1a, 64 bits, of the path in lower case: the same in every build, unlike std::hash.
std::uint64_t hash_of(std::string_view path) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : path) {
    const char folded = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    hash = (hash ^ static_cast<unsigned char>(folded)) * 0x100000001b3U;
  }
  return std::max<std::uint64_t>(hash, kFree + 1);
}

// Where `hash` is, or would be put. There is always a free slot.
std::uint64_t& slot_for(std::vector<std::uint64_t>& slots, std::uint64_t hash) {
  const std::size_t mask = slots.size() - 1;
  std::size_t at = hash & mask;
  while (slots[at] != kFree && slots[at] != hash) at = (at + 1) & mask;
  return slots[at];
}

}  // namespace

bool PathSet::insert(std::string_view path) {
  // Above three quarters, runs of taken slots grow long.
  if ((used_ + 1) * 4 > slots_.size() * 3) grow();
  const std::uint64_t hash = hash_of(path);
  std::uint64_t& slot = slot_for(slots_, hash);
  if (slot == hash) return false;
  slot = hash;
  ++used_;
  return true;
}

void PathSet::grow() {
  std::vector<std::uint64_t> larger(std::max(kFirstSlots, slots_.size() * 2));
  for (const std::uint64_t hash : slots_) {
    if (hash != kFree) slot_for(larger, hash) = hash;
  }
  slots_ = std::move(larger);
}

}  // namespace seabag::tar
