// SPDX-License-Identifier: Apache-2.0
#include "deflate/compressor_state.h"

#include <array>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>

namespace seabag::deflate {
namespace {

using Output = std::vector<unsigned char>;

void give(isal_zstream& stream, const std::vector<std::byte>& input, Output& out) {
  stream.gzip_flag = IGZIP_ZLIB;
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  stream.next_in = input_of(input);
  stream.avail_in = static_cast<std::uint32_t>(input.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<std::uint32_t>(out.size());
}

Output compressed(CompressorState& state, const std::vector<std::byte>& input) {
  Output out(2 * input.size() + 100);
  isal_zstream& stream = state.renewed();
  give(stream, input, out);
  EXPECT_EQ(state.compress(), COMP_OK);
  out.resize(stream.total_out);
  return out;
}

Output compressed_elsewhere(isal_zstream& stream, const std::vector<std::byte>& input) {
  Output out(2 * input.size() + 100);
  give(stream, input, out);
  EXPECT_EQ(isal_deflate_stateless(&stream), COMP_OK);
  out.resize(stream.total_out);
  return out;
}

// Made of few words, so that what the first bytes are found again by matters.
std::vector<std::byte> few_words(std::mt19937& random) {
  std::array<std::byte, 64> words = {};
  for (std::byte& byte : words) byte = static_cast<std::byte>(random() % 256);
  std::vector<std::byte> bytes;
  while (bytes.size() < 2048) {
    const std::size_t word = random() % 16 * 4;
    bytes.insert(bytes.end(), words.begin() + static_cast<std::ptrdiff_t>(word),
                 words.begin() + static_cast<std::ptrdiff_t>(word) + 4);
  }
  return bytes;
}

TEST(CompressorState, GivesTheSameOutputWhereverItLies) {
  CompressorState one;
  CompressorState other;
  std::mt19937 random(1);
  for (int i = 0; i < 30'000; ++i) {
    const std::vector<std::byte> input = few_words(random);
    ASSERT_EQ(compressed(one, input), compressed(other, input)) << i;
  }
}

// Without this fault CompressorState could be an isal_zstream anywhere.
TEST(CompressorState, IsNeededBecauseOfAFaultOfIsaL) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "the fault is in ISA-L's code for x86-64";
#endif
  CompressorState placed;
  // Two, because one may lie by chance where its address has the same hash.
  const std::array elsewhere = {std::make_unique<isal_zstream>(), std::make_unique<isal_zstream>()};
  std::mt19937 random(1);
  int differ = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::vector<std::byte> input = few_words(random);
    const Output expected = compressed(placed, input);
    for (const auto& stream : elsewhere) {
      *stream = placed.renewed();
      if (compressed_elsewhere(*stream, input) != expected) ++differ;
    }
  }
  EXPECT_GT(differ, 0) << "ISA-L was mended: the place of its state need not be chosen any more";
}

TEST(CompressorState, CanBeHadManyTimes) {
  std::vector<std::unique_ptr<CompressorState>> states;
  for (int i = 0; i < 64; ++i) states.push_back(std::make_unique<CompressorState>());
  std::mt19937 random(2);
  const std::vector<std::byte> input = few_words(random);
  const Output expected = compressed(*states.front(), input);
  for (const auto& state : states) EXPECT_EQ(compressed(*state, input), expected);
}

}  // namespace
}  // namespace seabag::deflate
