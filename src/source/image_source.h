// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/byte_sink.h"
#include "oci/manifest.h"
#include "oci/reference.h"

namespace seabag::source {

/// What is attached to a manifest besides what it refers to itself.
struct Attached {
  oci::Descriptor manifest;
  std::string tag;  ///< the tag that names it (cosign's, the fallback tag); empty: none does
};

/// A place that images are read from: a registry, a layout, an archive.
///
/// Errors:  of one call concern that one thing: kRefused (it is not there, or for good not to be
///          had), kDenied, kUnavailable (may pass; all retries done), kIntegrity, kMalformed,
///          kProtocol, kUnsupported (schema 1).
/// Threads: all methods may be called concurrently.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  /// As the user named it, harmless, without credentials.
  virtual const std::string& uri() const = 0;

  /// The repositories in it that the user asked for: all of a registry, or the one that was named.
  virtual std::vector<oci::Reference> repositories() = 0;

  /// The references in `repository` that the user asked for: all its tags, or the tag or digest
  /// that was named.
  virtual std::vector<oci::Reference> references(const oci::Reference& repository) = 0;

  /// The manifest that `name` (its digest, else its tag) means, verified.
  virtual oci::RawManifest manifest(const oci::Reference& name) = 0;

  /// What is attached to `subject` in `repository`: the referrers API or the fallback tag (and that
  /// tag itself), and cosign's tags. Nothing attached: empty.
  virtual std::vector<Attached> attached(const oci::Reference& repository,
                                         const digest::Digest& subject) = 0;

  /// Streams the bytes of `blob` from `offset` on into `sink` (write() alone). Not verified here.
  /// May throw after a part was written; the caller then asks again from where it stands.
  virtual void read_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                         std::uint64_t offset, io::ByteSink& sink) = 0;

  /// How many bytes `blob` has here, whatever its descriptor says; nothing: the place does not
  /// tell.
  virtual std::optional<std::uint64_t> find_size(const oci::Reference& repository,
                                                 const oci::Descriptor& blob) = 0;

  /// A small blob whole, verified: configs. Errors: kMalformed above limits::kManifestBytes.
  io::Bytes read_small_blob(const oci::Reference& repository, const oci::Descriptor& blob);

  /// Whether the place itself answers: tells a missing image from a source that is down.
  virtual bool answers() = 0;
};

}  // namespace seabag::source
