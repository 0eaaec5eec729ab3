// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "registry/registry.h"
#include "target/target.h"
#include "target/verifying_source.h"

namespace seabag::target {

/// Brings one blob into one repository of a registry.
///
/// A blob goes in one PUT, or in chunks of PATCH where a chunk size is asked for and the blob is
/// larger. After a request that broke off the registry is asked how far it came, and gets the rest
/// by PATCH; where it does not say, or wants no PATCH, a new session is begun, a few times.
///
/// Errors: those of Registry; kProtocol for an upload location on another origin and for answers
///         that contradict what was sent; kIntegrity if `bytes` are damaged: then nothing was
///         completed.
/// Source: OCI distribution-spec v1.1, "Pushing blobs".
class BlobUpload {
 public:
  /// `chunk_size` 0: never in chunks. All references outlive this.
  BlobUpload(registry::Registry& registry, std::string repository, const oci::Descriptor& blob,
             const io::BlobSource& bytes, std::uint64_t chunk_size);

  /// Whether the registry says that the blob is there, in its full size.
  bool is_there();

  /// Mounts it from one of the repositories in `from`, or uploads it.
  PutOutcome put(const std::vector<std::string>& from);

 private:
  /// Why a session came to nothing; nothing if the blob is complete.
  using Loss = std::optional<Error>;

  struct Chunk {
    std::uint64_t received = 0;  ///< bytes of the blob that the registry says it has
    Loss loss = {};
  };

  bool mount(const std::string& from);
  void open_session();
  Loss send_whole();
  Loss send_in_chunks(std::uint64_t sent, std::uint64_t chunk_size);
  Chunk send_chunk(std::uint64_t offset, std::uint64_t length);
  std::optional<std::uint64_t> ask_received(std::uint64_t hoped);
  Loss complete(std::uint64_t offset, std::uint64_t length);

  http::Response send(http::Request request, const std::string& mount_from = {});
  const http::Url& session() const;
  void follow_location(const http::Response& response);
  Error failure(const http::Response& response) const;
  Error session_loss(const http::Response& response) const;

  registry::Registry& registry_;
  std::string repository_;
  const oci::Descriptor& blob_;
  VerifyingSource bytes_;
  std::uint64_t chunk_size_;  // 0: in one piece
  std::uint64_t chunk_min_ = 0;
  bool takes_chunks_ = true;          // until it says otherwise
  bool is_resumed_ = false;           // the open session was gone on with after a loss
  std::optional<http::Url> session_;  // where the open session takes bytes; nothing: none is open
};

}  // namespace seabag::target
