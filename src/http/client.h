// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "http/url.h"
#include "io/blob_source.h"
#include "io/byte_sink.h"
#include "io/bytes.h"

namespace seabag::http {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete };

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The bytes of `blob` from `offset`, `length` of them, as a request's body.
struct BodyRange {
  const io::BlobSource* blob = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

struct Request {
  Method method = Method::kGet;
  Url url;
  Headers headers = {};
  /// Sent to the origin of `url` alone: dropped when a redirect leaves it.
  Headers credentials = {};
  std::optional<BodyRange> body = {};
  /// Bodies that no sink takes: of a success, more than this is an error (0: not wanted, dropped);
  /// of other answers, and of those that `accept` refuses, the front is kept and the rest dropped.
  std::uint64_t max_body_bytes = 0;
  /// Whether a lost or refused try may be repeated: the server ends in the same state either way.
  bool idempotent = true;
  /// A redirect to another origin is not followed but returned.
  bool stays_at_origin = false;
  /// Not to an address of this machine or its link (see is_local_address()), whatever its name. It
  /// is looked at before the connection is made; where a proxy is set that is the proxy's affair.
  bool avoids_this_machine = false;
};

struct Response {
  int status = 0;
  Headers headers = {};  ///< names in lower case
  io::Bytes body = {};   ///< empty where a sink took it
  Url url = {};          ///< where it came from in the end

  /// The first header of that (lower-case) name.
  std::optional<std::string> header(std::string_view name) const;
};

/// How to reach servers.
struct Settings {
  std::string user_agent = {};
  std::string ca_file = {};  ///< PEM, instead of the system's roots; empty: those
  std::string client_certificate = {};
  std::string client_key = {};
  /// Empty: none; environment variables are read in main().
  std::string https_proxy = {};  ///< for https URLs
  std::string http_proxy = {};   ///< for http URLs
  std::string no_proxy = {};
  int attempts = 5;  ///< tries of an idempotent request, the first included
  std::chrono::seconds connect_timeout{30};
  /// Less than limits::kStallBytesPerSecond for so long is a failure.
  std::chrono::seconds stall_timeout{60};
};

/// The waiting between tries, so that tests need not sleep. Returns early when stop is asked for.
using Pause = std::function<void(std::chrono::milliseconds, const std::stop_token&)>;
Pause real_pause();

/// One connection's worth of HTTP over libcurl: redirects, retries, limits. No authentication.
///
/// Redirects: followed here, at most limits::kRedirects, for GET and HEAD to any origin (never from
///            https to http, never from a remote server to this machine or its link, be it under a
///            name), for other methods within the origin alone. `credentials` never leave their
///            origin, nor come back after they were left behind.
/// Retry:     idempotent requests are tried again after connection failures, 408, 429, 500, 502,
///            503 and 504: waiting as Retry-After says (a floor; at most
///            limits::kRetryAfterSeconds), else with exponential backoff and full jitter. Others
///            only if the server did nothing: it was not reached, or it says so by 429 or 503 with
///            Retry-After. A body of theirs is sent once, also where a connection that was kept
///            turns out to be closed. A try begins at `request.url` again, because the target of a
///            redirect may have expired. Once bytes went into `sink` there is no further try: the
///            caller goes on from where it stands.
/// Errors:    kUnavailable when tries are used up or a transfer broke off (what was passed on is
/// right),
///            kProtocol (TLS, redirect rules, header limits, malformed answers), kDenied (by the
///            proxy), kUsage (--ca-file or client certificate unusable), kMalformed (a request
///            header that holds a line break), kCancelled. What the body, `sink` and `accept` throw
///            comes out as it is; a request whose body threw is cut off, so that no server takes it
///            for whole.
/// Threads:   one at a time per client.
class Client {
 public:
  Client(Settings settings, Pause pause, std::stop_token stop);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Sends, and returns the answer, whatever status it has when no try is left to be made for it
  /// but those that Retry names for an idempotent request: they end in kUnavailable. The body of a
  /// 200 or 206 goes to `sink` if there is one (write() alone: the caller calls finish()). `accept`
  /// is asked, before the first byte goes to `sink`, whether the answer is what it wants; false
  /// keeps the body out of `sink`.
  Response send(const Request& request, io::ByteSink* sink = nullptr,
                const std::function<bool(const Response&)>& accept = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "503 Service Unavailable", the number alone for a status without a common name.
std::string status_text(int status);

/// How long to wait before try `attempt` (2 is the first repetition). Pure; `random` is in [0, 1).
std::chrono::milliseconds retry_delay(int attempt, std::optional<std::chrono::seconds> retry_after,
                                      double random);

/// Seconds of a Retry-After header (RFC 9110 section 10.2.3: a number or a date), bounded to
/// 0 .. limits::kRetryAfterSeconds; nothing if it is neither. `now`: seconds since 1970.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view value, std::int64_t now);

}  // namespace seabag::http
