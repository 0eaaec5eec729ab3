// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <csignal>
#include <functional>
#include <thread>

namespace seabag::cli {

/// Turns the first SIGINT, SIGTERM or SIGHUP into a call on a thread of its own; the second ends
/// the process at once with 128 + its number. Those that were ignored at the start stay ignored
/// (nohup, `&` of a script). A credential helper that is executed meanwhile gets the defaults,
/// since handlers do not survive an exec.
///
/// Order: one at a time in a process.
class SignalWatch {
 public:
  /// `on_first` must not throw.
  explicit SignalWatch(std::function<void()> on_first);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// The number of the signal that came first; 0: none came.
  int first_signal() const;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};

  std::function<void()> on_first_;
  std::array<struct sigaction, kSignals.size()> previous_{};
  int read_fd_ = -1;
  std::thread thread_;
};

}  // namespace seabag::cli
