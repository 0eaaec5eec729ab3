// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "io/bytes.h"

namespace seabag::fuzz {

/// Falls over where `holds` is false, so that the input is kept.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  __builtin_trap();
}

/// Would show on a terminal as it is: foreign text in it has been through quoted() or printable().
inline bool is_harmless(std::string text) {
  std::erase(text, '\\');  // which printable() doubles
  return printable(text, text.size()) == text;
}

/// How many inputs were not refused; replay.cc looks at it.
inline std::size_t accepted_inputs = 0;

/// Runs `parse` on input that may be anything. An Error is an answer, unless it is of a check() of
/// ours, or would carry the input's control characters to a terminal. Any other exception is a
/// finding: it falls through.
template <typename Parse>
void accept_or_refuse(const Parse& parse) {
  try {
    parse();
    ++accepted_inputs;
  } catch (const Error& error) {
    require(error.code() != Code::kInternal, error.what());
    require(is_harmless(error.what()), "errors are harmless text");
    require(is_harmless(error.next_step()), "next steps are harmless text");
  }
}

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return io::text_of(bytes_of(data, size));
}

}  // namespace seabag::fuzz
