// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "digest/sha256_rounds_internal.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace seabag::digest::sha256 {

#if defined(__x86_64__)

namespace {

// Source: FIPS 180-4, section 4.2.2.
alignas(16) constexpr std::uint32_t kConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#define SEABAG_SHA __attribute__((target("sha,sse4.1"), always_inline)) inline

// The eight words as the instructions want them: a, b, e, f in one register, c, d, g, h in the
// other, the first in the highest place.
struct Words {
  __m128i abef;
  __m128i cdgh;
};

SEABAG_SHA Words load(const State& state) {
  const auto* at = reinterpret_cast<const __m128i*>(state.data());
  const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(at), 0xB1);
  const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(at + 1), 0x1B);
  return {_mm_alignr_epi8(badc, hgfe, 8), _mm_blend_epi16(hgfe, badc, 0xF0)};
}

SEABAG_SHA void store(State& state, const Words& words) {
  auto* at = reinterpret_cast<__m128i*>(state.data());
  const __m128i feba = _mm_shuffle_epi32(words.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(words.cdgh, 0xB1);
  _mm_storeu_si128(at, _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(at + 1, _mm_alignr_epi8(dchg, feba, 8));
}

// Four words of the schedule from the sixteen before them.
SEABAG_SHA __m128i next_schedule(__m128i w0, __m128i w1, __m128i w2, __m128i w3) {
  const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
  return _mm_sha256msg2_epu32(sum, w3);
}

// A message's sixteen words that the schedule goes on from.
struct Schedule {
  __m128i w[4];
};

SEABAG_SHA Schedule begin_schedule(const std::byte* block) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const auto* message = reinterpret_cast<const __m128i*>(block);
  Schedule schedule;
  for (int i = 0; i < 4; ++i) {
    schedule.w[i] = _mm_shuffle_epi8(_mm_loadu_si128(message + i), big_endian);
  }
  return schedule;
}

// The words of rounds 4 * `four` and on, with their constants.
SEABAG_SHA __m128i words_of(Schedule& schedule, int four) {
  __m128i& now = schedule.w[four % 4];
  if (four >= 4) {
    now = next_schedule(now, schedule.w[(four + 1) % 4], schedule.w[(four + 2) % 4],
                        schedule.w[(four + 3) % 4]);
  }
  return _mm_add_epi32(now, _mm_load_si128(reinterpret_cast<const __m128i*>(kConstants) + four));
}

// Lane i takes message i, or the last there is.
template <std::size_t kLanes, std::size_t kMessages>
SEABAG_SHA void four_rounds(Words (&lanes)[kLanes], Schedule (&schedules)[kMessages], int four) {
  __m128i words[kMessages];
  for (std::size_t m = 0; m < kMessages; ++m) words[m] = words_of(schedules[m], four);
  for (std::size_t i = 0; i < kLanes; ++i) {
    lanes[i].cdgh =
        _mm_sha256rnds2_epu32(lanes[i].cdgh, lanes[i].abef, words[std::min(i, kMessages - 1)]);
  }
  for (std::size_t i = 0; i < kLanes; ++i) {
    const __m128i high = _mm_shuffle_epi32(words[std::min(i, kMessages - 1)], 0x0E);
    lanes[i].abef = _mm_sha256rnds2_epu32(lanes[i].abef, lanes[i].cdgh, high);
  }
}

template <std::size_t kLanes, std::size_t kMessages>
__attribute__((target("sha,sse4.1"))) void run(const std::array<State*, kLanes>& states,
                                               std::array<const std::byte*, kMessages> messages,
                                               std::size_t blocks) noexcept {
  Words lanes[kLanes];
  for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = load(*states[i]);
  for (; blocks > 0; --blocks) {
    Words before[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) before[i] = lanes[i];
    Schedule schedules[kMessages];
    for (std::size_t m = 0; m < kMessages; ++m) {
      schedules[m] = begin_schedule(messages[m]);
      messages[m] += kBlockBytes;
    }
#pragma GCC unroll 16
    for (int four = 0; four < 16; ++four) four_rounds(lanes, schedules, four);
    for (std::size_t i = 0; i < kLanes; ++i) {
      lanes[i].abef = _mm_add_epi32(lanes[i].abef, before[i].abef);
      lanes[i].cdgh = _mm_add_epi32(lanes[i].cdgh, before[i].cdgh);
    }
  }
  for (std::size_t i = 0; i < kLanes; ++i) store(*states[i], lanes[i]);
}

#undef SEABAG_SHA

bool ask_processor() noexcept {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return false;
  if ((ecx & bit_SSSE3) == 0 || (ecx & bit_SSE4_1) == 0) return false;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & bit_SHA) != 0;
}

}  // namespace

bool has_instructions() noexcept {
  static const bool kHas = ask_processor();
  return kHas;
}

void compress(State& state, std::span<const std::byte> blocks) noexcept {
  run<1, 1>({&state}, {blocks.data()}, blocks.size() / kBlockBytes);
}

void compress_both(State& one, State& other, std::span<const std::byte> blocks) noexcept {
  run<2, 1>({&one, &other}, {blocks.data()}, blocks.size() / kBlockBytes);
}

void compress_each(State& one, std::span<const std::byte> blocks, State& other,
                   std::span<const std::byte> other_blocks) noexcept {
  run<2, 2>({&one, &other}, {blocks.data(), other_blocks.data()}, blocks.size() / kBlockBytes);
}

#else

bool has_instructions() noexcept {
  return false;
}
void compress(State& /*state*/, std::span<const std::byte> /*blocks*/) noexcept {}
void compress_both(State& /*one*/, State& /*other*/,
                   std::span<const std::byte> /*blocks*/) noexcept {}
void compress_each(State& /*one*/, std::span<const std::byte> /*blocks*/, State& /*other*/,
                   std::span<const std::byte> /*other_blocks*/) noexcept {}

#endif

Digest finished(State state, std::uint64_t bytes, std::span<const std::byte> rest) {
  std::array<std::byte, 2 * kBlockBytes> padded = {};
  std::ranges::copy(rest, padded.begin());
  padded[rest.size()] = std::byte{0x80};
  const std::size_t end = rest.size() < kBlockBytes - 8 ? kBlockBytes : 2 * kBlockBytes;
  for (std::size_t i = 0; i < 8; ++i) padded[end - 1 - i] = std::byte(bytes * 8 >> 8 * i);
  compress(state, std::span(padded).first(end));
  std::array<std::byte, sizeof(State)> raw = {};
  for (std::size_t i = 0; i < raw.size(); ++i) {
    raw[i] = std::byte(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return {Algorithm::kSha256, raw};
}

}  // namespace seabag::digest::sha256
