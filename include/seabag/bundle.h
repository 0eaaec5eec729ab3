// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__GNUC__)
#define SEABAG_API __attribute__((visibility("default")))
#else
#define SEABAG_API
#endif

/// libseabag: reads sealed bundles. What is in them is specified in format-spec/.
namespace seabag {

/// What went wrong: the thing, what was expected and what was found.
class SEABAG_API BundleError : public std::runtime_error {
 public:
  BundleError(int exit_status, const std::string& text);
  /// From the closed list in seabag-import(1): 10 no bundle, 20 damaged, 22 malformed, 23
  /// unsupported, ...
  int exit_status() const noexcept { return exit_status_; }

 private:
  int exit_status_;
};

/// A name in a bundle and what it means.
struct Image {
  std::string name;  ///< "registry.example/team/app:1.2", or with "@digest" where it has no tag
  std::string kind;  ///< "image", "index" or "artifact"
  std::string media_type;  ///< of the manifest
  std::string digest;      ///< of the manifest: "sha256:..."
  std::uint64_t size = 0;  ///< bytes of all that the bundle has of it
  bool whole = true;       ///< false: something of it is not in the bundle
};

/// Something that is wrong with a bundle.
struct Damage {
  std::string text;                 ///< a sentence
  std::string blob;                 ///< the digest of the damaged blob; empty: not about one
  std::vector<std::string> images;  ///< the names that need it
};

/// A sealed bundle. Threads: const methods may run concurrently.
class SEABAG_API Bundle {
 public:
  /// Compares the tag files and the index with their checksums; the payload is verified as it is
  /// read. Where the index is missing or damaged it is made anew, from a payload that is verified
  /// for it: index_defect(). Errors: BundleError.
  static Bundle open(const std::string& path);
  ~Bundle();
  Bundle(Bundle&&) noexcept;
  Bundle& operator=(Bundle&&) noexcept;
  Bundle(const Bundle&) = delete;
  Bundle& operator=(const Bundle&) = delete;

  std::string seal() const;  ///< "sha256:...", of tagmanifest-sha256.txt
  /// What is wrong with the sealed index, a sentence. Empty: nothing. Else what it alone knew is
  /// lost, as "Making it anew" in format-spec/index.md says, and verify() has it too.
  std::string index_defect() const;
  std::vector<Image> images() const;

  /// The bytes of a blob in order, in pieces of at most 256 KiB. They are verified while they are
  /// read: use them only when this returns. Errors: BundleError: not in the bundle, or damaged.
  void read_blob(const std::string& digest,
                 const std::function<void(std::span<const std::byte>)>& take) const;

  /// Every byte against its checksum and digest. Empty: nothing is wrong.
  std::vector<Damage> verify() const;

 private:
  struct State;
  explicit Bundle(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace seabag
