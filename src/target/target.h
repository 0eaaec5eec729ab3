// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/blob_source.h"
#include "oci/manifest.h"
#include "oci/reference.h"

namespace seabag::target {

/// How a blob came to be at the target.
enum class PutOutcome { kWasThere, kMounted, kUploaded };

/// A reference with all that is below it, for targets that make one file of each.
struct WholeImage {
  /// Bytes and what they must be; manifests are members like any other blob.
  struct Member {
    oci::Descriptor descriptor;
    const io::BlobSource& bytes;  ///< read during the call alone
  };
  oci::Reference name;   ///< as the target names it; with a tag, or with a digest where it has none
  oci::Descriptor root;  ///< what `name` names; one of `members`
  /// Of any manifest in here; those that are no members are passed over.
  std::vector<oci::Descriptor> referrers = {};
  std::vector<Member> members;  ///< in any order; one that is twice counts once
};

/// A place that images are pushed to. Repositories are named as seen from uri(): a registry target
/// puts its prefix before them, here and in `mount_from`.
///
/// Order:   for each repository: blobs, then manifests (children before parents), then tags. Where
///          takes_whole_images() says so: put_image() for each reference instead. finish() last.
/// Errors:  kDenied, kUnavailable, kRefused, kProtocol, kIntegrity (the bytes that we were to push
///          are damaged), and what a local medium gives. One call's error concerns that one thing.
/// Threads: all methods may be called concurrently but finish().
class Target {
 public:
  virtual ~Target() = default;

  virtual std::string uri() const = 0;

  /// Why this target cannot take a repository or tag of that name, in a sentence; nothing if it
  /// can. No I/O.
  virtual std::optional<std::string> objection(const oci::Reference& name) const = 0;

  /// Two names with the same key fall on each other here, so only one of them can be pushed: a
  /// directory that a case-insensitive file system may hold gives "a:Edge" and "a:edge" the same.
  /// No I/O.
  virtual std::string collision_key(const oci::Reference& name) const { return name.text(); }

  /// Where `name` comes to lie, as other programs take it: "docker://host/prefix/app:1",
  /// "dir/app/1.tar". No I/O.
  virtual std::string location(const oci::Reference& name) const {
    return uri() + '/' + name.text();
  }

  /// The digest that a tag has there now; nothing if it has none.
  virtual std::optional<digest::Digest> find_tag(const std::string& repository,
                                                 const std::string& tag) = 0;
  virtual bool has_manifest(const std::string& repository, const digest::Digest& digest) = 0;

  /// Whether the file of a blob, or of a manifest, lies there with its size. For local targets
  /// alone, whose names lead on when somebody removed what is below them; a registry answers for
  /// its own, so it is not asked. Nothing is read.
  virtual bool keeps(const oci::Descriptor& /*blob*/) { return true; }

  /// Brings a blob there unless it is. `bytes` is read as it is sent and verified on the way:
  /// nothing is committed under its digest at the target unless it matched.
  /// `mount_from`: repositories of the target that are known to have it.
  virtual PutOutcome put_blob(const std::string& repository, const oci::Descriptor& blob,
                              const io::BlobSource& bytes,
                              const std::vector<std::string>& mount_from) = 0;

  /// Stores a manifest under its digest, and under `tag` if there is one.
  /// Requires: all that it refers to is there.
  /// Errors: also kProtocol if the target says another digest than ours.
  virtual void put_manifest(const std::string& repository, const oci::RawManifest& manifest,
                            const std::optional<oci::Descriptor>& subject,
                            const std::string& tag) = 0;

  /// After put_manifest() of referrers: makes them findable where the target has no referrers API,
  /// by merging them into the fallback tag's index. `referrers` as a listing has them. Returns
  /// whether the fallback tag was needed.
  virtual bool link_referrers(const std::string& repository, const digest::Digest& subject,
                              const std::vector<oci::Descriptor>& referrers) = 0;

  /// Keeps other runs out of a local place until this target goes. What is put does that by itself;
  /// this is for who writes other files there. Errors: kLocked.
  virtual void lock() {}

  /// Whether references are put by put_image(), and not by put_blob(), put_manifest() and
  /// link_referrers().
  virtual bool takes_whole_images() const { return false; }

  /// Stores a reference and all below it at once; each member is verified on the way, and nothing
  /// has its name before all are.
  /// Requires: takes_whole_images().
  virtual void put_image(const WholeImage& image);

  /// Reads what is there under a digest, and holds it against that. For registries alone: they may
  /// say of a blob that they have it, and not be able to give it.
  /// Errors: kIntegrity also for nothing at all.
  virtual void read_back_blob(const std::string& repository, const oci::Descriptor& blob);
  virtual void read_back_manifest(const std::string& repository, const digest::Digest& digest);

  /// Makes all of it visible and durable.
  virtual void finish() = 0;
};

}  // namespace seabag::target
