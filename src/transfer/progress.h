// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace seabag::transfer {

/// Takes news of a run. Implementations print bars, lines or JSON events, or nothing.
/// Threads: may be called concurrently.
class Progress {
 public:
  virtual ~Progress() = default;
  /// A phase begins ("resolving", "fetching", "checking", "pushing"); 0: not known.
  virtual void begin(std::string_view phase, std::uint64_t items, std::uint64_t bytes) = 0;
  virtual void add_bytes(std::uint64_t bytes) = 0;
  /// Part of the phase's work turned out to be done already: neither rate nor time left count it.
  virtual void skip_bytes(std::uint64_t bytes) = 0;
  /// Part of a disk turned out to be a hole: there is nothing to read, and neither rate nor time
  /// left count it.
  virtual void pass_hole(std::uint64_t bytes) = 0;
  /// One item is done; `what` names it.
  virtual void item_done(std::string_view what) = 0;
  virtual void end() = 0;
  /// Something the user should know, that stops nothing. Text is harmless already.
  virtual void warn(std::string_view text) = 0;
  virtual void note(std::string_view text) = 0;
};

/// Tells nobody.
class NoProgress : public Progress {
 public:
  void begin(std::string_view, std::uint64_t, std::uint64_t) override {}
  void add_bytes(std::uint64_t) override {}
  void skip_bytes(std::uint64_t) override {}
  void pass_hole(std::uint64_t) override {}
  void item_done(std::string_view) override {}
  void end() override {}
  void warn(std::string_view) override {}
  void note(std::string_view) override {}
};

}  // namespace seabag::transfer
