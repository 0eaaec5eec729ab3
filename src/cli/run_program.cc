// SPDX-License-Identifier: Apache-2.0
#include "cli/run_program.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <system_error>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>
#include <malloc.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "cli/json_line.h"
#include "cli/outlet.h"
#include "cli/output.h"
#include "cli/signal_watch.h"

namespace seabag::cli {
namespace {

// The wrong way round, as gnulib's stdopen does it: a program started with `>&-` shall fail to
// print its result, not believe that somebody got it.
void reopen_closed_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // open(2) gives the lowest free number, and all below are open by now.
    if (::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) std::abort();
  }
}

void say_stopping(const std::string& name, bool json) noexcept {
  const std::string text = "stopping; press again to end at once";
  write_standard_error(json ? json_line({{"event", "note"}, {"text", text}})
                            : fmt::format("\n{}: {}\n", name, text));
}

void say_error(const std::string& name, bool json, const Error& error, int status) {
  if (json) {
    json::Value value = {{"event", "error"},
                         {"code", name_of(error.code())},
                         {"status", status},
                         {"text", error.what()}};
    if (!error.next_step().empty()) value["next_step"] = error.next_step();
    write_standard_error(json_line(value));
    return;
  }
  std::string text = fmt::format("{}: {}\n", name, error.what());
  if (!error.next_step().empty()) text += fmt::format("  next: {}\n", error.next_step());
  write_standard_error(text);
}

Error as_error(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {Code::kInternal, "out of memory"};
  } catch (const std::system_error& error) {
    return {Code::kInternal,
            "the system has no more of what is needed: " + printable(error.what())};
  } catch (const std::exception& error) {
    return {Code::kInternal, "bug: " + printable(error.what())};
  } catch (...) {
    return {Code::kInternal, "bug: something was thrown that is no exception"};
  }
}

// A split VMDK of 3 TiB has 1,540 files, all open at once; the usual soft limit is 1,024. What
// cannot be had is told by the open() that fails.
void raise_file_limit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  constexpr rlim_t kEnough = 16384;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kEnough));
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

// By itself glibc learns from the first large vector that is freed to keep the next ones, and has
// up to eight heaps a core, each with what was freed in it: the export of a registry with 20,000
// manifests took 66 MiB so, and 54 like this, in the same time.
void give_back_large_memory() {
#if defined(__GLIBC__)
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, 512 << 10));
  static_cast<void>(::mallopt(M_ARENA_MAX, 1));
#endif
}

int report(const std::string& name, bool json, const Error& error, int status) {
  say_error(name, json, error, status);
  return status;
}

int run_watched(const std::string& name, bool json,
                const std::function<int(const std::stop_token& stop)>& body) {
  std::stop_source stop;
  const SignalWatch watch([&]() noexcept {
    say_stopping(name, json);
    stop.request_stop();
  });
  try {
    const int status = body(stop.get_token());
    flush_output();
    return status;
  } catch (...) {
    const Error error = as_error(std::current_exception());
    const bool by_signal = error.code() == Code::kCancelled && watch.first_signal() != 0;
    const int status = by_signal ? 128 + watch.first_signal() : static_cast<int>(error.code());
    return report(name, json, error, status);
  }
}

}  // namespace

int run_program(const std::string& name, bool json,
                const std::function<int(const std::stop_token& stop)>& body) {
  reopen_closed_streams();
  raise_file_limit();
  give_back_large_memory();
  // Neither can fail: both signals exist, and may be ignored.
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  try {
    return run_watched(name, json, body);
  } catch (const std::exception&) {
    // No thread could be had for the watch (ulimit -u), or no memory for its stack.
    const Error error = as_error(std::current_exception());
    return report(name, json, error, static_cast<int>(error.code()));
  }
}

}  // namespace seabag::cli
