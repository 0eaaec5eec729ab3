// SPDX-License-Identifier: Apache-2.0
#include "vmdk/grain_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmdk/disk_files_internal.h"
#include "vmdk/header.h"

namespace seabag::vmdk {
namespace {

using ::testing::Eq;
using ::testing::Optional;

io::Bytes encoded(GrainEncoder& encoder, std::span<const std::byte> grain) {
  io::Bytes out(max_record_bytes(kGrainBytes));
  out.resize(encoder.encode(grain, out));
  return out;
}

TEST(GrainEncoder, IsUndoneByTheDecoder) {
  GrainEncoder encoder;
  GrainDecoder decoder;
  for (const io::Bytes& grain : {text_bytes(kGrainBytes), random_bytes(kGrainBytes)}) {
    io::Bytes out(kGrainBytes);
    EXPECT_THAT(decoder.decode(encoded(encoder, grain), out), Optional(Eq(kGrainBytes)));
    EXPECT_EQ(out, grain);
  }
}

// The match history of an encoder that was used before must not leak into the next grain.
TEST(GrainEncoder, GivesTheSameBytesWhateverCameBefore) {
  io::Bytes grain = text_bytes(kGrainBytes, 3);
  std::ranges::copy(random_bytes(20000), grain.begin() + 10000);
  GrainEncoder fresh;
  const io::Bytes expected = encoded(fresh, grain);
  for (unsigned seed = 0; seed < 50; ++seed) {
    GrainEncoder used;
    encoded(used, seed % 3 == 0 ? random_bytes(kGrainBytes, seed) : text_bytes(kGrainBytes, seed));
    encoded(used, grain);
    EXPECT_EQ(encoded(used, grain), expected) << seed;
  }
}

TEST(GrainEncoder, StaysInARecordWithWhatNothingCompresses) {
  GrainEncoder encoder;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const io::Bytes out = encoded(encoder, random_bytes(kGrainBytes, seed));
    EXPECT_LE(out.size(), stored_length(kGrainBytes));
    EXPECT_LE(GrainMarker::kBytes + out.size(), max_record_bytes(kGrainBytes));
  }
}

TEST(GrainEncoder, StoresWhatWouldNotFitCompressed) {
  const io::Bytes grain = random_bytes(kGrainBytes);
  io::Bytes out(stored_length(kGrainBytes));
  EXPECT_EQ(out.size(), 65552U);  // two blocks of RFC 1951 in the six bytes of RFC 1950
  EXPECT_EQ(store_grain(grain, out), out.size());
  EXPECT_EQ(io::text_of(out).substr(0, 7), std::string_view("\x78\x01\0\xFF\xFF\0\0", 7));
  GrainDecoder decoder;
  io::Bytes back(kGrainBytes);
  EXPECT_THAT(decoder.decode(out, back), Optional(Eq(kGrainBytes)));
  EXPECT_EQ(back, grain);
}

TEST(GrainDecoder, WantsOneWholeStreamThatFits) {
  GrainEncoder encoder;
  GrainDecoder decoder;
  const io::Bytes good = encoded(encoder, text_bytes(kGrainBytes));
  io::Bytes out(kGrainBytes);
  EXPECT_TRUE(decoder.decode(good, out));
  EXPECT_FALSE(decoder.decode(std::span(good).first(good.size() - 1), out));
  EXPECT_FALSE(decoder.decode(good, std::span(out).first(kGrainBytes - 1)));
  io::Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(decoder.decode(longer, out));
  for (const std::size_t at : {std::size_t{0}, good.size() / 2, good.size() - 1}) {
    io::Bytes damaged = good;
    damaged[at] ^= std::byte{0x10};
    EXPECT_FALSE(decoder.decode(damaged, out)) << at;
  }
}

TEST(Pool, GivesAnObjectToOneAtATimeAndKeepsIt) {
  Pool<int> pool;
  pool.with([&](int& first) {
    first = 1;
    return pool.with([&](int& second) { return second = 2; });
  });
  const int one = pool.with([](int& object) { return object; });
  EXPECT_TRUE(one == 1 || one == 2);
}

}  // namespace
}  // namespace seabag::vmdk
