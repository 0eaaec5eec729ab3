// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "http/client.h"
#include "json/json.h"
#include "oci/manifest.h"
#include "registry/credentials.h"

namespace seabag::registry {

/// How to reach one registry, and as whom.
struct Access {
  std::string registry;  ///< "HOST[:PORT]" as the user wrote it
  bool plain_http = false;
  http::Settings http;
  /// Asked on the first challenge in a repository, and seldom again; "" is the registry itself.
  /// Calls do not overlap.
  std::function<std::optional<Credential>(const std::string& repository)> credential;
  /// Token servers that the user trusts with the credential, "HOST[:PORT]" each (--auth-realm).
  std::vector<std::string> auth_realms = {};
  /// Nothing is sent to any other origin, but for those token servers.
  bool own_origin_only = false;
  /// Told each text that the registry has for users (its Warning headers) once, made harmless.
  std::function<void(const std::string& text)> warn = {};
  http::Pause pause;
  std::stop_token stop;
};

/// What a token must allow.
struct Scope {
  std::string repository;  ///< empty: the registry's catalog
  bool push = false;
  std::string mount_from;  ///< a second repository to read from; empty: none
};

/// An OCI distribution registry: sends requests with the right authority and says what went wrong.
/// The requests themselves are in source/ (pull) and target/ (push).
///
/// Login:   none until challenged; Basic and Bearer. Tokens allow what a Scope says, are kept until
///          they expire, and are asked for anew once per 401, so that one which ends in the middle
///          of an upload session is renewed and the same request sent again.
/// Tokens:  a token server is asked, with or without credential, if its origin is the registry's,
///          or https on the same registrable domain (auth.docker.io for registry-1.docker.io, but
///          see Access::own_origin_only), or the user named it. Never over http where the registry
///          has https.
/// Elsewhere: redirects of a GET or HEAD are followed unless Access::own_origin_only is set; then
///          they are answers like any other.
/// Errors:  kDenied (401, 403), kRefused (404, 405, 413, other 4xx, 507), kUnavailable (429 and
///          other 5xx after all tries), kProtocol (a token server that may not be asked, any other
///          status). The text has the registry's own error codes and messages, made harmless.
/// Threads: send() may be called concurrently: each call borrows a connection from a pool.
class Registry {
 public:
  explicit Registry(Access access);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  const std::string& name() const;  ///< "HOST[:PORT]"
  /// "/v2/library/busybox/manifests/1.35" on this registry; docker.io's is registry-1.docker.io.
  http::Url url(const std::string& path_and_query) const;

  /// Sends with the authority that `scope` needs. `request.credentials` is filled here and only for
  /// this registry's own origin; so is `max_body_bytes`, where it is 0. Returns answers of any
  /// status but 401.
  http::Response send(http::Request request, const Scope& scope, io::ByteSink* sink = nullptr,
                      const std::function<bool(const http::Response&)>& accept = {});

  /// An Error for an answer that is no success; `doing` says what was tried: "reading the tags".
  Error failure(const http::Response& response, const std::string& doing) const;

  /// Follows the pages of a listing and hands over the parsed documents. A 404 for the first page
  /// gives false.
  /// Errors: also kProtocol for a page that is no JSON, for more than limits::kListPageBytes or
  ///         limits::kListPages, and for a link that leaves the origin or comes round to a page
  ///         that was read.
  bool for_each_page(const std::string& path_and_query, const Scope& scope,
                     const std::string& doing,
                     const std::function<void(const json::Value& page)>& visit);

  /// GET of a manifest by tag or digest; nothing on 404. Verified against the digest when asked by
  /// digest. The media type is the Content-Type if it is one of manifests, else what the document
  /// says.
  /// Errors: also kIntegrity for other bytes; kProtocol for a body that is no manifest (a login
  ///         page) or is larger than limits::kManifestBytes.
  std::optional<oci::RawManifest> find_manifest(const std::string& repository,
                                                const std::string& tag_or_digest,
                                                const Scope& scope);

  /// Whether the registry answers at all: GET /v2/ gives 200, 401 or 403. Never throws on failures
  /// of the remote.
  bool answers();

 private:
  struct State;

  /// failure() without what was tried.
  Error refusal(const http::Response& response) const;
  /// Passes on what the registry has to say to users.
  void note_warnings(const http::Response& response);

  std::unique_ptr<State> state_;
};

}  // namespace seabag::registry
