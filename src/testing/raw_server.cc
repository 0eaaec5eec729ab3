// SPDX-License-Identifier: Apache-2.0
#include "testing/raw_server.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <thread>

#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>

#include "base/error.h"
#include "base/text.h"
#include "testing/sockets_internal.h"

namespace seabag::testing {
namespace {

constexpr int kBacklog = 16;
constexpr int kPollMilliseconds = 10;
constexpr auto kNpos = std::string::npos;

// The bytes of a request whose body is `length` long according to its head; 0 while the head is not
// whole.
std::size_t request_bytes(const std::string& text, bool with_body) {
  const auto end = text.find("\r\n\r\n");
  if (end == kNpos) return 0;
  const std::string head = to_lower(text.substr(0, end));
  std::size_t length = 0;
  if (const auto at = head.find("content-length: "); with_body && at != kNpos) {
    std::from_chars(head.data() + at + 16, head.data() + head.size(), length);
  }
  return end + 4 + length;
}

}  // namespace

// One thread serves one connection after the other: enough for clients that keep one open at a
// time.
struct RawServer::State {
  explicit State(std::vector<Script> given) : scripts(std::move(given)) {
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    check(listener >= 0 && ::bind(listener, plain, length) == 0 &&
              ::listen(listener, kBacklog) == 0 && ::getsockname(listener, plain, &length) == 0,
          "a listening socket");
    port = ntohs(address.sin_port);
    thread = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

  ~State() {
    thread.request_stop();
    thread.join();
    ::close(listener);
  }

  // Waits for something to read; false when it is time to stop.
  static bool is_readable(int socket, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd waiting = {.fd = socket, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, kPollMilliseconds) > 0) return true;
    }
    return false;
  }

  void serve(const std::stop_token& stop) {
    for (std::size_t i = 0; is_readable(listener, stop); ++i) {
      const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) continue;
      {
        const std::lock_guard lock(mutex);
        texts.emplace_back();
      }
      converse(socket, scripts[std::min(i, scripts.size() - 1)], stop);
      ::close(socket);
    }
  }

  void converse(int socket, const Script& script, const std::stop_token& stop) {
    while (script.waits_for_request && !has_request(script.reads_on)) {
      if (!read_some(socket, stop)) return;
    }
    std::string_view rest = script.bytes;
    while (!rest.empty()) {
      const ssize_t n = ::send(socket, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    if (script.after == After::kReset) end_connection(socket, Ending::kReset);
    while (script.after == After::kStayOpen && read_some(socket, stop)) continue;
  }

  bool has_request(bool with_body) {
    const std::lock_guard lock(mutex);
    const std::size_t bytes = request_bytes(texts.back(), with_body);
    return bytes > 0 && texts.back().size() >= bytes;
  }

  bool read_some(int socket, const std::stop_token& stop) {
    std::array<char, 4096> buffer = {};
    if (!is_readable(socket, stop)) return false;
    const ssize_t n = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (n <= 0) return false;
    const std::lock_guard lock(mutex);
    texts.back().append(buffer.data(), static_cast<std::size_t>(n));
    return true;
  }

  std::vector<Script> scripts;
  int listener = -1;
  std::uint16_t port = 0;
  std::mutex mutex;
  std::vector<std::string> texts;  // guarded by mutex; one a connection
  std::jthread thread;
};

RawServer::RawServer() : RawServer(std::vector<Script>(1)) {}
RawServer::RawServer(std::vector<Script> scripts)
    : state_(std::make_unique<State>(std::move(scripts))) {}
RawServer::~RawServer() = default;

std::uint16_t RawServer::port() const {
  return state_->port;
}

std::string RawServer::url(const std::string& target) const {
  return fmt::format("http://127.0.0.1:{}{}", state_->port, target);
}

std::vector<std::string> RawServer::received() const {
  const std::lock_guard lock(state_->mutex);
  return state_->texts;
}

}  // namespace seabag::testing
