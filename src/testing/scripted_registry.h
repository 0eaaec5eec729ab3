// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "digest/digest.h"
#include "http/client.h"

/// Inside `namespace seabag` write `::testing::` for GoogleTest's own namespace.
namespace seabag::testing {

/// A request as a server of ours received it.
struct RecordedRequest {
  std::string method;
  std::string target;          ///< path and query as sent
  std::string path;            ///< without the query, percent-decoded
  http::Headers headers = {};  ///< names in lower case
  std::string body = {};       ///< empty if the request broke off

  std::optional<std::string> header(std::string_view name) const;
  /// The first parameter of that name in the query, percent-decoded.
  std::optional<std::string> parameter(std::string_view name) const;
};

/// An answer, and how it is delivered.
struct Reply {
  int status = 0;  ///< 0: the registry's own answer, with what else stands here changed in it
  http::Headers headers = {};  ///< each replaces all of the registry's own of that name
  std::optional<std::string> body = {};
  std::chrono::milliseconds delay{0};  ///< before the first byte
  std::optional<std::uint64_t> cut_after =
      {};                      ///< the connection ends after so many bytes of the body
  bool drop = false;           ///< the connection ends without an answer
  bool reset = false;          ///< cut and drop by RST instead of FIN; a cut may then
                               ///< lose what lies in the kernel's buffers
  std::size_t drip_bytes = 0;  ///< not 0: so many bytes at a time,
  std::chrono::milliseconds drip_interval{1};  ///< with so long between
  bool ignore_range = false;                   ///< the registry's own answer is that to a whole GET
  bool endless = false;                        ///< `body` again and again, chunked
  /// With `drop` and bytes for an upload session: so many of them are kept, as if the connection
  /// had ended there.
  std::optional<std::size_t> keep_bytes = {};
};

/// Which requests a hook applies to.
struct Match {
  std::string method = {};    ///< empty: any
  std::string target = ".*";  ///< ECMAScript regular expression for all of path and query
  int first = 1;              ///< of the requests that match, from this one on (1: the first)
  int count = 1;              ///< so many; 0: for ever
};

/// Basic authentication.
struct BasicRules {
  std::string user;
  std::string password;
};

/// Docker's token authentication.
struct TokenRules {
  std::string realm = {};            ///< URL of the token server; empty: "/token" of this server
  std::string service = "scripted";  ///< also demanded of requests for a token
  std::string user = {};             ///< who gets tokens; empty: everybody, without credential
  std::string password = {};
  std::string identity_token = {};  ///< also accepted, by POST with grant_type=refresh_token
  bool anonymous_pull = false;      ///< tokens for pulling are given without credential too
  int uses = 0;                     ///< a token is refused after so many requests; 0: never
  std::string granted_scope = {};   ///< not empty: what every token allows, whatever was asked for
};

/// How the registry itself behaves.
struct RegistryRules {
  std::size_t page_size = 100;  ///< the most names on one page
  bool referrers_api = true;
  bool catalog = true;
  bool mounts = true;                 ///< else a mount answers 202 with an upload session
  bool absolute_locations = false;    ///< Location with scheme and host
  bool location_has_query = false;    ///< Location with "?_state=..." that must come back
  std::uint64_t chunk_min_bytes = 0;  ///< OCI-Chunk-Min-Length
  bool chunked_uploads = true;        ///< else PATCH answers 405
  bool checks_references = true;      ///< manifests whose blobs or children lack are refused
};

/// PEM files of a server that speaks TLS.
struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string client_ca = {};  ///< not empty: clients must show a certificate that this one issued
};

/// An OCI registry in memory on 127.0.0.1, on a port of its own, that can be scripted to misbehave.
/// Every server of this class also serves "/token" by the rules of require_token(), so a second one
/// can be the token server of the first: tokens carry what they allow and are good for any of them.
///
/// Source:  OCI distribution-spec v1.1.
/// Threads: all methods may be called concurrently, also while requests are served.
class ScriptedRegistry {
 public:
  explicit ScriptedRegistry(RegistryRules rules = {}, std::optional<TlsFiles> tls = {});
  ~ScriptedRegistry();
  ScriptedRegistry(const ScriptedRegistry&) = delete;
  ScriptedRegistry& operator=(const ScriptedRegistry&) = delete;

  std::string name() const;                        ///< "127.0.0.1:PORT"
  http::Url url(const std::string& target) const;  ///< "http://127.0.0.1:PORT" + target
  void set_rules(RegistryRules rules);

  // Content. Nothing is checked: a test may put in what no registry would take.
  digest::Digest add_blob(const std::string& repository, const std::string& bytes);
  /// `tag` empty: by digest alone.
  digest::Digest add_manifest(const std::string& repository, const std::string& tag,
                              const std::string& media_type, const std::string& bytes);
  /// Other bytes under the same digest, for blobs and manifests alike.
  void damage(const std::string& repository, const digest::Digest& digest,
              const std::string& bytes);
  void remove_tag(const std::string& repository, const std::string& tag);
  void remove(const std::string& repository, const digest::Digest& digest);

  std::vector<std::string> repositories() const;
  std::vector<std::string> tags(const std::string& repository) const;
  std::optional<std::string> find_blob(const std::string& repository,
                                       const digest::Digest& digest) const;
  struct Manifest {
    digest::Digest digest;
    std::string media_type;
    std::string bytes;
  };
  std::optional<Manifest> find_manifest(const std::string& repository,
                                        const std::string& tag_or_digest) const;

  // Authentication. The last call counts; none at first.
  void require_nothing();
  void require_basic(BasicRules rules);
  void require_token(TokenRules rules);

  // Misbehaviour. Hooks are asked in the order they were added, before authentication; the first
  // that matches decides. A hook may call the registry.
  void script(Match match, Reply reply);
  void script(Match match, std::function<Reply(const RecordedRequest&)> reply);
  void forget_scripts();

  /// All requests so far, in the order their headers arrived, those that broke off too.
  std::vector<RecordedRequest> requests() const;
  /// How many of them `match` (method and target alone) applies to.
  std::size_t count(const Match& match) const;
  /// The Authorization headers of all requests so far.
  std::vector<std::string> authorizations() const;
  void forget_requests();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "sha256:..." of `bytes`.
std::string digest_text(const std::string& bytes);

/// A minimal OCI image over a config and layers, all in `repository` afterwards, tagged unless
/// `tag` is empty. With a `subject` (the digest of a manifest there) it is a referrer of that.
digest::Digest add_image(ScriptedRegistry& registry, const std::string& repository,
                         const std::string& tag, const std::vector<std::string>& layers,
                         const std::string& subject = {});

}  // namespace seabag::testing
