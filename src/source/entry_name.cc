// SPDX-License-Identifier: Apache-2.0
#include "source/entry_name.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "io/file_system.h"

namespace seabag::source {
namespace {

// Leaves room for a registry and a prefix within limits::kRepositoryBytes.
constexpr std::size_t kMaxBaseBytes = 128;

constexpr std::array<std::string_view, 10> kSuffixes = {".tar", ".tgz", ".txz", ".gz",  ".xz",
                                                        ".zst", ".bz2", ".lz4", ".zip", ".oci"};

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool drop_suffix(std::string& name) {
  for (const std::string_view suffix : kSuffixes) {
    if (!name.ends_with(suffix)) continue;
    name.resize(name.size() - suffix.size());
    return true;
  }
  return false;
}

// Separators of the distribution-spec's name grammar: [_.] | __ | [-]+, between alphanumerics.
bool is_separator(std::string_view run) {
  return run == "." || run == "_" || run == "__" ||
         run.find_first_not_of('-') == std::string_view::npos;
}

}  // namespace

oci::Reference make_reference(std::string registry, std::string repository, std::string tag) {
  oci::Reference reference;
  reference.registry = std::move(registry);
  reference.repository = std::move(repository);
  reference.tag = std::move(tag);
  return reference;
}

std::string repository_of_path(const std::string& path) {
  std::string base = to_lower(io::base_name_of(path));
  while (drop_suffix(base)) continue;
  base.resize(std::min(base.size(), kMaxBaseBytes));

  std::string name;
  std::string run;  // of other characters since the last letter or digit
  for (const char c : base) {
    if (!is_alphanumeric(c)) {
      run += c;
      continue;
    }
    if (!name.empty() && !run.empty()) name += is_separator(run) ? run : "-";
    run.clear();
    name += c;
  }
  return name.empty() ? "image" : name;
}

oci::Reference reference_of_entry(std::string_view name, const std::string& base_repository) {
  // "1.35" and "latest" are repositories by the grammar too; alone in a layout they are meant as
  // tags.
  if (oci::is_tag(name)) return make_reference({}, base_repository, std::string(name));
  auto reference = oci::find_reference(name);
  if (!reference) return make_reference({}, base_repository);
  reference->digest.reset();
  return *std::move(reference);
}

std::optional<std::size_t> find_position(std::string_view name) {
  if (!name.starts_with('@')) return std::nullopt;
  return find_number(name.substr(1));
}

}  // namespace seabag::source
