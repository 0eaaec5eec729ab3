// SPDX-License-Identifier: Apache-2.0
#include "digest/parts_hasher.h"

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "digest/twin_sha256_internal.h"
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

class TwinSha256Test : public ::testing::TestWithParam<TwinSha256::Method> {};

TEST_P(TwinSha256Test, GivesOpenSslsDigestOfTheWholeForEveryLength) {
  const std::string text = noise(300);
  for (std::size_t size = 0; size <= text.size(); ++size) {
    TwinSha256 twin(GetParam());
    twin.update(bytes_of(text.substr(0, size)));
    ASSERT_EQ(twin.finish(), plain(text.substr(0, size))) << size << " bytes";
  }
}

TEST_P(TwinSha256Test, GivesOpenSslsDigestOfAPartWhereverItEnds) {
  const std::string text = noise(500);
  for (const std::size_t begin : {0U, 64U, 192U}) {
    for (std::size_t end = begin; end <= text.size(); ++end) {
      TwinSha256 twin(GetParam());
      twin.update(bytes_of(text.substr(0, begin)));
      twin.begin_part();
      twin.update(bytes_of(text.substr(begin, end - begin)));
      ASSERT_EQ(twin.finish_part(), plain(text.substr(begin, end - begin))) << begin << " " << end;
      twin.update(bytes_of(text.substr(end)));
      ASSERT_EQ(twin.finish(), plain(text)) << begin << " " << end;
    }
  }
}

TEST_P(TwinSha256Test, DoesNotCareHowTheBytesAreCut) {
  const std::string text = noise(1000);
  for (std::size_t piece = 1; piece < 200; ++piece) {
    TwinSha256 twin(GetParam());
    twin.begin_part();
    for (std::size_t at = 0; at < text.size(); at += piece) {
      twin.update(bytes_of(std::string_view(text).substr(at, piece)));
    }
    ASSERT_EQ(twin.finish_part(), plain(text)) << "pieces of " << piece;
    ASSERT_EQ(twin.finish(), plain(text)) << "pieces of " << piece;
  }
}

// 2^29 bytes are 2^32 bits: the length takes more than four bytes.
TEST_P(TwinSha256Test, CountsBitsBeyond32) {
  const std::string mebi = noise(1U << 20U);
  TwinSha256 twin(GetParam());
  Hasher hasher;
  twin.begin_part();
  for (int i = 0; i < 513; ++i) {
    twin.update(bytes_of(mebi));
    hasher.update(bytes_of(mebi));
  }
  const Digest expected = hasher.finish();
  EXPECT_EQ(twin.finish_part(), expected);
  EXPECT_EQ(twin.finish(), expected);
}

INSTANTIATE_TEST_SUITE_P(Both, TwinSha256Test,
                         ::testing::Values(TwinSha256::Method::kBest,
                                           TwinSha256::Method::kPortable));

std::map<std::size_t, Digest> parts_of(const std::string& text, const std::vector<Part>& parts,
                                       std::size_t piece) {
  std::map<std::size_t, Digest> found;
  PartsHasher hasher(parts, [&](std::size_t part, const Digest& digest) {
    EXPECT_TRUE(found.emplace(part, digest).second) << "part " << part << " came twice";
  });
  for (std::size_t at = 0; at < text.size(); at += piece) {
    hasher.update(bytes_of(std::string_view(text).substr(at, piece)));
  }
  EXPECT_EQ(hasher.finish(), plain(text));
  return found;
}

TEST(PartsHasher, GivesThePartsAndTheWholeHoweverTheBytesAreCut) {
  const std::string text = noise(4096);
  const std::vector<Part> parts = {{0, 0},   {0, 0},     {0, 100},    {128, 64},  {192, 1},
                                   {512, 0}, {512, 512}, {1024, 700}, {4032, 64}, {4096, 0}};
  for (const std::size_t piece : {1U, 63U, 64U, 100U, 512U, 5000U}) {
    const auto found = parts_of(text, parts, piece);
    ASSERT_EQ(found.size(), parts.size()) << "pieces of " << piece;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(found.at(i), plain(text.substr(parts[i].offset, parts[i].size)))
          << "part " << i << " in pieces of " << piece;
    }
  }
}

TEST(PartsHasher, GivesTheEmptyPartOfAnEmptyFile) {
  EXPECT_EQ(parts_of("", {{0, 0}}, 1).at(0), plain(""));
}

TEST(PartsHasher, RefusesPartsBehindTheEnd) {
  PartsHasher hasher({{0, 5}}, [](std::size_t, const Digest&) {});
  hasher.update(bytes_of("abcd"));
  EXPECT_THROW(hasher.finish(), Error);
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
