// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "http/connection_internal.h"
#include "http/redirect_internal.h"
#include "http/retry_internal.h"

namespace seabag::http {
namespace {

// One try: the request, and where redirects take it.
Outcome follow(Connection& connection, const Request& request, io::ByteSink* sink,
               const Accept& accept) {
  Hop hop{.url = request.url,
          .with_credentials = true,
          .avoids_this_machine = request.avoids_this_machine};
  for (int redirects = 0;; ++redirects) {
    Outcome outcome = connection.exchange(request, hop, sink, accept);
    if (outcome.breakage) return outcome;
    const auto target = redirect_target(request.method, outcome.response);
    if (!target) return outcome;
    const bool leaves = target->origin != hop.url.origin;
    if (leaves && request.stays_at_origin) return outcome;
    if (redirects == limits::kRedirects) {
      throw Error(Code::kProtocol, fmt::format("{}: more than {} redirects", request.url.shown(),
                                               limits::kRedirects));
    }
    // Not given back when a later hop returns: it would be the other origin that chose the path.
    if (leaves) hop.with_credentials = false;
    // A server elsewhere that sends us to our own machine wants something of our network.
    if (leaves && !outcome.was_local) hop.avoids_this_machine = true;
    hop.url = *target;
  }
}

std::string named(const Request& request) {
  return fmt::format("{} {}", name_of(request.method), request.url.shown());
}

Error unavailable(const Request& request, std::string_view reason, int tries) {
  return {Code::kUnavailable, fmt::format("{}: {} after {} {}", named(request), reason, tries,
                                          tries == 1 ? "try" : "tries")};
}

}  // namespace

struct Client::State {
  State(Settings given_settings, Pause given_pause, std::stop_token given_stop)
      : settings(std::move(given_settings)),
        pause(std::move(given_pause)),
        stop(std::move(given_stop)),
        connection(settings, stop),
        jitter(std::random_device()()) {}

  // Errors: kCancelled.
  void wait(int next_attempt, std::optional<std::chrono::seconds> retry_after) {
    pause(retry_delay(next_attempt, retry_after, std::uniform_real_distribution<>(0, 1)(jitter)),
          stop);
    if (stop.stop_requested()) throw Error(Code::kCancelled, "stopped");
  }

  const Settings settings;
  const Pause pause;
  const std::stop_token stop;
  Connection connection;
  std::minstd_rand jitter;  // spreads waiting workers; nothing secret hangs on it
};

Client::Client(Settings settings, Pause pause, std::stop_token stop)
    : state_(std::make_unique<State>(std::move(settings), std::move(pause), std::move(stop))) {}

Client::~Client() = default;

Response Client::send(const Request& request, io::ByteSink* sink, const Accept& accept) {
  for (int attempt = 1;; ++attempt) {
    Outcome outcome = follow(state_->connection, request, sink, accept);
    const bool is_last = attempt >= state_->settings.attempts;
    if (outcome.breakage) {
      const Breakage& breakage = *outcome.breakage;
      if (outcome.passed_on > 0) {
        throw Error(Code::kUnavailable,
                    fmt::format("{}: broke off after {} bytes: {}", named(request),
                                outcome.passed_on, breakage.reason));
      }
      const bool repeatable = request.idempotent || !breakage.was_reached;
      if (is_last || !repeatable) throw unavailable(request, breakage.reason, attempt);
      state_->wait(attempt + 1, std::nullopt);
      continue;
    }
    if (!may_repeat(request, outcome.response)) return std::move(outcome.response);
    if (is_last) throw unavailable(request, status_text(outcome.response.status), attempt);
    state_->wait(attempt + 1, retry_after_of(outcome.response));
  }
}

std::optional<std::string> Response::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

}  // namespace seabag::http
