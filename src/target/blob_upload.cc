// SPDX-License-Identifier: Apache-2.0
#include "target/blob_upload.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/limits.h"
#include "base/text.h"
#include "target/registry_answer.h"

namespace seabag::target {
namespace {

// Sessions that one blob may use up: each may have moved all of its bytes, so this is no place for
// many. The single requests are tried again, with patience, by http.
constexpr int kSessions = 3;
// Chunks of one session in a row that brought it no further.
constexpr int kStalls = 3;
// Repositories that a mount is tried from: each costs a round trip, and a registry that refuses one
// mostly refuses all.
constexpr std::size_t kMountCandidates = 2;

// How many bytes the Range header of an upload's answer says are there: "0-99" is 100.
// docker-registry says "0-0" of an empty session too, so it is taken for nothing unless one byte is
// what was `hoped` for.
std::optional<std::uint64_t> received_by(const http::Response& response, std::uint64_t hoped) {
  const auto range = response.header("range");
  if (!range) return std::nullopt;
  std::string_view text = trimmed(*range);
  if (text.starts_with("bytes=")) text.remove_prefix(6);
  if (!text.starts_with("0-")) return std::nullopt;
  const auto last = find_number(text.substr(2));
  if (!last || *last >= hoped) return std::nullopt;
  return *last == 0 && hoped != 1 ? 0 : *last + 1;
}

}  // namespace

BlobUpload::BlobUpload(registry::Registry& registry, std::string repository,
                       const oci::Descriptor& blob, const io::BlobSource& bytes,
                       std::uint64_t chunk_size)
    : registry_(registry),
      repository_(std::move(repository)),
      blob_(blob),
      bytes_(blob, bytes),
      chunk_size_(chunk_size) {}

bool BlobUpload::is_there() {
  http::Request request;
  request.method = http::Method::kHead;
  request.url = registry_.url(fmt::format("/v2/{}/blobs/{}", repository_, blob_.digest.text()));
  const http::Response response = send(std::move(request));
  if (response.status == 404) return false;
  // Registries that keep blobs elsewhere look for one before they send us there.
  if (response.status >= 300 && response.status < 400) return true;
  if (response.status != 200) throw failure(response);
  const auto length = response.header("content-length");
  return !length || find_number(trimmed(*length)) == blob_.size;
}

PutOutcome BlobUpload::put(const std::vector<std::string>& from) {
  for (std::size_t i = 0; i < std::min(from.size(), kMountCandidates) && !session_; ++i) {
    if (mount(from[i])) return PutOutcome::kMounted;
  }
  for (int session = 1;; ++session) {
    if (!session_) open_session();
    const std::uint64_t chunk = std::max(chunk_size_, chunk_min_);
    const Loss loss =
        chunk_size_ != 0 && blob_.size > chunk ? send_in_chunks(0, chunk) : send_whole();
    session_.reset();
    // Also after a loss: it may have been the answer that was lost, and not the blob.
    if (is_there()) return PutOutcome::kUploaded;
    if (!loss) {
      throw Error(Code::kProtocol,
                  "the registry confirmed the upload, but has no such blob of that size");
    }
    if (session == kSessions) {
      throw Error(*loss).add_context(fmt::format("gave up after {} uploads", session));
    }
  }
}

// False: another candidate, or the session that the registry opened instead, has to do.
bool BlobUpload::mount(const std::string& from) {
  http::Request request;
  request.method = http::Method::kPost;
  request.url = registry_.url(fmt::format("/v2/{}/blobs/uploads/", repository_));
  request.url = http::with_query(std::move(request.url), "mount", blob_.digest.text());
  request.url = http::with_query(std::move(request.url), "from", from);
  try {
    const http::Response response = send(std::move(request), from);
    if (response.status == 202) follow_location(response);
    if (response.status != 201) return false;
    require_same_digest(response, blob_.digest);
    return true;
  } catch (const Error& error) {
    // Leave to write here does not mean leave to read there.
    if (error.code() != Code::kDenied) throw;
    return false;
  }
}

void BlobUpload::open_session() {
  http::Request request;
  request.method = http::Method::kPost;
  request.url = registry_.url(fmt::format("/v2/{}/blobs/uploads/", repository_));
  const http::Response response = send(std::move(request));
  if (response.status != 202) throw failure(response);
  follow_location(response);
  is_resumed_ = false;
}

BlobUpload::Loss BlobUpload::send_whole() {
  Loss loss = complete(0, blob_.size);
  if (!loss || !takes_chunks_) return loss;
  const auto received = ask_received(blob_.size);
  if (!received || *received == 0) return loss;
  return send_in_chunks(*received, blob_.size);
}

BlobUpload::Loss BlobUpload::send_in_chunks(std::uint64_t sent, std::uint64_t chunk_size) {
  std::uint64_t furthest = sent;
  int stalls = 0;
  while (sent < blob_.size) {
    const std::uint64_t length = std::min(chunk_size, blob_.size - sent);
    const std::uint64_t end = sent + length;
    Chunk chunk = send_chunk(sent, length);
    if (!takes_chunks_) return sent == 0 ? send_whole() : chunk.loss;
    if (chunk.loss) {
      const auto received = ask_received(end);
      if (!received) return chunk.loss;
      chunk.received = *received;
    }
    const std::uint64_t least = std::min(limits::kLeastProgressBytes, length);
    stalls = chunk.received >= furthest + least ? 0 : stalls + 1;
    if (stalls == kStalls) {
      return Error(Code::kUnavailable,
                   fmt::format("the upload came no further than {} of {} bytes in {} chunks",
                               furthest, blob_.size, stalls));
    }
    sent = chunk.received;
    furthest = std::max(furthest, sent);
  }
  return complete(0, 0);
}

BlobUpload::Chunk BlobUpload::send_chunk(std::uint64_t offset, std::uint64_t length) {
  http::Request request;
  request.method = http::Method::kPatch;
  request.url = session();
  request.headers = {{"Content-Type", "application/octet-stream"},
                     {"Content-Range", fmt::format("{}-{}", offset, offset + length - 1)}};
  request.body = {&bytes_, offset, length};
  request.idempotent = false;
  try {
    const http::Response response = send(std::move(request));
    if (response.status == 202) {
      if (response.header("location")) follow_location(response);
      return {response.header("range") ? received_by(response, offset + length).value_or(offset)
                                       : offset + length};
    }
    if (response.status == 405 || response.status == 501) {
      takes_chunks_ = false;
      return {offset, failure(response)};
    }
    return {offset, session_loss(response)};
  } catch (const Error& error) {
    if (error.code() != Code::kUnavailable) throw;
    return {offset, error};
  }
}

// Nothing: the session is gone, or it does not say, or what it says cannot be.
std::optional<std::uint64_t> BlobUpload::ask_received(std::uint64_t hoped) {
  http::Request request;
  request.url = session();
  http::Response response;
  try {
    response = send(std::move(request));
  } catch (const Error& error) {
    if (error.code() != Code::kUnavailable) throw;
    return std::nullopt;
  }
  if (response.status != 204) return std::nullopt;
  if (response.header("location")) follow_location(response);
  is_resumed_ = true;
  return received_by(response, hoped);
}

// Closes the session with these bytes of the blob, the last that it lacks.
BlobUpload::Loss BlobUpload::complete(std::uint64_t offset, std::uint64_t length) {
  http::Request request;
  request.method = http::Method::kPut;
  request.url = http::with_query(session(), "digest", blob_.digest.text());
  request.headers = {{"Content-Type", "application/octet-stream"}};
  request.body = {&bytes_, offset, length};
  request.idempotent = false;
  try {
    const http::Response response = send(std::move(request));
    // What it said it had may not have been what we sent.
    if (response.status == 400 && is_resumed_) return failure(response);
    if (response.status != 201) return session_loss(response);
    require_same_digest(response, blob_.digest);
    return std::nullopt;
  } catch (const Error& error) {
    if (error.code() != Code::kUnavailable) throw;
    return error;
  }
}

http::Response BlobUpload::send(http::Request request, const std::string& mount_from) {
  return registry_.send(std::move(request), {repository_, true, mount_from});
}

const http::Url& BlobUpload::session() const {
  if (!session_) throw Error(Code::kInternal, "bug: bytes of a blob without an upload session");
  return *session_;
}

void BlobUpload::follow_location(const http::Response& response) {
  const auto location = response.header("location");
  if (!location) throw Error(Code::kProtocol, "the registry opened an upload without a Location");
  http::Url url = http::resolve(response.url, *location);
  const http::Origin own = registry_.url("/v2/").origin;
  if (url.origin != own) {
    throw Error(Code::kProtocol,
                fmt::format("the registry sends the upload elsewhere: expected {}, got {}",
                            own.text(), seabag::quoted(url.origin.text())))
        .add_next_step(
            "where a proxy stands before the registry, have it pass on scheme and host "
            "(X-Forwarded-Proto, X-Forwarded-Host)");
  }
  session_ = std::move(url);
  if (const auto minimum = response.header("oci-chunk-min-length")) {
    chunk_min_ = find_number(trimmed(*minimum)).value_or(0);
  }
}

Error BlobUpload::failure(const http::Response& response) const {
  Error error = registry_.failure(response, "sending");
  if (response.status == 413) {
    error.add_next_step(
        chunk_size_ == 0
            ? "something there limits the size of a request: try --chunk-size 16MiB"
            : "something there limits the size of a request: try a smaller --chunk-size");
  }
  return error;
}

// An Error that another session may mend; others are thrown.
Error BlobUpload::session_loss(const http::Response& response) const {
  Error error = failure(response);
  const bool is_gone = response.status == 404 || response.status == 416;
  if (error.code() != Code::kUnavailable && !is_gone) throw error;
  return error;
}

}  // namespace seabag::target
