// SPDX-License-Identifier: Apache-2.0
#include "disk/content_digest.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "disk/disk_source.h"

namespace seabag::disk {
namespace {

/// The digest of `bytes`, with the chunks left out whose positions are in `holes`.
std::string text_of(const std::vector<std::byte>& bytes,
                    const std::vector<std::size_t>& holes = {}) {
  ContentHasher hasher(bytes.size());
  for (std::size_t at = 0; at < bytes.size(); at += kChunkBytes) {
    if (std::ranges::find(holes, at / kChunkBytes) != holes.end()) continue;
    const auto rest = std::span(bytes).subspan(at);
    hasher.add(at, digest_of_chunk(rest.first(std::min<std::size_t>(rest.size(), kChunkBytes))));
  }
  return hasher.finish().text();
}

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + (i >> 9U));
  return bytes;
}

// The expected values are what format-spec/vectors/disk_digest.py prints.
TEST(ContentDigest, IsWhatTheIndependentProgramComputes) {  // [DSK-3] [DSK-4] [DSK-5]
  EXPECT_EQ(text_of({}),
            "disk-v1:4322fd2bc0a137d1375b37b3b2e2b4715b3d3dd7ca9682438d4fea0f8437fad3");
  EXPECT_EQ(text_of(std::vector<std::byte>(512)),
            "disk-v1:bddc0ef6326f3b7f27afaaeb61546fc7a795f2f5847bf5ec01258247461e560e");
  EXPECT_EQ(text_of(std::vector<std::byte>(1U << 20U)),
            "disk-v1:d454d51b831aa7935036e5c28ea54fed11be00b51b61c91f85c3b27bfb75ad0d");
  EXPECT_EQ(text_of(std::vector<std::byte>((1U << 20U) + 512)),
            "disk-v1:a2a1e5cb25be74c91646f55cf1636aae6634b8f82f1e59bab2c2bd592795b036");
  EXPECT_EQ(text_of(pattern(2 * (1U << 20U) + 1536)),
            "disk-v1:be9f981a6da24afd8412cf561c26cea5bddf23a69b986461fafc900c96d31657");
}

TEST(ContentDigest, TakesChunksThatAreLeftOutForZeros) {
  std::vector<std::byte> bytes(5 * kChunkBytes + 512);
  bytes[3 * kChunkBytes] = std::byte{1};
  EXPECT_EQ(text_of(bytes, {0, 1, 2, 4, 5}), text_of(bytes));
  EXPECT_NE(text_of(bytes), text_of(std::vector<std::byte>(bytes.size())));
}

TEST(ContentDigest, SkipsHolesOfManyGroups) {
  // 3 GiB and 512 bytes of zeros; the expected value is what the program prints for such a file.
  ContentHasher hasher(3221225984U);
  EXPECT_EQ(hasher.finish().text(),
            "disk-v1:57e6ea84a6be5be020e50b5abf7a4307e34a42ca1432a0594b79ecc2fb8ac29a");
}

TEST(ContentDigest, IsTheSameForAHoleThatBeginsInTheMiddleOfAGroup) {
  constexpr std::uint64_t kChunks = 2600;
  const ChunkDigest one = digest_of_chunk(pattern(kChunkBytes));
  const ChunkDigest zero = digest_of_chunk(std::vector<std::byte>(kChunkBytes));
  ContentHasher with_holes(kChunks * kChunkBytes);
  ContentHasher in_full(kChunks * kChunkBytes);
  for (std::uint64_t chunk = 0; chunk < kChunks; ++chunk) {
    const bool has_data = chunk == 700 || chunk == 2500;
    in_full.add(chunk * kChunkBytes, has_data ? one : zero);
    if (has_data) with_holes.add(chunk * kChunkBytes, one);
  }
  EXPECT_EQ(with_holes.finish(), in_full.finish());
}

TEST(DigestsOfChunks, AreThoseOfEach) {
  std::vector<std::byte> bytes = pattern(2 * kChunkBytes + 1024);
  bytes[kChunkBytes] ^= std::byte{1};
  for (const std::size_t size : {std::size_t{512}, std::size_t{kChunkBytes}}) {
    const auto one = std::span(bytes).first(size);
    const auto other = std::span(bytes).subspan(kChunkBytes, size);
    const auto both = digests_of_chunks(one, other);
    EXPECT_EQ(both[0], digest_of_chunk(one)) << size;
    EXPECT_EQ(both[1], digest_of_chunk(other)) << size;
  }
}

TEST(ContentDigest, TellsDisksOfZerosOfDifferentSizesApart) {
  EXPECT_NE(text_of(std::vector<std::byte>(512)), text_of(std::vector<std::byte>(1024)));
}

TEST(ContentDigest, IsReadBackFromItsText) {
  const std::string text = text_of(pattern(512));
  ASSERT_TRUE(find_content_digest(text).has_value());
  EXPECT_EQ(find_content_digest(text)->text(), text);
  EXPECT_FALSE(find_content_digest(text.substr(1)));
  EXPECT_FALSE(find_content_digest(text + "0"));
  EXPECT_FALSE(find_content_digest("disk-v1:"));
}

TEST(ContentHasher, TakesNoChunkTwice) {
  ContentHasher hasher(2 * kChunkBytes);
  hasher.add(kChunkBytes, ChunkDigest());
  EXPECT_THROW(hasher.add(kChunkBytes, ChunkDigest()), Error);
  EXPECT_THROW(hasher.add(0, ChunkDigest()), Error);
}

}  // namespace
}  // namespace seabag::disk
