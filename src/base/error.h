// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace seabag {

/// What the receiver of an Error should do about it; the value is the exit status of the programs.
/// Closed list: docs/man/*.1 and format-spec/receipt.md repeat it.
enum class Code {
  kInternal = 1,      ///< a bug of ours
  kUsage = 2,         ///< the command line or a configuration file is wrong
  kPartial = 3,       ///< finished, but some items could not be had and are recorded as missing
  kNotABundle = 10,   ///< no bundle here, or one that is not sealed yet
  kLocked = 11,       ///< another run works on this bundle
  kIntegrity = 20,    ///< bytes are missing, extra or different
  kMalformed = 22,    ///< input that is unsafe, ambiguous or breaks its standard
  kUnsupported = 23,  ///< a version or feature that this build does not know
  kDenied = 30,       ///< the remote refused the credentials
  kUnavailable = 31,  ///< the remote failed in a way that may pass; retries are used up
  kProtocol = 32,     ///< the remote broke the protocol
  kRefused = 33,      ///< the remote refuses for good: not found, too large, quota, immutable
  kNoSpace = 40,      ///< out of space or quota
  kIo = 41,           ///< a local medium failed
  kPermission = 42,   ///< no permission, or a read-only medium
  kMediumUnfit = 43,  ///< the file system cannot hold this: file size, names
  kCancelled = 130,   ///< stopped by a signal; main() replaces it by 128 + the signal's number
};

/// The name of a code as `--json` and receipts print it: "integrity", "not-a-bundle", ...
std::string_view name_of(Code code);

/// The one exception type. what() reads outermost context first, lower case, no full stop:
/// "sending library/nginx:1.25: blob sha256:6c3c...: expected 1048576 bytes, got 1048000".
///
/// Foreign text must go through printable() or quoted() (base/text.h) before it gets in here.
class Error : public std::exception {
 public:
  Error(Code code, std::string text);
  /// Puts "context: " in front. Called where a name becomes known, once per layer.
  Error& add_context(std::string_view context);
  /// What the user can do about it; printed on a line of its own. The innermost one stays.
  Error& add_next_step(std::string_view next_step);

  Code code() const noexcept { return code_; }
  const std::string& next_step() const noexcept { return next_step_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  Code code_;
  std::string text_;
  std::string next_step_;
};

/// Throws kInternal if `condition` is false: for our own bugs. Input must never reach a check.
void check(bool condition, const char* what);

}  // namespace seabag
