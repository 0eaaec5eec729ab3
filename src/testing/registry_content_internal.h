// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "testing/scripted_registry.h"

namespace seabag::testing {

/// The repositories of a registry in memory, and the distribution API over them. Knows no sockets,
/// no authentication and no misbehaviour. Threads: one at a time.
class RegistryContent {
 public:
  struct Manifest {
    std::string media_type;
    std::string bytes;
  };
  struct Repository {
    std::map<std::string, std::string> blobs;    // by digest
    std::map<std::string, Manifest> manifests;   // by digest
    std::map<std::string, std::string> tags;     // to digest
    std::map<std::string, std::string> uploads;  // by session id: what has come
  };

  RegistryRules rules;
  std::map<std::string, Repository> repositories;

  /// `base`: scheme and host for absolute locations.
  Reply answer(const RecordedRequest& request, const std::string& base);

  /// The first `count` bytes of the request's body get into its upload session, if it has one.
  void keep_part(const RecordedRequest& request, std::size_t count);

  /// Null if there is none.
  const Manifest* find_manifest(const std::string& repository,
                                const std::string& tag_or_digest) const;

 private:
  Reply catalog(const RecordedRequest& request) const;
  Reply tags(const RecordedRequest& request, const std::string& repository) const;
  Reply referrers(const RecordedRequest& request, const std::string& repository,
                  const std::string& digest) const;
  Reply manifest(const RecordedRequest& request, const std::string& repository,
                 const std::string& name);
  Reply put_manifest(const RecordedRequest& request, const std::string& repository,
                     const std::string& name);
  Reply blob(const RecordedRequest& request, const std::string& repository,
             const std::string& digest);
  Reply start_upload(const RecordedRequest& request, const std::string& repository,
                     const std::string& base);
  Reply upload(const RecordedRequest& request, const std::string& repository, const std::string& id,
               const std::string& base);
  Reply append_chunk(const RecordedRequest& request, const std::string& repository,
                     const std::string& id, const std::string& base);
  Reply finish_upload(Repository& in, const std::string& repository, const std::string& bytes,
                      const std::string& digest) const;
  http::Headers session_headers(const std::string& repository, const std::string& id,
                                const std::string& base) const;
  std::optional<std::string> missing_reference(const Repository& in,
                                               const std::string& bytes) const;

  int next_upload_ = 1;
};

/// An error answer as the distribution-spec has them.
Reply error_reply(int status, const std::string& code, const std::string& message);

}  // namespace seabag::testing
