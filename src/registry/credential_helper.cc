// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <memory>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "registry/credentials.h"

namespace seabag::registry {
namespace {

using Clock = std::chrono::steady_clock;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

Error system_error(const std::string& what, int error_number) {
  return {Code::kDenied,
          fmt::format("{}: {}", what, std::generic_category().message(error_number))};
}

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

Pipe open_pipe() {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error("pipe", errno);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

/// A running program. Destroyed before it ended: killed; in no case does it stay as a zombie.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The wait status; nothing if it is still running at `deadline`.
  std::optional<int> wait_until(Clock::time_point deadline) {
    // Its output has ended when this is called, so it ends in a moment, and polling costs nothing.
    constexpr int kPollMilliseconds = 5;
    while (true) {
      int status = 0;
      const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
      if (ended == pid_) {
        pid_ = -1;
        return status;
      }
      if (ended < 0 && errno != EINTR) throw system_error("waitpid", errno);
      if (Clock::now() >= deadline) return std::nullopt;
      ::poll(nullptr, 0, kPollMilliseconds);
    }
  }

 private:
  pid_t pid_;
};

struct FreeActions {
  void operator()(posix_spawn_file_actions_t* actions) const noexcept {
    ::posix_spawn_file_actions_destroy(actions);
  }
};
struct FreeAttributes {
  void operator()(posix_spawnattr_t* attributes) const noexcept {
    ::posix_spawnattr_destroy(attributes);
  }
};

void require_success(int result, const std::string& what) {
  if (result != 0) throw system_error(what, result);
}

/// Starts `program` of the PATH without a shell. Its standard error is thrown away: what a helper
/// has to say it says, by the protocol, on its standard output.
pid_t spawn(const std::string& program, const Descriptor& standard_input,
            const Descriptor& standard_output) {
  posix_spawn_file_actions_t raw_actions;
  require_success(::posix_spawn_file_actions_init(&raw_actions), program);
  const std::unique_ptr<posix_spawn_file_actions_t, FreeActions> actions(&raw_actions);
  require_success(
      ::posix_spawn_file_actions_adddup2(actions.get(), standard_input.get(), STDIN_FILENO),
      program);
  require_success(
      ::posix_spawn_file_actions_adddup2(actions.get(), standard_output.get(), STDOUT_FILENO),
      program);
  require_success(
      ::posix_spawn_file_actions_addopen(actions.get(), STDERR_FILENO, "/dev/null", O_WRONLY, 0),
      program);

  // The signals that our program blocks or ignores are its own affair.
  posix_spawnattr_t raw_attributes;
  require_success(::posix_spawnattr_init(&raw_attributes), program);
  const std::unique_ptr<posix_spawnattr_t, FreeAttributes> attributes(&raw_attributes);
  sigset_t none;
  sigset_t restored;
  sigemptyset(&none);
  sigemptyset(&restored);
  sigaddset(&restored, SIGPIPE);
  require_success(::posix_spawnattr_setsigmask(attributes.get(), &none), program);
  require_success(::posix_spawnattr_setsigdefault(attributes.get(), &restored), program);
  require_success(
      ::posix_spawnattr_setflags(attributes.get(), POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
      program);

  std::string name = program;
  std::string verb = "get";
  const std::array<char*, 3> arguments = {name.data(), verb.data(), nullptr};
  pid_t pid = -1;
  const int result = ::posix_spawnp(&pid, program.c_str(), actions.get(), attributes.get(),
                                    arguments.data(), environ);
  if (result != 0) {
    Error error = system_error(fmt::format("cannot run {}", program), result);
    error.add_next_step(fmt::format(
        "install {}, or log in again with podman login, or pass --user and --password-file",
        program));
    throw error;
  }
  return pid;
}

/// All that comes out of `from`.
std::string read_output(const Descriptor& from, const std::string& program,
                        Clock::time_point deadline) {
  std::string output;
  std::array<char, 4096> buffer;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd waiting = {.fd = from.get(), .events = POLLIN, .revents = 0};
    const int ready = left <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left));
    if (ready == 0) throw Error(Code::kDenied, fmt::format("{} gave no answer in time", program));
    const ssize_t count = ready < 0 ? -1 : ::read(from.get(), buffer.data(), buffer.size());
    if (count == 0) return output;
    if (count < 0) {
      if (errno == EINTR) continue;
      throw system_error(program, errno);
    }
    output.append(buffer.data(), static_cast<std::size_t>(count));
    if (output.size() > limits::kConfigFileBytes) {
      throw Error(Code::kDenied, fmt::format("{} printed more than the limit of {} bytes", program,
                                             limits::kConfigFileBytes));
    }
  }
}

std::optional<std::string> run(const std::string& program, const std::string& registry,
                               std::chrono::milliseconds time_limit) {
  const auto deadline = Clock::now() + time_limit;
  Pipe input = open_pipe();
  Pipe output = open_pipe();
  // Written while our own read end is open, and less than a pipe holds: neither blocks nor raises
  // SIGPIPE.
  const std::string line = registry + '\n';
  check(line.size() <= PIPE_BUF, "registry fits a pipe");
  if (::write(input.write_end.get(), line.data(), line.size()) !=
      static_cast<ssize_t>(line.size())) {
    throw system_error(program, errno);
  }
  Child child(spawn(program, input.read_end, output.write_end));
  input.read_end.close();
  input.write_end.close();
  output.write_end.close();

  std::string text = read_output(output.read_end, program, deadline);
  const auto status = child.wait_until(deadline);
  if (!status) throw Error(Code::kDenied, fmt::format("{} did not end in time", program));
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return text;
  // The words of docker-credential-helpers, "credentials not found in native keychain", that all
  // helpers use.
  const bool has_none = text.find("credentials not found") != std::string::npos;
  if (WIFEXITED(*status) && has_none) return std::nullopt;
  const std::string how = WIFEXITED(*status) ? fmt::format("exit status {}", WEXITSTATUS(*status))
                                             : fmt::format("signal {}", WTERMSIG(*status));
  throw Error(Code::kDenied,
              fmt::format("{} failed with {}: {}", program, how, quoted(trimmed(text))));
}

}  // namespace

RunHelper run_credential_helper(std::chrono::milliseconds time_limit) {
  return [time_limit](const std::string& helper, const std::string& registry) {
    return run("docker-credential-" + helper, registry, time_limit);
  };
}

}  // namespace seabag::registry
