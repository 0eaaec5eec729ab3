// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <span>
#include <utility>

#include <sys/socket.h>

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/ssl.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "http/connection_internal.h"
#include "http/curl_failure_internal.h"
#include "http/exchange_internal.h"
#include "http/local_address_internal.h"
#include "http/proxy.h"

namespace seabag::http {
namespace {

// An idle connection is closed before registries and their proxies do it from their side (60 s is
// common): a request that is not idempotent should not meet one that is just being closed.
constexpr int kIdleSeconds = 45;
constexpr int kLifetimeSeconds = 600;
constexpr int kPollMilliseconds = 1000;  // libcurl shortens it to its own next deadline

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  check(curl_easy_setopt(easy, option, value) == CURLE_OK, "libcurl takes the option");
}

void set_number(CURL* easy, CURLoption option, std::int64_t value) {
  set(easy, option,
      narrow<decltype(0L)>(value));  // libcurl reads a long from its variable arguments
}

// An exception must not unwind through libcurl's frames: the callbacks park it, stop the transfer,
// and exchange() rethrows it.
std::size_t on_header(char* data, std::size_t, std::size_t length, void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  try {
    exchange.take_header({data, length});
    return length;
  } catch (...) {
    exchange.failure = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
}

std::size_t on_body(char* data, std::size_t, std::size_t length, void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  try {
    return exchange.take_body(std::as_bytes(std::span(data, length))) ? length
                                                                      : CURL_WRITEFUNC_ERROR;
  } catch (...) {
    exchange.failure = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
}

std::size_t on_read(char* data, std::size_t, std::size_t length, void* self) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  try {
    return exchange.give_body(std::as_writable_bytes(std::span(data, length)));
  } catch (...) {
    exchange.failure = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

// libcurl sends a request again by itself when the connection that it had kept was closed before an
// answer came, and a request may have been seen by then.
int on_seek(void* self, curl_off_t offset, int origin) noexcept {
  auto& exchange = *static_cast<Exchange*>(self);
  if (origin != SEEK_SET || offset < 0 || !exchange.may_rewind_body()) return CURL_SEEKFUNC_FAIL;
  exchange.rewind_body(static_cast<std::uint64_t>(offset));
  return CURL_SEEKFUNC_OK;
}

// The server wants to see a client certificate; whether there is one is libcurl's affair.
int on_certificate_request(SSL* /*tls*/, void* was_asked) noexcept {
  *static_cast<bool*>(was_asked) = true;
  return 1;
}

CURLcode on_tls_context(CURL* /*easy*/, void* context, void* was_asked) noexcept {
  SSL_CTX_set_cert_cb(static_cast<SSL_CTX*>(context), &on_certificate_request, was_asked);
  return CURLE_OK;
}

struct FreeList {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

void append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  check(longer != nullptr, "memory for a header");
  static_cast<void>(list.release());  // it is part of `longer` now
  list.reset(longer);
}

void append(HeaderList& list, const Headers& headers) {
  for (const auto& [name, value] : headers) {
    // RFC 9110 section 5.5 forbids them; let through, foreign text could add headers of its own.
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw Error(Code::kMalformed,
                  fmt::format("value of the request header {} has a line break", name));
    }
    append(list, value.empty() ? name + ";"
                               : fmt::format("{}: {}", name, value));  // libcurl's way to say empty
  }
}

HeaderList header_list(const Request& request, bool with_credentials) {
  HeaderList list;
  append(list, request.headers);
  if (with_credentials) append(list, request.credentials);
  append(list,
         "Expect:");  // else libcurl waits a second for a "100 Continue" that few registries send
  return list;
}

// Opens the socket for a connection unless its address is one of this machine or its link, and
// notes in `was_refused` if it is. Other addresses of the same name are tried nevertheless.
curl_socket_t on_open_socket(void* was_refused, curlsocktype, curl_sockaddr* address) noexcept {
  if (is_local_ip(address->addr)) {
    *static_cast<bool*>(was_refused) = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

Error to_this_machine(const Url& url) {
  return {
      Code::kProtocol,
      fmt::format("{}: has an address of this machine or its link, where nothing from elsewhere "
                  "may send us",
                  url.shown())};
}

// Whether the server that answered is on this machine or its link.
bool was_local_peer(CURL* easy, const Url& url) {
  char* address = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
  return is_local_address(url.origin) || (address != nullptr && is_local_ip(address));
}

void set_reach(CURL* easy, const Settings& settings, const Url& url) {
  // No reading of .netrc, no cookies, no redirects by libcurl, no environment: the history of its
  // credential leaks is in these features.
  set_number(easy, CURLOPT_FOLLOWLOCATION, 0);
  set_number(easy, CURLOPT_UNRESTRICTED_AUTH, 0);
  set_number(easy, CURLOPT_NETRC, CURL_NETRC_IGNORED);
  set_number(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1);
  // "": none, whatever http_proxy says
  set(easy, CURLOPT_PROXY, proxy_for(settings, url).c_str());
  set(easy, CURLOPT_NOPROXY, settings.no_proxy.c_str());
  set_number(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
  set_number(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  set_number(easy, CURLOPT_SSL_VERIFYPEER, 1);
  set_number(easy, CURLOPT_SSL_VERIFYHOST, 2);
  if (!settings.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!settings.client_certificate.empty()) {
    set(easy, CURLOPT_SSLCERT, settings.client_certificate.c_str());
    const bool apart = !settings.client_key.empty();
    set(easy, CURLOPT_SSLKEY, (apart ? settings.client_key : settings.client_certificate).c_str());
  }
}

void set_bounds(CURL* easy, const Settings& settings) {
  set_number(easy, CURLOPT_NOSIGNAL,
             1);  // resolver timeouts without SIGALRM, which threads could not share
  set_number(easy, CURLOPT_CONNECTTIMEOUT, settings.connect_timeout.count());
  set_number(easy, CURLOPT_LOW_SPEED_LIMIT, limits::kStallBytesPerSecond);
  set_number(easy, CURLOPT_LOW_SPEED_TIME, settings.stall_timeout.count());
  set_number(easy, CURLOPT_MAXAGE_CONN, kIdleSeconds);
  set_number(easy, CURLOPT_MAXLIFETIME_CONN, kLifetimeSeconds);
  set_number(easy, CURLOPT_TCP_KEEPALIVE, 1);
  set_number(easy, CURLOPT_BUFFERSIZE, limits::kBufferBytes);
  set_number(easy, CURLOPT_UPLOAD_BUFFERSIZE, limits::kBufferBytes);
}

void set_request(CURL* easy, const Request& request, const Url& url, Exchange& exchange) {
  set(easy, CURLOPT_URL, url.text().c_str());
  set_number(easy, CURLOPT_PATH_AS_IS, 1);
  set(easy, CURLOPT_PROTOCOLS_STR, url.origin.scheme.c_str());
  const bool sends = request.method == Method::kPost || request.method == Method::kPut ||
                     request.method == Method::kPatch;
  check(sends || !request.body, "a body goes with POST, PUT and PATCH alone");
  // As an upload of 0 bytes where there is no body, so that Content-Length says so.
  if (sends) {
    set_number(easy, CURLOPT_UPLOAD, 1);
    set(easy, CURLOPT_INFILESIZE_LARGE,
        static_cast<curl_off_t>(request.body ? request.body->length : 0));
  }
  if (request.method == Method::kHead) set_number(easy, CURLOPT_NOBODY, 1);
  if (sends || request.method == Method::kDelete) {
    set(easy, CURLOPT_CUSTOMREQUEST, std::string(name_of(request.method)).c_str());
  }
  set(easy, CURLOPT_HEADERFUNCTION, &on_header);
  set(easy, CURLOPT_HEADERDATA, &exchange);
  set(easy, CURLOPT_WRITEFUNCTION, &on_body);
  set(easy, CURLOPT_WRITEDATA, &exchange);
  set(easy, CURLOPT_READFUNCTION, &on_read);
  set(easy, CURLOPT_READDATA, &exchange);
  set(easy, CURLOPT_SEEKFUNCTION, &on_seek);
  set(easy, CURLOPT_SEEKDATA, &exchange);
}

// Keeps the easy handle in the multi handle for one transfer.
class Running {
 public:
  Running(CURLM* multi, CURL* easy) : multi_(multi), easy_(easy) {
    check(curl_multi_add_handle(multi_, easy_) == CURLM_OK, "libcurl takes the transfer");
  }
  ~Running() {
    curl_multi_remove_handle(multi_, easy_);
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, nullptr);  // it lies on the stack of exchange()
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  CURLM* multi_;
  CURL* easy_;
};

CURLcode result_of(CURLM* multi) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  throw Error(Code::kInternal, "bug: libcurl ended a transfer without a result");
}

// Runs the one transfer to its end. Errors: kCancelled, within moments of the stop.
CURLcode perform(CURLM* multi, CURL* easy, const std::stop_token& stop) {
  // Wakes a poll that sleeps in another thread; what libcurl allows from any thread is this call
  // alone.
  const std::stop_callback wake(stop, [multi]() noexcept { curl_multi_wakeup(multi); });
  const Running running(multi, easy);
  for (int left = 1; left > 0;) {
    if (stop.stop_requested()) {
      // Removing the handle would wait for a name server otherwise.
      set_number(easy, CURLOPT_QUICK_EXIT, 1);
      throw Error(Code::kCancelled, "stopped");
    }
    check(curl_multi_perform(multi, &left) == CURLM_OK, "libcurl runs");
    if (left > 0) {
      check(curl_multi_poll(multi, nullptr, 0, kPollMilliseconds, nullptr) == CURLM_OK,
            "libcurl waits");
    }
  }
  return result_of(multi);
}

}  // namespace

std::string_view name_of(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
  }
  return "?";
}

const std::string& proxy_for(const Settings& settings, const Url& url) {
  return url.origin.scheme == "https" ? settings.https_proxy : settings.http_proxy;
}

void Connection::FreeEasy::operator()(void* easy) const noexcept {
  curl_easy_cleanup(easy);
}
void Connection::FreeMulti::operator()(void* multi) const noexcept {
  curl_multi_cleanup(multi);
}

Connection::Connection(const Settings& settings, std::stop_token stop)
    : settings_(settings), stop_(std::move(stop)) {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  check(kStarted == CURLE_OK, "libcurl starts");
  multi_.reset(curl_multi_init());
  check(multi_ != nullptr, "memory for libcurl's handles");
  renew_easy();
  for (const std::string& proxy : {settings_.https_proxy, settings_.http_proxy}) {
    if (!proxy.empty()) static_cast<void>(proxy_address(proxy));
  }
}

void Connection::renew_easy() {
  easy_.reset(curl_easy_init());
  check(easy_ != nullptr, "memory for libcurl's handles");
}

Outcome Connection::exchange(const Request& request, const Hop& hop, io::ByteSink* sink,
                             const Accept& accept) {
  CURL* easy = easy_.get();
  const Url& url = hop.url;
  Exchange exchange(request, url, sink, accept);
  const HeaderList headers = header_list(request, hop.with_credentials);
  std::array<char, CURL_ERROR_SIZE> reason = {};
  curl_easy_reset(easy);  // keeps connections and TLS sessions
  set(easy, CURLOPT_USERAGENT, settings_.user_agent.c_str());
  set(easy, CURLOPT_ERRORBUFFER, reason.data());
  set(easy, CURLOPT_HTTPHEADER, headers.get());
  set_reach(easy, settings_, url);
  set_bounds(easy, settings_);
  set_request(easy, request, url, exchange);
  was_asked_for_certificate_ = false;
  set(easy, CURLOPT_SSL_CTX_FUNCTION, &on_tls_context);
  set(easy, CURLOPT_SSL_CTX_DATA, &was_asked_for_certificate_);
  bool was_refused = false;
  // With a proxy, the address would be the proxy's.
  if (hop.avoids_this_machine && proxy_for(settings_, url).empty()) {
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &on_open_socket);
    set(easy, CURLOPT_OPENSOCKETDATA, &was_refused);
  }
  const CURLcode result = perform(multi_.get(), easy, stop_);
  if (exchange.failure) std::rethrow_exception(exchange.failure);

  if (result == CURLE_COULDNT_CONNECT && was_refused) throw to_this_machine(url);
  Outcome outcome{.response = exchange.take_response(),
                  .passed_on = exchange.passed_on(),
                  .was_local = was_local_peer(easy, url)};
  if (exchange.has_whole_head()) was_answered_ = true;
  if (result != CURLE_OK && !exchange.has_enough()) {
    if (was_asked_for_certificate_ && !was_answered_) {
      refuse_unaccepted_certificate(result, url, settings_);
    }
    outcome.breakage = breakage_of(easy, result, reason.data(), url, settings_);
    // After a name that did not resolve the old one keeps its buffer, and takes no size for it any
    // more (libcurl 7.88). Connections are the multi handle's.
    renew_easy();
  } else if (!exchange.has_whole_head()) {
    outcome.breakage = {.reason = "connection closed in the middle of the headers"};
  }
  refuse_mixed_up_scheme(outcome.response);
  return outcome;
}

}  // namespace seabag::http
