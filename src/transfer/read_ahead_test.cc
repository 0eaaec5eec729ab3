// SPDX-License-Identifier: Apache-2.0
#include "transfer/read_ahead.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "io/bytes.h"

namespace seabag::transfer {
namespace {

constexpr std::uint64_t kChunk = limits::kBufferBytes;

std::byte byte_at(std::uint64_t offset) {
  return std::byte(offset % 251 + offset / kChunk);
}

// Of any size, without memory; fails where it is told to.
class CountedSource : public io::BlobSource {
 public:
  CountedSource(std::uint64_t size, std::uint64_t bad) : size_(size), bad_(bad) {}
  std::uint64_t size() const override { return size_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (bad_ >= offset && bad_ - offset < out.size()) throw Error(Code::kIo, "bad sector");
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = byte_at(offset + i);
  }

 private:
  std::uint64_t size_;
  std::uint64_t bad_;
};

constexpr std::uint64_t kNowhere = ~0ULL;

// How many bytes came; each is held against what it should be.
std::uint64_t taken_from(const CountedSource& source) {
  std::uint64_t at = 0;
  read_ahead(source, [&](std::span<const std::byte> chunk) {
    EXPECT_LE(chunk.size(), kChunk);
    const bool right =
        std::ranges::all_of(chunk, [&](std::byte byte) { return byte == byte_at(at++); });
    EXPECT_TRUE(right) << "in the chunk that ends at " << at;
  });
  return at;
}

TEST(ReadAhead, GivesEveryByteInOrderWhateverTheSize) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, kChunk, 2 * kChunk,
                                   2 * kChunk + 1, 9 * kChunk, 23 * kChunk - 5}) {
    EXPECT_EQ(taken_from(CountedSource(size, kNowhere)), size);
  }
}

TEST(ReadAhead, GivesWhatCouldBeReadBeforeItFails) {
  for (const std::uint64_t chunk : {0U, 1U, 5U, 10U}) {
    const CountedSource source(11 * kChunk, chunk * kChunk + 7);
    std::uint64_t taken = 0;
    EXPECT_THROW(
        read_ahead(source, [&](std::span<const std::byte> bytes) { taken += bytes.size(); }),
        Error);
    EXPECT_EQ(taken, chunk * kChunk);
  }
}

TEST(ReadAhead, GivesEachChunkToTheFirstBeforeTheOther) {
  for (const std::uint64_t size : {std::uint64_t{0}, kChunk, 2 * kChunk + 1, 23 * kChunk - 5}) {
    std::atomic<std::uint64_t> before = 0;
    std::uint64_t after = 0;
    read_ahead(
        CountedSource(size, kNowhere),
        [&](std::span<const std::byte> chunk) {
          EXPECT_EQ(chunk.front(), byte_at(before));
          before += chunk.size();
        },
        [&](std::span<const std::byte> chunk) {
          EXPECT_EQ(chunk.front(), byte_at(after));
          after += chunk.size();
          EXPECT_GE(before, after);
        });
    EXPECT_EQ(before, size);
    EXPECT_EQ(after, size);
  }
}

TEST(ReadAhead, StopsWhereTheFirstFails) {
  for (const std::uint64_t chunk : {0U, 1U, 5U, 10U}) {
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    const auto first = [&](std::span<const std::byte> bytes) {
      if (before == chunk * kChunk) throw Error(Code::kCancelled, "enough");
      before += bytes.size();
    };
    EXPECT_THROW(read_ahead(CountedSource(11 * kChunk, kNowhere), first,
                            [&](std::span<const std::byte> bytes) { after += bytes.size(); }),
                 Error);
    EXPECT_EQ(after, chunk * kChunk);
  }
}

TEST(ReadAhead, EndsWhenTheTakerHasEnough) {
  const CountedSource source(1ULL << 50U, kNowhere);
  int chunks = 0;
  EXPECT_THROW(read_ahead(source,
                          [&](std::span<const std::byte>) {
                            if (++chunks == 7) throw Error(Code::kCancelled, "enough");
                          }),
               Error);
  EXPECT_EQ(chunks, 7);
}

}  // namespace
}  // namespace seabag::transfer
