// SPDX-License-Identifier: Apache-2.0
#include "disk/zeros.h"

#include <algorithm>
#include <cstring>

namespace seabag::disk {

bool is_zero(std::span<const std::byte> bytes) {
  // The first bytes tell most data apart; the rest is compared with itself, one byte further on,
  // which the C library does at the speed of memory.
  const std::size_t head = std::min<std::size_t>(bytes.size(), 16);
  for (std::size_t i = 0; i < head; ++i) {
    if (bytes[i] != std::byte{0}) return false;
  }
  return bytes.size() <= head || std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

void for_each_data_run(std::span<const std::byte> bytes, std::size_t block,
                       const std::function<void(std::size_t, std::size_t)>& visit) {
  std::size_t begin = 0;  // of the run that `at` is in or ends
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = std::min(block, bytes.size() - at);
    if (is_zero(bytes.subspan(at, length))) {
      if (begin < at) visit(begin, at - begin);
      begin = at + length;
    }
    at += length;
  }
  if (begin < bytes.size()) visit(begin, bytes.size() - begin);
}

}  // namespace seabag::disk
