// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "registry/client_pool_internal.h"

namespace seabag::registry {

ClientPool::ClientPool(http::Settings settings, http::Pause pause, std::stop_token stop)
    : settings_(std::move(settings)), pause_(std::move(pause)), stop_(std::move(stop)) {}

http::Response ClientPool::send(const http::Request& request, io::ByteSink* sink,
                                const std::function<bool(const http::Response&)>& accept) {
  // One whose transfer throws is not given back: its connection has no use any more.
  auto client = take();
  http::Response response = client->send(request, sink, accept);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(client));
  return response;
}

std::unique_ptr<http::Client> ClientPool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto client = std::move(idle_.back());
      idle_.pop_back();
      return client;
    }
  }
  return std::make_unique<http::Client>(settings_, pause_, stop_);
}

}  // namespace seabag::registry
