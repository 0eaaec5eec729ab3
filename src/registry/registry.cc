// SPDX-License-Identifier: Apache-2.0
#include "registry/registry.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/text.h"
#include "oci/media_types.h"
#include "registry/answer_internal.h"
#include "registry/authority_internal.h"
#include "registry/client_pool_internal.h"
#include "registry/link.h"
#include "registry/warning.h"

namespace seabag::registry {
namespace {

http::Origin origin_of(const Access& access) {
  const bool hub = access.registry == "docker.io" || access.registry == "index.docker.io";
  const std::string host = hub ? "registry-1.docker.io" : access.registry;
  return http::parse_url(fmt::format("{}://{}/", access.plain_http ? "http" : "https", host))
      .origin;
}

http::Headers authorization(const std::string& value) {
  if (value.empty()) return {};
  return {{"Authorization", value}};
}

std::optional<std::string> next_page(const http::Response& response) {
  for (const auto& [name, value] : response.headers) {
    if (name != "link") continue;
    if (auto target = next_link(value)) return target;
  }
  return std::nullopt;
}

bool is_manifest_type(std::string_view type) {
  namespace media_type = oci::media_type;
  return media_type::is_index(type) || media_type::is_image_manifest(type) ||
         media_type::is_schema1(type);
}

Error unexpected_type(std::string_view expected, const http::Response& response,
                      std::string_view why) {
  return {Code::kProtocol,
          fmt::format("expected {}, got content type {}{}{}", expected,
                      seabag::quoted(content_type_of(response)), why.empty() ? "" : ": ", why)};
}

// Where a redirect leads, without what may be a signature or a password.
std::string quoted_target(const std::string& location) {
  try {
    return seabag::quoted(http::parse_url(location).shown());
  } catch (const Error&) {
    return "to what is no URL";
  }
}

json::Value page_of(const http::Response& response) {
  try {
    return json::parse(io::text_of(response.body), "answer");
  } catch (const Error& error) {
    throw unexpected_type("a JSON document", response, error.what());
  }
}

/// The manifest in a 200. A body that says nothing of its type is verified before it is looked
/// into.
oci::RawManifest manifest_of(http::Response& response,
                             const std::optional<digest::Digest>& expected) {
  const std::string type = content_type_of(response);
  if (is_manifest_type(type)) return oci::verified(std::move(response.body), type, expected);
  // A captive portal or a login page: to hear that helps more than two digests do.
  if (type == "text/html") throw unexpected_type("a manifest", response, "");
  const oci::RawManifest raw = oci::verified(std::move(response.body), type, expected);
  try {
    return oci::verified(raw.bytes(), oci::media_type_of(raw.bytes()), raw.digest());
  } catch (const Error& error) {
    throw unexpected_type("a manifest", response, error.what());
  }
}

}  // namespace

struct Registry::State {
  explicit State(Access given)
      : access(std::move(given)),
        origin(origin_of(access)),
        clients(access.http, access.pause, access.stop),
        authority(access, origin, [this](http::Request request) {
          request.stays_at_origin = access.own_origin_only;
          return clients.send(request, nullptr, {});
        }) {}

  const Access access;
  const http::Origin origin;
  ClientPool clients;
  Authority authority;
  std::mutex mutex;
  std::set<std::string> warnings;  // guarded by mutex: those that were passed on
};

Registry::Registry(Access access) : state_(std::make_unique<State>(std::move(access))) {}

Registry::~Registry() = default;

const std::string& Registry::name() const {
  return state_->access.registry;
}

http::Url Registry::url(const std::string& path_and_query) const {
  return http::parse_url(state_->origin.text() + path_and_query);
}

http::Response Registry::send(http::Request request, const Scope& scope, io::ByteSink* sink,
                              const std::function<bool(const http::Response&)>& accept) {
  State& state = *state_;
  const bool ours = request.url.origin == state.origin;
  if (request.max_body_bytes == 0) request.max_body_bytes = limits::kErrorBodyBytes;
  request.stays_at_origin = request.stays_at_origin || state.access.own_origin_only;
  const std::string first = ours ? state.authority.header_for(scope) : "";
  request.credentials = authorization(first);
  http::Response response = state.clients.send(request, sink, accept);
  if (response.status == 401 && ours && response.url.origin == state.origin) {
    state.authority.learn(response, scope, first);
    const std::string second = state.authority.header_for(scope);
    if (second != first) {
      request.credentials = authorization(second);
      response = state.clients.send(request, sink, accept);
    }
  }
  note_warnings(response);
  if (response.status == 401) throw refusal(response);
  return response;
}

void Registry::note_warnings(const http::Response& response) {
  State& state = *state_;
  if (!state.access.warn || response.url.origin != state.origin) return;
  for (const auto& [header, value] : response.headers) {
    const auto warning = header == "warning" ? find_warning(value) : std::nullopt;
    if (!warning) continue;
    const std::string text = printable(*warning);
    {
      const std::lock_guard lock(state.mutex);
      if (state.warnings.size() == limits::kRegistryWarnings) return;
      if (!state.warnings.insert(text).second) continue;
    }
    state.access.warn(fmt::format("{} says: {}", printable(name()), text));
  }
}

Error Registry::failure(const http::Response& response, const std::string& doing) const {
  return refusal(response).add_context(doing);
}

Error Registry::refusal(const http::Response& response) const {
  const bool ours = response.url.origin == state_->origin;
  const std::string who = ours ? name() : response.url.origin.text();
  const auto location = response.header("location");
  const bool redirects = response.status >= 300 && response.status < 400 && location;
  Error error(code_of(response.status),
              fmt::format("{} answered {}{}", printable(who), answer_text(response),
                          redirects ? ", which is not followed: " + quoted_target(*location) : ""));
  // Elsewhere, where a redirect led to, no login of ours counts.
  if (ours && error.code() == Code::kDenied) error.add_next_step(kLoginStep);
  return error;
}

bool Registry::for_each_page(const std::string& path_and_query, const Scope& scope,
                             const std::string& doing,
                             const std::function<void(const json::Value& page)>& visit) try {
  // Hashes, because a hostile registry's links may each be as long as its headers.
  std::unordered_set<std::size_t> seen;
  http::Url next = url(path_and_query);
  for (int page = 0; page < limits::kListPages; ++page) {
    if (!seen.insert(std::hash<std::string>()(next.path_and_query)).second) {
      throw Error(Code::kProtocol,
                  fmt::format("{} links to a page that was read already", printable(name())));
    }
    const http::Response response =
        send({.url = next, .max_body_bytes = limits::kListPageBytes}, scope);
    if (response.status == 404 && page == 0) return false;
    if (response.status != 200) throw refusal(response);
    visit(page_of(response));
    const auto target = next_page(response);
    if (!target) return true;
    next = http::resolve(response.url, *target);
    if (next.origin != state_->origin) {
      throw Error(Code::kProtocol, fmt::format("{} links to a page at {}", printable(name()),
                                               printable(next.origin.text())));
    }
  }
  throw Error(Code::kProtocol, fmt::format("{} has more pages than the limit of {}",
                                           printable(name()), limits::kListPages));
} catch (Error& error) {
  error.add_context(doing);
  throw;
}

std::optional<oci::RawManifest> Registry::find_manifest(const std::string& repository,
                                                        const std::string& tag_or_digest,
                                                        const Scope& scope) try {
  std::optional<digest::Digest> expected;
  if (tag_or_digest.find(':') != std::string::npos) expected = digest::parse_digest(tag_or_digest);
  http::Request request = {.url =
                               url(fmt::format("/v2/{}/manifests/{}", repository, tag_or_digest))};
  request.headers = {{"Accept", std::string(oci::media_type::accept_header())}};
  request.max_body_bytes = limits::kManifestBytes;
  http::Response response = send(std::move(request), scope);
  if (response.status == 404) return std::nullopt;
  if (response.status != 200) throw refusal(response);
  return manifest_of(response, expected);
} catch (Error& error) {
  const char separator = tag_or_digest.find(':') == std::string::npos ? ':' : '@';
  error.add_context(
      fmt::format("manifest {}{}{}", printable(repository), separator, printable(tag_or_digest)));
  throw;
}

bool Registry::answers() {
  try {
    const int status =
        state_->clients
            .send({.url = url("/v2/"), .stays_at_origin = state_->access.own_origin_only}, nullptr,
                  {})
            .status;
    return status == 200 || status == 401 || status == 403;
  } catch (const Error& error) {
    const Code code = error.code();
    if (code != Code::kUnavailable && code != Code::kProtocol && code != Code::kDenied) throw;
    return false;
  }
}

}  // namespace seabag::registry
