// SPDX-License-Identifier: Apache-2.0
#include "testing/scripted_registry.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <regex>
#include <stop_token>
#include <thread>

#include <fmt/format.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "digest/hasher.h"
#include "testing/gatekeeper_internal.h"
#include "testing/query_internal.h"
#include "testing/registry_content_internal.h"
#include "testing/sockets_internal.h"

namespace seabag::testing {
namespace {

constexpr std::size_t kThreads = 32;  // one for each connection that is open

struct Hook {
  Match match;
  std::regex target;
  std::function<Reply(const RecordedRequest&)> reply;
  int seen = 0;
};

bool applies(const Match& match, const std::regex& target, const RecordedRequest& request) {
  return (match.method.empty() || match.method == request.method) &&
         std::regex_match(request.target, target);
}

RecordedRequest recorded(const httplib::Request& request) {
  RecordedRequest record{.method = request.method, .target = request.target, .path = request.path};
  for (const auto& [name, value] : request.headers) {
    // cpp-httplib adds these itself.
    if (name != "REMOTE_ADDR" && name != "REMOTE_PORT" && name != "LOCAL_ADDR" &&
        name != "LOCAL_PORT") {
      record.headers.emplace_back(to_lower(name), value);
    }
  }
  return record;
}

// What the hook says over what the registry says.
Reply merged(Reply own, Reply hook) {
  if (hook.body) own.body = std::move(hook.body);
  for (const auto& [name, value] : hook.headers) {
    std::erase_if(own.headers, [&](const auto& header) { return header.first == to_lower(name); });
  }
  for (const auto& [name, value] : hook.headers) own.headers.emplace_back(to_lower(name), value);
  hook.status = own.status;
  hook.headers = std::move(own.headers);
  hook.body = std::move(own.body);
  return hook;
}

}  // namespace

struct ScriptedRegistry::State {
  State(RegistryRules rules, const std::optional<TlsFiles>& tls);
  ~State();

  void record(const httplib::Request& request);
  RecordedRequest take_body(const httplib::Request& request);
  std::function<Reply(const RecordedRequest&)> find_hook(const RecordedRequest& request);
  Reply reply_to(RecordedRequest request);
  void handle(const httplib::Request& request, httplib::Response& response);
  void deliver(Reply reply, const httplib::Request& request, httplib::Response& response);
  httplib::ContentProvider provider(const Reply& reply, int remote_port);
  void wait(std::chrono::milliseconds time) { http::real_pause()(time, stopping.get_token()); }
  std::string base() const { return fmt::format("{}://127.0.0.1:{}", scheme, port); }

  std::string scheme;
  std::uint16_t port = 0;
  std::unique_ptr<httplib::Server> server;
  std::stop_source stopping;
  std::thread listener;

  std::mutex mutex;  // guards what follows
  RegistryContent content;
  Gatekeeper gatekeeper;
  std::vector<Hook> hooks;
  std::vector<RecordedRequest> requests;
  std::vector<int> remote_ports;  // parallel to requests
};

ScriptedRegistry::State::State(RegistryRules rules, const std::optional<TlsFiles>& tls)
    : scheme(tls ? "https" : "http") {
  content.rules = rules;
  if (tls) {
    const char* client_ca = tls->client_ca.empty() ? nullptr : tls->client_ca.c_str();
    server =
        std::make_unique<httplib::SSLServer>(tls->certificate.c_str(), tls->key.c_str(), client_ca);
  } else {
    server = std::make_unique<httplib::Server>();
  }
  check(server->is_valid(), "the server's certificate and key can be used");
  server->new_task_queue = [] {
    return new httplib::ThreadPool(kThreads);
  };  // cpp-httplib takes it over
  server->set_keep_alive_max_count(1'000'000);
  server->set_tcp_nodelay(true);
  server->set_pre_routing_handler([this](const httplib::Request& request, httplib::Response&) {
    record(request);
    // The object is not const; cpp-httplib would cut what we answer to this range by itself.
    const_cast<httplib::Request&>(request).ranges.clear();
    return httplib::Server::HandlerResponse::Unhandled;
  });
  const httplib::Server::Handler handler = [this](const auto& request, auto& response) {
    handle(request, response);
  };
  const std::string everything = "[^]*";
  server->Get(everything, handler)
      .Post(everything, handler)
      .Put(everything, handler)
      .Patch(everything, handler);
  server->Delete(everything, handler);
  port = static_cast<std::uint16_t>(server->bind_to_any_port("127.0.0.1"));
  listener = std::thread([this] { server->listen_after_bind(); });
  while (!server->is_running()) std::this_thread::yield();
}

ScriptedRegistry::State::~State() {
  stopping.request_stop();
  server->stop();
  // Else idle connections would hold their threads until the keep-alive timeout.
  end_connections(port, 0, Ending::kFin);
  listener.join();
}

void ScriptedRegistry::State::record(const httplib::Request& request) {
  const std::lock_guard lock(mutex);
  requests.push_back(recorded(request));
  remote_ports.push_back(request.remote_port);
}

RecordedRequest ScriptedRegistry::State::take_body(const httplib::Request& request) {
  const std::lock_guard lock(mutex);
  const auto last = std::find(remote_ports.rbegin(), remote_ports.rend(), request.remote_port);
  if (last == remote_ports.rend()) {  // forgotten meanwhile
    RecordedRequest record = recorded(request);
    record.body = request.body;
    return record;
  }
  RecordedRequest& record = requests[static_cast<std::size_t>(remote_ports.rend() - last) - 1];
  record.body = request.body;
  return record;
}

std::function<Reply(const RecordedRequest&)> ScriptedRegistry::State::find_hook(
    const RecordedRequest& request) {
  const std::lock_guard lock(mutex);
  for (Hook& hook : hooks) {
    if (!applies(hook.match, hook.target, request)) continue;
    const int occurrence = ++hook.seen;
    const bool is_over = hook.match.count > 0 && occurrence >= hook.match.first + hook.match.count;
    if (occurrence < hook.match.first || is_over) continue;
    return hook.reply;
  }
  return {};
}

Reply ScriptedRegistry::State::reply_to(RecordedRequest request) {
  Reply reply;
  // Called without the lock, because it may ask for what the registry has.
  if (const auto hook = find_hook(request)) reply = hook(request);
  const std::lock_guard lock(mutex);
  if (reply.keep_bytes) content.keep_part(request, *reply.keep_bytes);
  if (reply.status != 0 || reply.drop) return reply;
  if (reply.ignore_range)
    std::erase_if(request.headers, [](const auto& header) { return header.first == "range"; });
  if (request.path == "/token") return merged(gatekeeper.token(request), std::move(reply));
  if (auto refusal = gatekeeper.refusal(request, base()))
    return merged(std::move(*refusal), std::move(reply));
  return merged(content.answer(request, base()), std::move(reply));
}

void ScriptedRegistry::State::handle(const httplib::Request& request, httplib::Response& response) {
  Reply reply = reply_to(take_body(request));
  wait(reply.delay);
  deliver(std::move(reply), request, response);
}

httplib::ContentProvider ScriptedRegistry::State::provider(const Reply& reply, int remote_port) {
  return
      [this, reply, remote_port](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
        if (reply.cut_after && offset >= *reply.cut_after) {
          if (reply.reset)
            end_connections(port, static_cast<std::uint16_t>(remote_port), Ending::kReset);
          return false;
        }
        std::size_t count =
            reply.cut_after ? std::min<std::size_t>(length, *reply.cut_after - offset) : length;
        if (reply.drip_bytes > 0) {
          count = std::min(count, reply.drip_bytes);
          wait(reply.drip_interval);
        }
        return !stopping.stop_requested() && sink.write(reply.body->data() + offset, count);
      };
}

void ScriptedRegistry::State::deliver(Reply reply, const httplib::Request& request,
                                      httplib::Response& response) {
  if (reply.drop) {
    end_connections(port, static_cast<std::uint16_t>(request.remote_port),
                    reply.reset ? Ending::kReset : Ending::kFin);
    return;
  }
  response.status = reply.status;
  std::string content_type = "application/octet-stream";
  for (const auto& [name, value] : reply.headers) {
    if (name == "content-type") content_type = value;
    response.set_header(name, value);
  }
  std::string body = reply.body.value_or("");
  if (reply.endless) {
    response.headers.erase("content-type");
    response.set_chunked_content_provider(
        content_type, [this, body](std::size_t, httplib::DataSink& sink) {
          return !stopping.stop_requested() && sink.write(body.data(), body.size());
        });
  } else if ((reply.cut_after || reply.drip_bytes > 0) && !body.empty()) {
    response.headers.erase("content-type");
    response.set_content_provider(body.size(), content_type, provider(reply, request.remote_port));
  } else {
    response.body = std::move(body);
  }
}

ScriptedRegistry::ScriptedRegistry(RegistryRules rules, std::optional<TlsFiles> tls)
    : state_(std::make_unique<State>(rules, tls)) {}

ScriptedRegistry::~ScriptedRegistry() = default;

std::string ScriptedRegistry::name() const {
  return fmt::format("127.0.0.1:{}", state_->port);
}

http::Url ScriptedRegistry::url(const std::string& target) const {
  return http::parse_url(state_->base() + target);
}

void ScriptedRegistry::set_rules(RegistryRules rules) {
  const std::lock_guard lock(state_->mutex);
  state_->content.rules = rules;
}

digest::Digest ScriptedRegistry::add_blob(const std::string& repository, const std::string& bytes) {
  const auto digest = digest::digest_of(io::bytes_of(bytes));
  const std::lock_guard lock(state_->mutex);
  state_->content.repositories[repository].blobs[digest.text()] = bytes;
  return digest;
}

digest::Digest ScriptedRegistry::add_manifest(const std::string& repository, const std::string& tag,
                                              const std::string& media_type,
                                              const std::string& bytes) {
  const auto digest = digest::digest_of(io::bytes_of(bytes));
  const std::lock_guard lock(state_->mutex);
  auto& in = state_->content.repositories[repository];
  in.manifests[digest.text()] = {media_type, bytes};
  if (!tag.empty()) in.tags[tag] = digest.text();
  return digest;
}

void ScriptedRegistry::damage(const std::string& repository, const digest::Digest& digest,
                              const std::string& bytes) {
  const std::lock_guard lock(state_->mutex);
  auto& in = state_->content.repositories[repository];
  if (const auto blob = in.blobs.find(digest.text()); blob != in.blobs.end()) blob->second = bytes;
  if (const auto found = in.manifests.find(digest.text()); found != in.manifests.end())
    found->second.bytes = bytes;
}

void ScriptedRegistry::remove_tag(const std::string& repository, const std::string& tag) {
  const std::lock_guard lock(state_->mutex);
  state_->content.repositories[repository].tags.erase(tag);
}

void ScriptedRegistry::remove(const std::string& repository, const digest::Digest& digest) {
  const std::lock_guard lock(state_->mutex);
  auto& in = state_->content.repositories[repository];
  in.blobs.erase(digest.text());
  in.manifests.erase(digest.text());
}

std::vector<std::string> ScriptedRegistry::repositories() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, in] : state_->content.repositories) names.push_back(name);
  return names;
}

std::vector<std::string> ScriptedRegistry::tags(const std::string& repository) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, digest] : state_->content.repositories[repository].tags)
    names.push_back(name);
  return names;
}

std::optional<std::string> ScriptedRegistry::find_blob(const std::string& repository,
                                                       const digest::Digest& digest) const {
  const std::lock_guard lock(state_->mutex);
  const auto in = state_->content.repositories.find(repository);
  if (in == state_->content.repositories.end()) return std::nullopt;
  const auto found = in->second.blobs.find(digest.text());
  if (found == in->second.blobs.end()) return std::nullopt;
  return found->second;
}

std::optional<ScriptedRegistry::Manifest> ScriptedRegistry::find_manifest(
    const std::string& repository, const std::string& tag_or_digest) const {
  const std::lock_guard lock(state_->mutex);
  const auto* found = state_->content.find_manifest(repository, tag_or_digest);
  if (found == nullptr) return std::nullopt;
  return Manifest{digest::digest_of(io::bytes_of(found->bytes)), found->media_type, found->bytes};
}

void ScriptedRegistry::require_nothing() {
  const std::lock_guard lock(state_->mutex);
  state_->gatekeeper.set_rules({});
}

void ScriptedRegistry::require_basic(BasicRules rules) {
  const std::lock_guard lock(state_->mutex);
  state_->gatekeeper.set_rules(std::move(rules));
}

void ScriptedRegistry::require_token(TokenRules rules) {
  const std::lock_guard lock(state_->mutex);
  state_->gatekeeper.set_rules(std::move(rules));
}

void ScriptedRegistry::script(Match match, Reply reply) {
  script(std::move(match), [reply = std::move(reply)](const RecordedRequest&) { return reply; });
}

void ScriptedRegistry::script(Match match, std::function<Reply(const RecordedRequest&)> reply) {
  std::regex target(match.target);
  const std::lock_guard lock(state_->mutex);
  state_->hooks.push_back({std::move(match), std::move(target), std::move(reply)});
}

void ScriptedRegistry::forget_scripts() {
  const std::lock_guard lock(state_->mutex);
  state_->hooks.clear();
}

std::vector<RecordedRequest> ScriptedRegistry::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

std::size_t ScriptedRegistry::count(const Match& match) const {
  const std::regex target(match.target);
  const std::lock_guard lock(state_->mutex);
  return static_cast<std::size_t>(std::ranges::count_if(
      state_->requests,
      [&](const RecordedRequest& request) { return applies(match, target, request); }));
}

std::vector<std::string> ScriptedRegistry::authorizations() const {
  std::vector<std::string> values;
  for (const RecordedRequest& request : requests()) {
    if (auto value = request.header("authorization")) values.push_back(std::move(*value));
  }
  return values;
}

void ScriptedRegistry::forget_requests() {
  const std::lock_guard lock(state_->mutex);
  state_->requests.clear();
  state_->remote_ports.clear();
}

std::optional<std::string> RecordedRequest::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string> RecordedRequest::parameter(std::string_view name) const {
  const auto values = values_of(parse_parameters(query_part(target)), name);
  if (values.empty()) return std::nullopt;
  return values.front();
}

std::string digest_text(const std::string& bytes) {
  return digest::digest_of(io::bytes_of(bytes)).text();
}

digest::Digest add_image(ScriptedRegistry& registry, const std::string& repository,
                         const std::string& tag, const std::vector<std::string>& layers,
                         const std::string& subject) {
  using nlohmann::json;
  static const std::string kManifest = "application/vnd.oci.image.manifest.v1+json";
  const std::string config = fmt::format(
      R"({{"architecture":"amd64","os":"linux","created":"2026-01-01T00:00:00Z","x":"{}"}})",
      layers.size());
  const auto descriptor = [&](const std::string& type, const std::string& bytes) {
    return json{{"mediaType", type},
                {"digest", registry.add_blob(repository, bytes).text()},
                {"size", bytes.size()}};
  };
  json manifest = {{"schemaVersion", 2}, {"mediaType", kManifest}};
  manifest["config"] = descriptor("application/vnd.oci.image.config.v1+json", config);
  manifest["layers"] = json::array();
  for (const std::string& layer : layers) {
    manifest["layers"].push_back(descriptor("application/vnd.oci.image.layer.v1.tar", layer));
  }
  if (!subject.empty()) {
    const auto found = registry.find_manifest(repository, subject);
    check(found.has_value(), "the subject is in the repository");
    manifest["subject"] = {
        {"mediaType", found->media_type}, {"digest", subject}, {"size", found->bytes.size()}};
    manifest["artifactType"] = "application/vnd.example.signature";
  }
  return registry.add_manifest(repository, tag, kManifest, manifest.dump());
}

}  // namespace seabag::testing
