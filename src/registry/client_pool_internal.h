// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "http/client.h"

namespace seabag::registry {

/// As many clients as there are callers at once. Threads: send() may be called concurrently.
class ClientPool {
 public:
  ClientPool(http::Settings settings, http::Pause pause, std::stop_token stop);
  /// http::Client::send() by a client that nobody else uses meanwhile.
  http::Response send(const http::Request& request, io::ByteSink* sink,
                      const std::function<bool(const http::Response&)>& accept);

 private:
  std::unique_ptr<http::Client> take();

  const http::Settings settings_;
  const http::Pause pause_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<http::Client>> idle_;
};

}  // namespace seabag::registry
