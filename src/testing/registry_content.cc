// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <regex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "digest/hasher.h"
#include "testing/query_internal.h"
#include "testing/registry_content_internal.h"

namespace seabag::testing {
namespace {

using nlohmann::json;

const std::regex kUploads("/v2/(.+)/blobs/uploads/([^/]*)");
constexpr std::size_t kManifestBytes = 4U << 20U;

Reply reply_of(int status, http::Headers headers = {}, std::string body = {}) {
  Reply reply;
  reply.status = status;
  reply.headers = std::move(headers);
  reply.body = std::move(body);
  return reply;
}

Reply json_reply(const json& document, http::Headers headers = {}) {
  headers.emplace_back("content-type", "application/json");
  return reply_of(200, std::move(headers), document.dump());
}

Reply no_repository(const std::string& repository) {
  return error_reply(404, "NAME_UNKNOWN", "repository name not known to registry: " + repository);
}

// One page of `names` (sorted) after parameter "last", at most "n" and `page_size` of them, and
// whether more follow.
std::pair<std::vector<std::string>, bool> page_of(const std::vector<std::string>& names,
                                                  const RecordedRequest& request,
                                                  std::size_t page_size) {
  std::size_t count = page_size;
  if (const auto n = request.parameter("n")) {
    std::size_t wanted = count;
    std::from_chars(n->data(), n->data() + n->size(), wanted);
    count = std::min(count, wanted);
  }
  auto begin = names.begin();
  if (const auto last = request.parameter("last")) begin = std::ranges::upper_bound(names, *last);
  const auto rest = static_cast<std::size_t>(names.end() - begin);
  const auto end = begin + static_cast<std::ptrdiff_t>(std::min(count, rest));
  return {{begin, end}, rest > count};
}

http::Headers link_to(const std::string& path, const std::string& last, std::size_t count) {
  return {{"link", fmt::format("<{}?last={}&n={}>; rel=\"next\"", path, http::percent_encoded(last),
                               count)}};
}

// The half-open range that a Range header means within `size` bytes; nothing if it is no single
// range.
struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};
std::optional<ByteRange> parse_range(const std::string& value, std::size_t size) {
  static const std::regex kPattern("bytes=(\\d{1,18})-(\\d{0,18})");
  std::smatch match;
  if (!std::regex_match(value, match, kPattern)) return std::nullopt;
  const std::size_t begin = std::stoull(match[1]);
  const std::size_t last = match[2].length() == 0 ? size : std::stoull(match[2]);
  return ByteRange{begin, std::min(size, last < size ? last + 1 : size)};
}

Reply with_range(const RecordedRequest& request, Reply whole) {
  const auto header = request.header("range");
  if (!header || request.method != "GET") return whole;
  const std::size_t size = whole.body->size();
  const auto range = parse_range(*header, size);
  if (!range) return whole;
  if (range->begin >= size) {
    return reply_of(416, {{"content-range", fmt::format("bytes */{}", size)}});
  }
  whole.status = 206;
  whole.headers.emplace_back("content-range",
                             fmt::format("bytes {}-{}/{}", range->begin, range->end - 1, size));
  whole.body = whole.body->substr(range->begin, range->end - range->begin);
  return whole;
}

json parsed(const std::string& bytes) {
  return json::parse(bytes, nullptr, false);
}

std::string text_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string subject_of(const json& manifest) {
  return manifest.is_object() && manifest.contains("subject")
             ? text_at(manifest["subject"], "digest")
             : "";
}

std::vector<std::string> names_of(const auto& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

}  // namespace

Reply error_reply(int status, const std::string& code, const std::string& message) {
  json document = {{"errors", json::array({{{"code", code}, {"message", message}}})}};
  return reply_of(status, {{"content-type", "application/json"}}, document.dump());
}

const RegistryContent::Manifest* RegistryContent::find_manifest(
    const std::string& repository, const std::string& tag_or_digest) const {
  const auto in = repositories.find(repository);
  if (in == repositories.end()) return nullptr;
  const auto tag = in->second.tags.find(tag_or_digest);
  const auto& digest = tag == in->second.tags.end() ? tag_or_digest : tag->second;
  const auto found = in->second.manifests.find(digest);
  return found == in->second.manifests.end() ? nullptr : &found->second;
}

Reply RegistryContent::answer(const RecordedRequest& request, const std::string& base) {
  static const std::regex kOthers("/v2/(.+)/(manifests|blobs|tags|referrers)/([^/]+)");
  if (request.path == "/v2/" || request.path == "/v2") return json_reply(json::object());
  if (request.path == "/v2/_catalog") return catalog(request);
  std::smatch match;
  if (std::regex_match(request.path, match, kUploads)) {
    if (request.method == "POST" && match[2].length() == 0)
      return start_upload(request, match[1], base);
    return upload(request, match[1], match[2], base);
  }
  if (!std::regex_match(request.path, match, kOthers)) {
    return reply_of(404, {{"content-type", "text/plain"}}, "404 page not found\n");
  }
  if (match[2] == "manifests") return manifest(request, match[1], match[3]);
  if (match[2] == "blobs") return blob(request, match[1], match[3]);
  if (match[2] == "tags" && match[3] == "list") return tags(request, match[1]);
  if (match[2] == "referrers") return referrers(request, match[1], match[3]);
  return reply_of(404);
}

Reply RegistryContent::catalog(const RecordedRequest& request) const {
  if (!rules.catalog) return error_reply(404, "UNSUPPORTED", "no catalog here");
  const auto [names, more] = page_of(names_of(repositories), request, rules.page_size);
  return json_reply({{"repositories", names}},
                    more ? link_to(request.path, names.back(), names.size()) : http::Headers{});
}

Reply RegistryContent::tags(const RecordedRequest& request, const std::string& repository) const {
  const auto in = repositories.find(repository);
  if (in == repositories.end()) return no_repository(repository);
  const auto [names, more] = page_of(names_of(in->second.tags), request, rules.page_size);
  return json_reply({{"name", repository}, {"tags", names}},
                    more ? link_to(request.path, names.back(), names.size()) : http::Headers{});
}

Reply RegistryContent::referrers(const RecordedRequest& request, const std::string& repository,
                                 const std::string& digest) const {
  if (!rules.referrers_api)
    return reply_of(404, {{"content-type", "text/plain"}}, "404 page not found\n");
  const auto wanted_type = request.parameter("artifactType");
  std::map<std::string, json> found;  // by digest, so that pages have an order
  const auto in = repositories.find(repository);
  if (in != repositories.end()) {
    for (const auto& [name, stored] : in->second.manifests) {
      const json document = parsed(stored.bytes);
      if (subject_of(document) != digest) continue;
      std::string type = text_at(document, "artifactType");
      if (type.empty() && document.contains("config"))
        type = text_at(document["config"], "mediaType");
      if (wanted_type && *wanted_type != type) continue;
      json entry = {{"mediaType", stored.media_type},
                    {"digest", name},
                    {"size", stored.bytes.size()},
                    {"artifactType", type}};
      if (document.contains("annotations")) entry["annotations"] = document["annotations"];
      found.emplace(name, std::move(entry));
    }
  }
  const auto [names, more] = page_of(names_of(found), request, rules.page_size);
  json entries = json::array();
  for (const std::string& name : names) entries.push_back(found.at(name));
  http::Headers headers = {{"content-type", "application/vnd.oci.image.index.v1+json"}};
  if (wanted_type) headers.emplace_back("oci-filters-applied", "artifactType");
  if (more) headers.push_back(link_to(request.path, names.back(), names.size()).front());
  const json index = {{"schemaVersion", 2},
                      {"mediaType", "application/vnd.oci.image.index.v1+json"},
                      {"manifests", entries}};
  return reply_of(200, std::move(headers), index.dump());
}

Reply RegistryContent::manifest(const RecordedRequest& request, const std::string& repository,
                                const std::string& name) {
  if (request.method == "PUT") return put_manifest(request, repository, name);
  const Manifest* found = find_manifest(repository, name);
  if (found == nullptr) {
    return repositories.contains(repository)
               ? error_reply(404, "MANIFEST_UNKNOWN", "manifest unknown")
               : no_repository(repository);
  }
  if (request.method == "DELETE") {
    Repository& in = repositories.at(repository);
    if (in.tags.erase(name) == 0) in.manifests.erase(name);
    return reply_of(202);
  }
  const auto tag = repositories.at(repository).tags.find(name);
  const bool by_tag = tag != repositories.at(repository).tags.end();
  return reply_of(
      200,
      {{"content-type", found->media_type}, {"docker-content-digest", by_tag ? tag->second : name}},
      found->bytes);
}

std::optional<std::string> RegistryContent::missing_reference(const Repository& in,
                                                              const std::string& bytes) const {
  const json document = parsed(bytes);
  if (!document.is_object()) return std::nullopt;
  for (const json& child : document.value("manifests", json::array())) {
    if (!in.manifests.contains(text_at(child, "digest"))) return text_at(child, "digest");
  }
  json blobs = document.value("layers", json::array());
  if (document.contains("config")) blobs.push_back(document["config"]);
  for (const json& blob : document.value("blobs", json::array())) blobs.push_back(blob);
  for (const json& blob : blobs) {
    const bool elsewhere = blob.contains("urls");  // non-distributable layers are not pushed
    if (!elsewhere && !in.blobs.contains(text_at(blob, "digest"))) return text_at(blob, "digest");
  }
  return std::nullopt;
}

Reply RegistryContent::put_manifest(const RecordedRequest& request, const std::string& repository,
                                    const std::string& name) {
  if (request.body.size() > kManifestBytes)
    return error_reply(413, "SIZE_INVALID", "manifest too large");
  const std::string digest = digest_text(request.body);
  const auto expected = digest::find_digest(name);
  if (expected) {
    const auto actual = digest::digest_of(io::bytes_of(request.body), expected->algorithm());
    if (actual != *expected)
      return error_reply(400, "DIGEST_INVALID", "manifest does not match digest");
  }
  Repository& in = repositories[repository];
  if (const auto missing = missing_reference(in, request.body);
      missing && rules.checks_references) {
    return error_reply(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry: " + *missing);
  }
  const std::string key = expected ? name : digest;
  in.manifests[key] = {request.header("content-type").value_or(""), request.body};
  if (!expected) in.tags[name] = key;
  http::Headers headers = {{"location", fmt::format("/v2/{}/manifests/{}", repository, key)},
                           {"docker-content-digest", key}};
  const std::string subject = subject_of(parsed(request.body));
  if (rules.referrers_api && !subject.empty()) headers.emplace_back("oci-subject", subject);
  return reply_of(201, std::move(headers));
}

Reply RegistryContent::blob(const RecordedRequest& request, const std::string& repository,
                            const std::string& digest) {
  const auto in = repositories.find(repository);
  if (in == repositories.end()) return no_repository(repository);
  const auto found = in->second.blobs.find(digest);
  if (found == in->second.blobs.end())
    return error_reply(404, "BLOB_UNKNOWN", "blob unknown to registry");
  if (request.method == "DELETE") {
    in->second.blobs.erase(found);
    return reply_of(202);
  }
  if (request.method != "GET" && request.method != "HEAD")
    return error_reply(405, "UNSUPPORTED", "blobs are read here");
  return with_range(request, reply_of(200,
                                      {{"content-type", "application/octet-stream"},
                                       {"docker-content-digest", digest},
                                       {"accept-ranges", "bytes"}},
                                      found->second));
}

http::Headers RegistryContent::session_headers(const std::string& repository, const std::string& id,
                                               const std::string& base) const {
  std::string location = fmt::format("{}/v2/{}/blobs/uploads/{}",
                                     rules.absolute_locations ? base : "", repository, id);
  if (rules.location_has_query) location += "?_state=of-" + id;
  http::Headers headers = {{"location", location}, {"docker-upload-uuid", id}};
  const auto& come = repositories.at(repository).uploads.at(id);
  headers.emplace_back("range", fmt::format("0-{}", come.empty() ? 0 : come.size() - 1));
  if (rules.chunk_min_bytes > 0)
    headers.emplace_back("oci-chunk-min-length", fmt::format("{}", rules.chunk_min_bytes));
  return headers;
}

Reply RegistryContent::start_upload(const RecordedRequest& request, const std::string& repository,
                                    const std::string& base) {
  if (const auto digest = request.parameter("digest")) {
    return finish_upload(repositories[repository], repository, request.body, *digest);
  }
  const auto mount = request.parameter("mount");
  const auto from = request.parameter("from");
  if (mount && from && rules.mounts && repositories.contains(*from)) {
    const auto& blobs = repositories.at(*from).blobs;
    if (const auto found = blobs.find(*mount); found != blobs.end()) {
      const std::string bytes = found->second;
      return finish_upload(repositories[repository], repository, bytes, *mount);
    }
  }
  const std::string id = fmt::format("session-{}", next_upload_++);
  repositories[repository].uploads[id] = "";
  return reply_of(202, session_headers(repository, id, base));
}

Reply RegistryContent::upload(const RecordedRequest& request, const std::string& repository,
                              const std::string& id, const std::string& base) {
  const auto in = repositories.find(repository);
  const bool known = in != repositories.end() && in->second.uploads.contains(id);
  const bool state_came_back =
      !rules.location_has_query || request.parameter("_state") == "of-" + id;
  if (!known || !state_came_back)
    return error_reply(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
  if (request.method == "GET") return reply_of(204, session_headers(repository, id, base));
  if (request.method == "PATCH") return append_chunk(request, repository, id, base);
  if (request.method == "DELETE") {
    in->second.uploads.erase(id);
    return reply_of(204);
  }
  if (request.method != "PUT") return error_reply(405, "UNSUPPORTED", "method not allowed");
  const Reply reply =
      finish_upload(in->second, repository, in->second.uploads.at(id) + request.body,
                    request.parameter("digest").value_or(""));
  in->second.uploads.erase(id);
  return reply;
}

void RegistryContent::keep_part(const RecordedRequest& request, std::size_t count) {
  std::smatch match;
  if (!std::regex_match(request.path, match, kUploads)) return;
  const auto in = repositories.find(match[1]);
  if (in == repositories.end()) return;
  const auto session = in->second.uploads.find(match[2]);
  if (session != in->second.uploads.end()) session->second += request.body.substr(0, count);
}

Reply RegistryContent::append_chunk(const RecordedRequest& request, const std::string& repository,
                                    const std::string& id, const std::string& base) {
  if (!rules.chunked_uploads) return error_reply(405, "UNSUPPORTED", "no chunked uploads here");
  std::string& come = repositories.at(repository).uploads.at(id);
  if (const auto range = request.header("content-range")) {
    const std::string expected =
        fmt::format("{}-{}", come.size(), come.size() + request.body.size() - 1);
    if (*range != expected) return reply_of(416, session_headers(repository, id, base));
  }
  come += request.body;
  return reply_of(202, session_headers(repository, id, base));
}

Reply RegistryContent::finish_upload(Repository& in, const std::string& repository,
                                     const std::string& bytes, const std::string& digest) const {
  const auto expected = digest::find_digest(digest);
  if (!expected || digest::digest_of(io::bytes_of(bytes), expected->algorithm()) != *expected) {
    return error_reply(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
  }
  in.blobs[digest] = bytes;
  return reply_of(201, {{"location", fmt::format("/v2/{}/blobs/{}", repository, digest)},
                        {"docker-content-digest", digest}});
}

}  // namespace seabag::testing
