// SPDX-License-Identifier: Apache-2.0
#include "digest/digest_pair.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "digest/hasher.h"
#include "io/bytes.h"

namespace seabag::digest {
namespace {

using ::testing::ElementsAre;

io::Bytes noise(std::size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  io::Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() >> 8U);
  return bytes;
}

Digest plain(const io::Bytes& prefix, const io::Bytes& bytes) {
  Hasher hasher;
  hasher.update(prefix);
  hasher.update(bytes);
  return hasher.finish();
}

TEST(DigestsOfPair, AreOpenSslsForEveryLength) {
  for (const std::size_t before : {0U, 1U, 5U, 63U}) {
    const io::Bytes prefix = noise(before, 1);
    for (std::size_t size = 0; size <= 300; ++size) {
      const io::Bytes one = noise(size, 2);
      const io::Bytes other = noise(size, 3);
      ASSERT_THAT(digests_of_pair(prefix, one, other),
                  ElementsAre(plain(prefix, one), plain(prefix, other)))
          << size << " bytes behind " << before;
    }
  }
}

TEST(DigestsOfPair, AreOpenSslsOfDifferentLengths) {
  const io::Bytes prefix = noise(1, 1);
  const io::Bytes one = noise(200, 2);
  const io::Bytes other = noise(199, 3);
  EXPECT_THAT(digests_of_pair(prefix, one, other),
              ElementsAre(plain(prefix, one), plain(prefix, other)));
}

TEST(DigestsOfPair, AreOpenSslsOfWhatIsNotAligned) {
  const io::Bytes prefix = noise(1, 1);
  const io::Bytes bytes = noise((2U << 20U) + 7, 4);
  const std::size_t size = 1U << 20U;
  const auto one = std::span(bytes).subspan(1, size);
  const auto other = std::span(bytes).subspan(6, size);
  EXPECT_THAT(digests_of_pair(prefix, one, other),
              ElementsAre(plain(prefix, {one.begin(), one.end()}),
                          plain(prefix, {other.begin(), other.end()})));
}

}  // namespace
}  // namespace seabag::digest
