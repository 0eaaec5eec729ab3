// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <system_error>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "http/curl_failure_internal.h"
#include "http/proxy.h"

namespace seabag::http {
namespace {

constexpr std::array kTransient = {CURLE_COULDNT_RESOLVE_PROXY,
                                   CURLE_COULDNT_RESOLVE_HOST,
                                   CURLE_COULDNT_CONNECT,
                                   CURLE_PARTIAL_FILE,
                                   CURLE_OPERATION_TIMEDOUT,
                                   CURLE_GOT_NOTHING,
                                   CURLE_SEND_ERROR,
                                   CURLE_RECV_ERROR,
                                   CURLE_SEND_FAIL_REWIND,
                                   CURLE_HTTP2,
                                   CURLE_HTTP2_STREAM,
                                   CURLE_PROXY};

constexpr std::array kNeverConnected = {CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST,
                                        CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR,
                                        CURLE_PROXY};

constexpr std::array kBrokenOff = {CURLE_SEND_ERROR, CURLE_RECV_ERROR,   CURLE_GOT_NOTHING,
                                   CURLE_HTTP2,      CURLE_HTTP2_STREAM, CURLE_SSL_CONNECT_ERROR};

constexpr std::array kLocalTlsFile = {CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM};

// In lower case at the front, without the stop at the end, harmless.
std::string as_reason(std::string text) {
  while (text.ends_with('.') || text.ends_with('\n')) text.pop_back();
  // "Failed", but not "TLS" or "OpenSSL".
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z' &&
      !text.starts_with("OpenSSL")) {
    text[0] = to_lower(text.substr(0, 1))[0];
  }
  return printable(text);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Whether libcurl's reason is about a proxy that could not be connected to.
bool is_about_proxy(CURLcode result, std::string_view reason, const std::string& proxy) {
  if (result != CURLE_COULDNT_CONNECT || proxy.empty()) return false;
  std::string place = proxy_address(proxy);
  place.replace(place.rfind(':'), 1, " port ");
  return contains(reason, fmt::format(" to {} ", place));
}

std::string reason_of(CURL* easy, CURLcode result, const char* reason, const std::string& proxy) {
  auto error_number = 0L;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error_number);
  const bool system_knows =
      result == CURLE_COULDNT_CONNECT || result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR;
  if (system_knows && error_number != 0) {
    const std::string text = std::generic_category().message(static_cast<int>(error_number));
    return is_about_proxy(result, reason, proxy)
               ? fmt::format("proxy {}: {}", proxy_address(proxy), as_reason(text))
               : as_reason(text);
  }
  return as_reason(*reason != '\0' ? reason : curl_easy_strerror(result));
}

// A handshake that the network broke may succeed next time; one that the peers broke off will not.
bool is_broken_handshake(CURLcode result, std::string_view reason) {
  return result == CURLE_SSL_CONNECT_ERROR &&
         (contains(reason, "SSL_ERROR_SYSCALL") || contains(reason, "reset") ||
          contains(reason, "timed out"));
}

Error tls_error(CURLcode result, const Url& url, const std::string& reason) {
  Error error(Code::kProtocol, fmt::format("{}: TLS: {}", url.shown(), reason));
  if (contains(reason, "target host name")) {
    return error.add_next_step(
        fmt::format("the certificate is for another host: use the name that it was made for, or "
                    "have one made for {}",
                    printable(url.origin.host)));
  }
  if (contains(reason, "expired") || contains(reason, "not yet valid")) {
    return error.add_next_step(
        "look at this machine's clock; if it is right, the server needs a new certificate");
  }
  if (result == CURLE_PEER_FAILED_VERIFICATION) {
    return error.add_next_step(
        "if you trust who issued this certificate, name the issuer's with --ca-file");
  }
  if (contains(reason, "wrong version number") || contains(reason, "packet length too long")) {
    return error.add_next_step(
        fmt::format("the server seems to speak plain HTTP: --plain-http {}, if nobody on the way "
                    "is to be feared",
                    printable(url.origin.text().substr(url.origin.scheme.size() + 3))));
  }
  return error;
}

std::string tls_hint(const Url& url) {
  return fmt::format("if the server speaks TLS, leave out --plain-http {}",
                     printable(url.origin.text().substr(url.origin.scheme.size() + 3)));
}

bool is_tls_failure(CURLcode result) {
  static constexpr std::array kTls = {
      CURLE_SSL_CONNECT_ERROR,       CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CIPHER,
      CURLE_SSL_ISSUER_ERROR,        CURLE_SSL_INVALIDCERTSTATUS,    CURLE_SSL_CLIENTCERT,
      CURLE_SSL_PINNEDPUBKEYNOTMATCH};
  return std::ranges::find(kTls, result) != kTls.end();
}

Error proxy_wants_login(const Url& url) {
  return Error(Code::kDenied, fmt::format("{}: the proxy demands a login", url.shown()))
      .add_next_step(
          "pass --proxy-user NAME --proxy-password-file FILE; seabag-export also takes "
          "http://USER:PASSWORD@HOST:PORT from https_proxy, for plain HTTP from http_proxy");
}

}  // namespace

Breakage breakage_of(void* easy, int result_number, const char* raw_reason, const Url& url,
                     const Settings& settings) {
  const auto result = static_cast<CURLcode>(result_number);
  const std::string reason = reason_of(easy, result, raw_reason, proxy_for(settings, url));
  auto proxy_status = 0L;
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  if (proxy_status == 407) throw proxy_wants_login(url);
  if (std::ranges::find(kLocalTlsFile, result) != kLocalTlsFile.end()) {
    throw Error(Code::kUsage,
                fmt::format("{} cannot be used: {}",
                            result == CURLE_SSL_CACERT_BADFILE
                                ? "CA file " + quoted(settings.ca_file)
                                : "client certificate " + quoted(settings.client_certificate),
                            reason));
  }
  const bool may_pass = std::ranges::find(kTransient, result) != kTransient.end();
  if (may_pass || is_broken_handshake(result, reason)) {
    const bool never = std::ranges::find(kNeverConnected, result) != kNeverConnected.end();
    return {.reason = reason, .was_reached = !never};
  }
  if (is_tls_failure(result)) throw tls_error(result, url, reason);
  Error error(Code::kProtocol, fmt::format("{}: {}", url.shown(), reason));
  // A TLS alert in place of an HTTP answer looks like HTTP/0.9 to libcurl.
  const bool is_no_http =
      result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_WEIRD_SERVER_REPLY;
  if (is_no_http && url.origin.scheme == "http") error.add_next_step(tls_hint(url));
  throw Error(error);
}

void refuse_unaccepted_certificate(int result, const Url& url, const Settings& settings) {
  if (std::ranges::find(kBrokenOff, static_cast<CURLcode>(result)) == kBrokenOff.end()) return;
  const bool has_one = !settings.client_certificate.empty();
  throw Error(Code::kProtocol,
              has_one ? fmt::format("{}: TLS: the server does not take the client certificate {}",
                                    url.shown(), quoted(settings.client_certificate))
                      : url.shown() + ": TLS: the server demands a client certificate")
      .add_next_step(has_one
                         ? "look whether the server knows who issued it"
                         : "pass one with --client-cert FILE and its key with --client-key FILE");
}

void refuse_mixed_up_scheme(const Response& response) {
  if (response.status == 407) throw proxy_wants_login(response.url);
  if (response.status != 400 || response.url.origin.scheme != "http") return;
  // Go's and nginx's words: what most registries are made of. A HEAD does not get to see them, but
  // Go's server sends no header with them, and one with every other answer.
  const std::string_view text = io::text_of(response.body);
  const bool says_so = contains(text, "HTTPS server") || contains(text, "HTTPS port");
  if (!says_so && !response.headers.empty()) return;
  throw Error(Code::kProtocol, fmt::format("{}: the server {} TLS", response.url.shown(),
                                           says_so ? "speaks" : "seems to speak"))
      .add_next_step(tls_hint(response.url));
}

}  // namespace seabag::http
