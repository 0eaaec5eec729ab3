// SPDX-License-Identifier: Apache-2.0
#include "cli/password.h"

#include "base/error.h"
#include "base/text.h"
#include "io/bytes.h"
#include "io/user_file.h"

namespace seabag::cli {
namespace {

// Some registries take a JSON key file of a few KiB as the password.
constexpr std::uint64_t kMostPasswordBytes = 64U << 10U;

}  // namespace

std::string read_password(const std::string& path) try {
  const io::Bytes bytes = io::read_user_file(path, kMostPasswordBytes);
  std::string password(io::text_of(bytes));
  for (const char end : {'\n', '\r'}) {
    if (password.ends_with(end)) password.pop_back();
  }
  if (password.empty()) throw Error(Code::kUsage, seabag::quoted(path) + " is empty");
  return password;
} catch (Error& error) {
  error.add_context("reading the password");
  throw;
}

}  // namespace seabag::cli
