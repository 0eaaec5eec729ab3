// SPDX-License-Identifier: Apache-2.0
#include "deflate/compressor_state.h"

#include <cstdint>
#include <new>

#include <sys/mman.h>

#include <isa-l/igzip_lib.h>

#include "base/arith.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// At the beginning of a stream, isal_deflate_icf_body_hash_hist_01, _02 and _04 of ISA-L 2.30 hash
// the bits from 16 up of a register where the third byte of the input should be, and which holds
// the address of the stream. Where in its hash table that entry falls decides now and then which of
// two matches is taken: what inflates to the same bytes is then compressed otherwise, one grain of
// 64 KiB in some 15,000. So that entry is made the same for all: the state goes where its address
// has one certain hash.

namespace seabag::deflate {
namespace {

// Measured on /usr of Debian 12 in 64 KiB pieces: level 1 takes 36 % at some 380 MiB/s and thread,
// level 3 35 % at 260, libdeflate's level 6 32 % at 60.
constexpr std::uint32_t kLevel = 1;

// Where the address of a stream must lie in the hash table of level 1. Any value would do.
constexpr std::uint32_t kHash = 0;
constexpr std::uint32_t kHashMask = IGZIP_LVL1_HASH_SIZE - 1;
constexpr unsigned kHashedFrom = 16;  // the lowest bit of the address that is hashed

// Addresses that are tried before the memory is given up: mostly the first one is free.
constexpr int kPlaces = 1000;

// CRC-32C of 32 bits as SSE 4.2 has it, which is ISA-L's hash.
constexpr std::uint32_t hash_of(std::uint32_t bits) {
  constexpr std::uint32_t kPolynomial = 0x82F63B78;
  for (int i = 0; i < 32; ++i) bits = (bits >> 1U) ^ ((bits & 1U) != 0 ? kPolynomial : 0);
  return bits & kHashMask;
}

constexpr std::uint64_t kStep = 1ULL << kHashedFrom;

// The next lower address with the right hash.
std::uint64_t place_below(std::uint64_t address) {
  do {
    address = address / kStep * kStep - kStep;
  } while (hash_of(static_cast<std::uint32_t>(address >> kHashedFrom)) != kHash);
  return address;
}

isal_zstream* map_stream() {
  constexpr int kProtection = PROT_READ | PROT_WRITE;
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
  // Below where the system would put it there is room.
  void* const anywhere = ::mmap(nullptr, sizeof(isal_zstream), kProtection, kFlags, -1, 0);
  if (anywhere == MAP_FAILED) throw std::bad_alloc();
  const auto begin = reinterpret_cast<std::uint64_t>(anywhere);
  ::munmap(anywhere, sizeof(isal_zstream));
  std::uint64_t address = begin;
  for (int i = 0; i < kPlaces; ++i) {
    address = place_below(address);
    void* const wanted = static_cast<std::byte*>(anywhere) - (begin - address);
    void* const got =
        ::mmap(wanted, sizeof(isal_zstream), kProtection, kFlags | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == wanted) return new (got) isal_zstream;
    if (got != MAP_FAILED) ::munmap(got, sizeof(isal_zstream));
  }
  throw std::bad_alloc();
}

}  // namespace

void CompressorState::Unmap::operator()(isal_zstream* stream) const noexcept {
  ::munmap(stream, sizeof(isal_zstream));
}

CompressorState::CompressorState() : stream_(map_stream()), level_buffer_(ISAL_DEF_LVL1_DEFAULT) {}

isal_zstream& CompressorState::renewed() {
  isal_deflate_stateless_init(stream_.get());
  stream_->level = kLevel;
  stream_->level_buf = reinterpret_cast<unsigned char*>(level_buffer_.data());
  stream_->level_buf_size = narrow<std::uint32_t>(level_buffer_.size());
  return *stream_;
}

namespace {

// ISA-L's AVX code leaves the upper halves of the registers in use, and each SSE instruction after
// it waits for them: SHA-256 of a disk's chunks fell from 2.9 to 1.4 GB/s, OpenSSL's from 2.1 to
// 1.6.
#if defined(__x86_64__)
__attribute__((target("avx"))) void release_upper_halves() noexcept {
  _mm256_zeroupper();
}
#endif

}  // namespace

int CompressorState::compress() {
  const int result = isal_deflate_stateless(stream_.get());
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx") != 0) release_upper_halves();
#endif
  return result;
}

unsigned char* input_of(std::span<const std::byte> bytes) {
  return const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
}

}  // namespace seabag::deflate
