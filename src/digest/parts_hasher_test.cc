// SPDX-License-Identifier: Apache-2.0
#include "digest/parts_hasher.h"

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "io/bytes.h"

namespace seabag::digest {
namespace {

using io::bytes_of;

std::string noise(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t value = 12345;
  for (char& c : text) c = static_cast<char>((value = value * 1664525 + 1013904223) >> 24U);
  return text;
}

Digest plain(std::string_view text) {
  return digest_of(bytes_of(text));
}

// With the processor's instructions, where it has them, and without.
class PartsHasherTest : public ::testing::TestWithParam<PartsHasher::Method> {
 protected:
  // The parts' digests; the whole's is held against OpenSSL's. As on one thread.
  std::vector<Digest> digests_of(std::string_view text, const std::vector<Part>& parts,
                                 std::size_t piece) {
    std::vector<Digest> found;
    PartsHasher hasher = of(parts, found);
    for (std::size_t at = 0; at < text.size(); at += piece) {
      hasher.ahead(bytes_of(text.substr(at, piece)));
      hasher.update(bytes_of(text.substr(at, piece)));
    }
    EXPECT_EQ(hasher.finish(), plain(text)) << text.size() << " bytes, in pieces of " << piece;
    return found;
  }

  static PartsHasher of(const std::vector<Part>& parts, std::vector<Digest>& found) {
    const auto take = [&found](std::size_t part, const Digest& digest) {
      EXPECT_EQ(part, found.size()) << "parts come in order";
      found.push_back(digest);
    };
    return PartsHasher(parts, take, GetParam());
  }
};

std::vector<Digest> plain_parts(std::string_view text, const std::vector<Part>& parts) {
  std::vector<Digest> digests;
  for (const Part& part : parts) digests.push_back(plain(text.substr(part.offset, part.size)));
  return digests;
}

TEST_P(PartsHasherTest, GivesOpenSslsDigestOfAWholeWithoutParts) {
  const std::string text = noise(300);
  for (std::size_t size = 0; size <= text.size(); ++size) {
    EXPECT_TRUE(digests_of(text.substr(0, size), {}, 1000).empty());
  }
}

TEST_P(PartsHasherTest, GivesOpenSslsDigestOfAPartWhereverItEnds) {
  const std::string text = noise(500);
  for (const std::size_t begin : {0U, 64U, 192U}) {
    for (std::size_t end = begin; end <= text.size(); ++end) {
      const std::vector<Part> parts = {{begin, end - begin}};
      ASSERT_EQ(digests_of(text, parts, 1000), plain_parts(text, parts)) << begin << " " << end;
    }
  }
}

TEST_P(PartsHasherTest, DoesNotCareHowTheBytesAreCut) {
  const std::string text = noise(4096);
  const std::vector<Part> parts = {{0, 0},   {0, 0},     {0, 100},    {128, 64},  {192, 1},
                                   {512, 0}, {512, 512}, {1024, 700}, {4032, 64}, {4096, 0}};
  for (std::size_t piece = 1; piece < 200; ++piece) {
    ASSERT_EQ(digests_of(text, parts, piece), plain_parts(text, parts)) << "pieces of " << piece;
  }
  EXPECT_EQ(digests_of(text, parts, 5000), plain_parts(text, parts));
}

// 2^29 bytes are 2^32 bits: the length takes more than four bytes.
TEST_P(PartsHasherTest, CountsBitsBeyond32) {
  const std::string mebi = noise(1U << 20U);
  std::vector<Digest> found;
  PartsHasher hasher = of({{0, 513ULL << 20U}}, found);
  Hasher expected;
  for (int i = 0; i < 513; ++i) {
    hasher.ahead(bytes_of(mebi));
    hasher.update(bytes_of(mebi));
    expected.update(bytes_of(mebi));
  }
  const Digest whole = hasher.finish();
  EXPECT_EQ(whole, expected.finish());
  EXPECT_EQ(found, std::vector<Digest>{whole});
}

TEST_P(PartsHasherTest, MayBeFarAheadOnAnotherThread) {
  const std::string text = noise(1U << 20U);
  const std::vector<Part> parts = {{64, 1000}, {4096, 900'000}, {1U << 20U, 0}};
  std::vector<Digest> found;
  PartsHasher hasher = of(parts, found);
  std::thread other([&] {
    for (std::size_t at = 0; at < text.size(); at += 5000) {
      hasher.ahead(bytes_of(std::string_view(text).substr(at, 5000)));
    }
  });
  hasher.update(bytes_of(text));
  other.join();
  EXPECT_EQ(hasher.finish(), plain(text));
  EXPECT_EQ(found, plain_parts(text, parts));
}

TEST_P(PartsHasherTest, GivesTheEmptyPartOfAnEmptyFile) {
  EXPECT_EQ(digests_of("", {{0, 0}}, 1), std::vector<Digest>{plain("")});
}

TEST_P(PartsHasherTest, RefusesPartsBehindTheEnd) {
  std::vector<Digest> found;
  PartsHasher hasher = of({{0, 5}}, found);
  hasher.ahead(bytes_of("abcd"));
  hasher.update(bytes_of("abcd"));
  EXPECT_THROW(hasher.finish(), Error);
}

INSTANTIATE_TEST_SUITE_P(Both, PartsHasherTest,
                         ::testing::Values(PartsHasher::Method::kBest,
                                           PartsHasher::Method::kPortable));

// Without instructions the parts are done when ahead() returns: that is what takes half of the time
// where another thread reads.
TEST(PartsHasher, DoesThePartsAheadWhereTheyCostAsMuchAsTheWhole) {
  std::vector<Digest> found;
  PartsHasher hasher(
      {{0, 4}}, [&](std::size_t, const Digest& digest) { found.push_back(digest); },
      PartsHasher::Method::kPortable);
  hasher.ahead(bytes_of("abcd"));
  EXPECT_EQ(found, std::vector<Digest>{plain("abcd")});
}

TEST(MayFollow, AsksForOrderABlockAndAnEnd) {
  EXPECT_TRUE(may_follow(0, {0, 5}));
  EXPECT_TRUE(may_follow(5, {64, 5}));
  EXPECT_FALSE(may_follow(65, {64, 5}));
  EXPECT_FALSE(may_follow(0, {32, 5}));
  EXPECT_FALSE(may_follow(0, {1ULL << 63U, 1ULL << 63U}));
}

}  // namespace
}  // namespace seabag::digest
