// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "http/client.h"

namespace seabag::http {

using Accept = std::function<bool(const Response&)>;

/// The connection failed in a way that may pass.
struct Breakage {
  std::string reason;       ///< "connection refused"
  bool was_reached = true;  ///< the server may have seen the request
};

/// What one try of one request at one URL came to.
struct Outcome {
  Response response = {};
  std::uint64_t passed_on = 0;            ///< bytes that went into the sink
  bool was_local = false;                 ///< the answer came from this machine or its link
  std::optional<Breakage> breakage = {};  ///< the response is not whole
};

/// Where one exchange of a request goes.
struct Hop {
  Url url;
  bool with_credentials = false;
  bool avoids_this_machine = false;
};

/// The proxy for that URL; empty: none.
const std::string& proxy_for(const Settings& settings, const Url& url);

/// libcurl: one easy handle, driven through a multi handle so that a stop is seen at once.
class Connection {
 public:
  /// Errors: kUsage for a proxy that is none.
  Connection(const Settings& settings, std::stop_token stop);
  Connection(const Connection&) = delete;  // libcurl's connections point into it
  Connection& operator=(const Connection&) = delete;
  ~Connection() = default;

  /// Sends `request` to `hop.url` in place of its own. Errors: as Client, but for kUnavailable.
  Outcome exchange(const Request& request, const Hop& hop, io::ByteSink* sink,
                   const Accept& accept);

 private:
  struct FreeEasy {
    void operator()(void* easy) const noexcept;
  };
  struct FreeMulti {
    void operator()(void* multi) const noexcept;
  };

  void renew_easy();

  const Settings& settings_;
  std::stop_token stop_;
  bool was_answered_ = false;               // by any server
  bool was_asked_for_certificate_ = false;  // by a server, in the exchange of now
  std::unique_ptr<void, FreeMulti> multi_;  // destroyed after the easy handle, which lies in it
  std::unique_ptr<void, FreeEasy> easy_;
};

std::string_view name_of(Method method);  ///< "GET"

}  // namespace seabag::http
