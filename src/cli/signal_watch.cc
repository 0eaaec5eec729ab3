// SPDX-License-Identifier: Apache-2.0
#include "cli/signal_watch.h"

#include <atomic>
#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"

namespace seabag::cli {
namespace {

// A signal handler can reach nothing but statics: these are the only ones of the project.
std::atomic<int> wake_fd = -1;
std::atomic<int> first_number = 0;
std::atomic<std::int64_t> first_time_ms = 0;

static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

constexpr char kSignalCame = 's';
constexpr char kWatchEnds = 'e';

// timeout(1) and some supervisors signal the process and then its whole group: that is one wish,
// not an impatient user.
constexpr std::int64_t kSameWishMs = 100;

std::int64_t now_ms() {
  struct timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);  // async-signal-safe: POSIX.1-2017, 2.4.3
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

extern "C" void on_signal(int number) {
  const int saved_errno = errno;
  int none = 0;
  if (first_number.compare_exchange_strong(none, number)) {
    first_time_ms = now_ms();
    // The pipe is empty and takes a byte; without one there is nothing that could be done here.
    [[maybe_unused]] const ssize_t written = ::write(wake_fd, &kSignalCame, 1);
  } else if (now_ms() - first_time_ms >= kSameWishMs) {
    ::_exit(128 + number);
  }
  errno = saved_errno;
}

char read_byte(int fd) {
  char byte = kWatchEnds;
  while (::read(fd, &byte, 1) < 0 && errno == EINTR) {
  }
  return byte;
}

}  // namespace

SignalWatch::SignalWatch(std::function<void()> on_first) : on_first_(std::move(on_first)) {
  check(wake_fd == -1, "two signal watches in one process");
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    throw Error(Code::kInternal, "making a pipe: " + std::generic_category().message(errno));
  }
  read_fd_ = pipe[0];
  wake_fd = pipe[1];
  first_number = 0;
  thread_ = std::thread([this] {
    if (read_byte(read_fd_) != kSignalCame) return;
    on_first_();
    read_byte(read_fd_);
  });
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &previous_[i]);
    if (previous_[i].sa_handler == SIG_IGN) continue;
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

SignalWatch::~SignalWatch() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &previous_[i], nullptr);
  }
  [[maybe_unused]] const ssize_t written = ::write(wake_fd, &kWatchEnds, 1);
  thread_.join();
  ::close(read_fd_);
  ::close(wake_fd.exchange(-1));
}

int SignalWatch::first_signal() const {
  return first_number;
}

}  // namespace seabag::cli
