// SPDX-License-Identifier: Apache-2.0
#include "vhd/footer.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/endian.h"
#include "io/bytes.h"

namespace seabag::vhd {
namespace {

constexpr std::string_view kCookie = "conectix";

constexpr std::size_t kFeaturesAt = 8;
constexpr std::size_t kVersionAt = 12;
constexpr std::size_t kDataOffsetAt = 16;
constexpr std::size_t kTimestampAt = 24;
constexpr std::size_t kCreatorAt = 28;
constexpr std::size_t kCreatorVersionAt = 32;
constexpr std::size_t kCreatorOsAt = 36;
constexpr std::size_t kOriginalSizeAt = 40;
constexpr std::size_t kCurrentSizeAt = 48;
constexpr std::size_t kCylindersAt = 56;
constexpr std::size_t kHeadsAt = 58;
constexpr std::size_t kSectorsPerTrackAt = 59;
constexpr std::size_t kTypeAt = 60;
constexpr std::size_t kChecksumAt = 64;
constexpr std::size_t kUniqueIdAt = 68;
constexpr std::size_t kSavedStateAt = 84;

template <std::size_t N>
void store_text(std::span<std::byte> bytes, std::size_t offset, const std::array<char, N>& text) {
  std::ranges::copy(std::as_bytes(std::span(text)), bytes.subspan(offset).begin());
}

std::array<char, 4> load_text(std::span<const std::byte> bytes, std::size_t offset) {
  std::array<char, 4> text = {};
  std::ranges::copy(io::text_of(bytes.subspan(offset, text.size())), text.begin());
  return text;
}

}  // namespace

std::uint32_t checksum_of(std::span<const std::byte> bytes, std::size_t checksum_offset) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool is_checksum = i >= checksum_offset && i < checksum_offset + sizeof(sum);
    if (!is_checksum) sum += std::to_integer<std::uint32_t>(bytes[i]);
  }
  return ~sum;
}

FooterBytes encode_footer(const Footer& footer) {
  FooterBytes bytes = {};
  std::ranges::copy(io::bytes_of(kCookie), bytes.begin());
  store_big_endian(bytes, kFeaturesAt, footer.features);
  store_big_endian(bytes, kVersionAt, footer.version);
  store_big_endian(bytes, kDataOffsetAt, footer.data_offset);
  store_big_endian(bytes, kTimestampAt, footer.timestamp);
  store_text(bytes, kCreatorAt, footer.creator);
  store_big_endian(bytes, kCreatorVersionAt, footer.creator_version);
  store_text(bytes, kCreatorOsAt, footer.creator_os);
  store_big_endian(bytes, kOriginalSizeAt, footer.original_size);
  store_big_endian(bytes, kCurrentSizeAt, footer.current_size);
  store_big_endian(bytes, kCylindersAt, footer.geometry.cylinders);
  store_big_endian(bytes, kHeadsAt, footer.geometry.heads);
  store_big_endian(bytes, kSectorsPerTrackAt, footer.geometry.sectors_per_track);
  store_big_endian(bytes, kTypeAt, static_cast<std::uint32_t>(footer.type));
  std::ranges::copy(footer.unique_id, bytes.begin() + kUniqueIdAt);
  bytes[kSavedStateAt] = std::byte{footer.has_saved_state};
  store_big_endian(bytes, kChecksumAt, checksum_of(bytes, kChecksumAt));
  return bytes;
}

std::optional<std::string> find_footer_fault(const FooterBytes& bytes) {
  if (!io::text_of(bytes).starts_with(kCookie)) {
    return fmt::format("no \"{}\" at its beginning", kCookie);
  }
  const auto stored = load_big_endian<std::uint32_t>(bytes, kChecksumAt);
  const std::uint32_t computed = checksum_of(bytes, kChecksumAt);
  if (stored == computed) return std::nullopt;
  return fmt::format("checksum {:#010x}, expected {:#010x}", stored, computed);
}

Footer decode_footer(const FooterBytes& bytes) {
  Footer footer;
  footer.features = load_big_endian<std::uint32_t>(bytes, kFeaturesAt);
  footer.version = load_big_endian<std::uint32_t>(bytes, kVersionAt);
  footer.data_offset = load_big_endian<std::uint64_t>(bytes, kDataOffsetAt);
  footer.timestamp = load_big_endian<std::uint32_t>(bytes, kTimestampAt);
  footer.creator = load_text(bytes, kCreatorAt);
  footer.creator_version = load_big_endian<std::uint32_t>(bytes, kCreatorVersionAt);
  footer.creator_os = load_text(bytes, kCreatorOsAt);
  footer.original_size = load_big_endian<std::uint64_t>(bytes, kOriginalSizeAt);
  footer.current_size = load_big_endian<std::uint64_t>(bytes, kCurrentSizeAt);
  footer.geometry.cylinders = load_big_endian<std::uint16_t>(bytes, kCylindersAt);
  footer.geometry.heads = load_big_endian<std::uint8_t>(bytes, kHeadsAt);
  footer.geometry.sectors_per_track = load_big_endian<std::uint8_t>(bytes, kSectorsPerTrackAt);
  footer.type = static_cast<DiskType>(load_big_endian<std::uint32_t>(bytes, kTypeAt));
  std::copy_n(bytes.begin() + kUniqueIdAt, footer.unique_id.size(), footer.unique_id.begin());
  footer.has_saved_state = bytes[kSavedStateAt] != std::byte{0};
  return footer;
}

}  // namespace seabag::vhd
