// SPDX-License-Identifier: Apache-2.0
#include "cli/run_program.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/output.h"

namespace seabag::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using Body = std::function<int(const std::stop_token&)>;

// Runs in a child process with its standard error in a pipe, as main() would.
class Child {
 public:
  explicit Child(const std::function<int()>& main) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe(pipe.data()), 0);
    EXPECT_EQ(std::fflush(stdout), 0);  // or the child writes our lines again
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(pipe[1], STDERR_FILENO);
      ::close(pipe[0]);
      ::close(pipe[1]);
      ::_exit(main());
    }
    ::close(pipe[1]);
    stderr_ = pipe[0];
  }
  ~Child() { ::close(stderr_); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // What it wrote to standard error until `text` came, or the end.
  std::string read_until(const std::string& text) {
    std::array<char, 256> buffer{};
    ssize_t n = 0;
    while (output_.find(text) == std::string::npos &&
           (n = ::read(stderr_, buffer.data(), buffer.size())) > 0) {
      output_.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return output_;
  }
  void signal(int number) const { EXPECT_EQ(::kill(pid_, number), 0); }
  bool has_ended() { return ended_ || (ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_); }
  // -N if signal N killed it.
  int exit_status() {
    if (!ended_) ended_ = ::waitpid(pid_, &status_, 0) == pid_;
    EXPECT_TRUE(ended_);
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
  }

 private:
  pid_t pid_ = -1;
  int stderr_ = -1;
  int status_ = 0;
  bool ended_ = false;
  std::string output_;
};

struct Outcome {
  int status = 0;
  std::string text;
};

Outcome outcome_of(const std::function<int()>& main) {
  Child child(main);
  const std::string text = child.read_until("no such text");
  return {child.exit_status(), text};
}

Outcome outcome_of(bool json, const Body& body) {
  return outcome_of([&] { return run_program("seabag-export", json, body); });
}

TEST(RunProgram, ReturnsWhatTheBodyReturns) {
  const Outcome outcome = outcome_of(false, [](const std::stop_token&) { return 3; });
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(outcome.text, "");
}

TEST(RunProgram, PrintsAnErrorWithItsNextStep) {
  const Outcome outcome = outcome_of(false, [](const std::stop_token&) -> int {
    throw Error(Code::kNoSpace, "writing x: no space").add_next_step("free some");
  });
  EXPECT_EQ(outcome.status, 40);
  EXPECT_EQ(outcome.text, "seabag-export: writing x: no space\n  next: free some\n");
}

TEST(RunProgram, PrintsAnErrorAsTheLastJsonEvent) {
  const Outcome outcome = outcome_of(true, [](const std::stop_token&) -> int {
    throw Error(Code::kIntegrity, "blob \"a\"").add_next_step("repair");
  });
  EXPECT_EQ(outcome.status, 20);
  EXPECT_EQ(
      outcome.text,
      R"({"code":"integrity","event":"error","next_step":"repair","status":20,"text":"blob \"a\""})"
      "\n");
}

TEST(RunProgram, CallsOtherExceptionsBugs) {
  EXPECT_THAT(
      outcome_of(false, [](const std::stop_token&) -> int { throw std::runtime_error("x\x1B"); })
          .text,
      StartsWith("seabag-export: bug: x\\x1b"));
  EXPECT_EQ(outcome_of(false, [](const std::stop_token&) -> int { throw std::bad_alloc(); }).text,
            "seabag-export: out of memory\n");
  EXPECT_EQ(outcome_of(false, [](const std::stop_token&) -> int { throw 7; }).status, 1);
}

TEST(RunProgram, FailsIfStandardOutputCannotBeWritten) {
  const struct {
    const char* name;
    std::function<void()> prepare;
  } cases[] = {
      {"disk full", [] { ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO); }},
      {"closed", [] { ::close(STDOUT_FILENO); }},
      {"pipe without a reader",
       [] {
         std::array<int, 2> pipe{};
         EXPECT_EQ(::pipe(pipe.data()), 0);
         ::dup2(pipe[1], STDOUT_FILENO);
         ::close(pipe[0]);
       }},
      {"file at its limit",
       [] {
         const struct rlimit none = {0, 0};
         EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
         const std::string path = testing::TempDir() + "limited";
         ::dup2(::open(path.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
       }},
  };
  for (const auto& [name, prepare] : cases) {
    const Outcome outcome = outcome_of([&prepare = prepare] {
      prepare();
      return run_program("seabag-import", false, [](const std::stop_token&) {
        print("a result\n");
        return 0;
      });
    });
    EXPECT_EQ(outcome.status, 41) << name;
    EXPECT_THAT(outcome.text, HasSubstr("writing to standard output")) << name;
  }
}

TEST(RunProgram, KeepsTheNumbersOfClosedStreamsFromOurFiles) {
  const Outcome outcome = outcome_of([] {
    ::close(STDIN_FILENO);
    ::close(STDOUT_FILENO);
    return run_program("seabag-export", false, [](const std::stop_token&) {
      return ::open("/dev/null", O_RDONLY) > STDERR_FILENO ? 0 : 1;
    });
  });
  EXPECT_EQ(outcome.status, 0);
}

int wait_for_stop(const std::stop_token& stop) {
  while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  throw Error(Code::kCancelled, "stopped before all was done");
}

int say_ready(const Body& then, const std::stop_token& stop) {
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, "ready", 5);
  return then(stop);
}

TEST(RunProgram, StopsInOrderAtTheFirstSignal) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    Child child([] {
      return run_program("seabag-export", false, [](const std::stop_token& stop) {
        return say_ready(wait_for_stop, stop);
      });
    });
    child.read_until("ready");
    child.signal(number);
    EXPECT_EQ(child.read_until("no such text"),
              "ready\nseabag-export: stopping; press again to end at once\n"
              "seabag-export: stopped before all was done\n");
    EXPECT_EQ(child.exit_status(), 128 + number);
  }
}

TEST(RunProgram, EndsAtOnceAtTheSecondSignal) {
  Child child([] {
    return run_program("seabag-export", false, [](const std::stop_token& stop) {
      return say_ready(
          [](const std::stop_token&) -> int {
            for (;;) ::pause();
          },
          stop);
    });
  });
  child.read_until("ready");
  child.signal(SIGINT);
  child.read_until("stopping");
  while (!child.has_ended()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    child.signal(SIGTERM);
  }
  EXPECT_EQ(child.exit_status(), 128 + SIGTERM);
}

TEST(RunProgram, TakesASignalToProcessAndGroupForOneWish) {
  Child child([] {
    return run_program("seabag-export", false,
                       [](const std::stop_token& stop) { return say_ready(wait_for_stop, stop); });
  });
  child.read_until("ready");
  child.signal(SIGTERM);
  child.signal(SIGTERM);
  EXPECT_THAT(child.read_until("no such text"), HasSubstr("stopped before all was done"));
  EXPECT_EQ(child.exit_status(), 128 + SIGTERM);
}

TEST(RunProgram, LeavesSignalsIgnoredThatWereIgnored) {
  const Outcome outcome = outcome_of([] {
    std::signal(SIGHUP, SIG_IGN);
    return run_program("seabag-export", false, [](const std::stop_token& stop) {
      ::raise(SIGHUP);
      return stop.stop_requested() ? 1 : 0;
    });
  });
  EXPECT_EQ(outcome.status, 0);
}

TEST(RunProgram, ReturnsTheBodysStatusIfASignalCameTooLate) {
  const Outcome outcome = outcome_of(false, [](const std::stop_token&) {
    ::raise(SIGINT);
    return 0;
  });
  EXPECT_EQ(outcome.status, 0);
}

TEST(RunProgram, SaysCancelledWithoutASignalAsInterrupted) {
  EXPECT_EQ(
      outcome_of(false, [](const std::stop_token&) -> int { throw Error(Code::kCancelled, "x"); })
          .status,
      130);
}

}  // namespace
}  // namespace seabag::cli
