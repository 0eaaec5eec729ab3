// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace seabag::testing {

/// A socket on 127.0.0.1 that answers each connection with bytes as given, right HTTP or not.
class RawServer {
 public:
  enum class After { kClose, kReset, kStayOpen };

  /// What one connection gets.
  struct Script {
    std::string bytes = {};  ///< sent once the head of a request has come, or at once
    After after = After::kClose;
    bool waits_for_request = true;  ///< reads up to the blank line first
    bool reads_on = true;           ///< also the body that Content-Length announces
  };

  /// Closes every connection after its request.
  RawServer();
  /// Connection i gets scripts[i]; the last one also all that follow.
  explicit RawServer(std::vector<Script> scripts);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::uint16_t port() const;
  std::string url(const std::string& target) const;  ///< "http://127.0.0.1:PORT" + target
  /// What the connections sent so far, one string each.
  std::vector<std::string> received() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace seabag::testing
