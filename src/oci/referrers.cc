// SPDX-License-Identifier: Apache-2.0
#include "oci/referrers.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "oci/media_types.h"

namespace seabag::oci {
namespace {

constexpr std::array<std::string_view, 3> kCosignSuffixes = {".sig", ".att", ".sbom"};

// An order-keeping tree, so that members which are there already stay where they are.
using OrderedJson = nlohmann::ordered_json;

// The digests of an index's entries as they are written: an algorithm that we do not know is no
// reason to refuse somebody else's entry.
std::set<std::string> digests_of(const json::Value& index) {
  const auto type = find_media_type(index, "mediaType");
  if (type && *type != media_type::kImageIndex) {
    throw Error(Code::kMalformed,
                fmt::format("\"mediaType\": expected {}, got {}",
                            seabag::quoted(media_type::kImageIndex), seabag::quoted(*type)));
  }
  const json::Value* entries = json::find_array(index, "manifests");
  if (entries == nullptr) throw Error(Code::kMalformed, "\"manifests\" is missing");
  std::set<std::string> digests;
  for (std::size_t i = 0; i < entries->size(); ++i) {
    try {
      digests.insert(json::require_string((*entries)[i], "digest"));
    } catch (Error& error) {
      error.add_context(fmt::format("manifests[{}]", i));
      throw;
    }
  }
  return digests;
}

OrderedJson empty_index() {
  return {{"schemaVersion", 2},
          {"mediaType", media_type::kImageIndex},
          {"manifests", OrderedJson::array()}};
}

}  // namespace

// Tags have at most 128 characters, so the distribution-spec cuts the encoded part after 64.
std::string referrers_tag(const digest::Digest& subject) {
  return fmt::format("{}-{:.64}", digest::name_of(subject.algorithm()), subject.hex());
}

// Cosign has no tags for digests other than SHA-256; what comes out for them is a tag that nobody
// has.
std::array<std::string, 3> cosign_tags(const digest::Digest& subject) {
  std::array<std::string, 3> tags;
  std::ranges::transform(kCosignSuffixes, tags.begin(), [&](std::string_view suffix) {
    return referrers_tag(subject).append(suffix);
  });
  return tags;
}

std::optional<digest::Digest> subject_of_tag(std::string_view tag) {
  static constexpr std::string_view kPrefix = "sha256-";
  if (!tag.starts_with(kPrefix)) return std::nullopt;
  tag.remove_prefix(kPrefix.size());
  for (const std::string_view suffix : kCosignSuffixes) {
    if (!tag.ends_with(suffix)) continue;
    tag.remove_suffix(suffix.size());
    break;
  }
  return digest::find_digest(fmt::format("sha256:{}", tag));
}

Descriptor referrer_descriptor(const RawManifest& raw, const Manifest& manifest) {
  Descriptor descriptor = raw.descriptor();
  descriptor.artifact_type = manifest.artifact_type;
  if (descriptor.artifact_type.empty() && manifest.config) {
    descriptor.artifact_type = manifest.config->media_type;
  }
  descriptor.annotations = manifest.annotations;
  return descriptor;
}

std::optional<std::string> merge_referrers(std::string_view existing,
                                           const std::vector<Descriptor>& add) try {
  std::set<std::string> known;
  OrderedJson index = empty_index();
  if (!existing.empty()) {
    known = digests_of(json::parse(existing, "text"));
    index = OrderedJson::parse(existing);
  }
  bool changed = false;
  for (const Descriptor& descriptor : add) {
    if (!known.insert(descriptor.digest.text()).second) continue;
    index["manifests"].push_back(OrderedJson::parse(to_json_text(descriptor)));
    changed = true;
  }
  if (!changed) return std::nullopt;
  std::string text = index.dump();
  if (text.size() > limits::kManifestBytes) {
    throw Error(Code::kMalformed, fmt::format("would have {} bytes, more than the limit of {}",
                                              text.size(), limits::kManifestBytes));
  }
  return text;
} catch (Error& error) {
  error.add_context("index of referrers");
  throw;
}

}  // namespace seabag::oci
