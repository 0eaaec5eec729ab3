// SPDX-License-Identifier: Apache-2.0
#include "importing/names.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "oci/reference_pattern.h"
#include "oci/referrers.h"

namespace seabag::importing {
namespace {

using index::BlobId;
using index::Content;
using index::Graph;
using index::ReferenceInfo;

// What follows `from` in `name` when it stands there as whole components.
std::optional<std::string> rest_behind(const std::string& from, const std::string& name) {
  if (!name.starts_with(from)) return std::nullopt;
  if (name.size() == from.size()) return "";
  if (from.ends_with('/')) return name.substr(from.size());
  return name[from.size()] == '/' ? std::optional(name.substr(from.size() + 1)) : std::nullopt;
}

std::string joined(const std::string& to, const std::string& rest) {
  if (to.empty() || rest.empty()) return to + rest;
  return to.ends_with('/') ? to + rest : to + '/' + rest;
}

oci::Reference name_in(const Content& content, const ReferenceInfo& reference) {
  const index::Repository& repository = content.repositories[reference.repository];
  oci::Reference name{repository.registry, repository.name, reference.tag, std::nullopt};
  if (reference.tag.empty()) name.digest = content.blobs[reference.manifest].digest;
  return name;
}

// The manifest that a reference is about, when it is there for another one's sake.
std::optional<BlobId> subject_of(const Graph& graph, const ReferenceInfo& reference) {
  if (const auto digest = oci::subject_of_tag(reference.tag)) return graph.find(*digest);
  for (const index::Edge& edge : graph.edges_of(reference.manifest)) {
    if (edge.role == index::EdgeRole::kSubject) return edge.child;
  }
  return std::nullopt;
}

// Attached things follow their subject, also when they are attached to something attached: repeated
// until nothing is added, at most as often as such chains are long.
void add_attached(const Content& content, const Graph& graph,
                  const std::vector<std::string>& except, std::vector<bool>& chosen) {
  std::set<std::pair<std::uint32_t, BlobId>> blobs;  // with their repository
  const auto take = [&](std::uint32_t position) {
    chosen[position] = true;
    const ReferenceInfo& reference = content.references[position];
    for (const BlobId blob : graph.closure_of(reference.manifest)) {
      blobs.emplace(reference.repository, blob);
    }
  };
  for (std::uint32_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) take(i);
  }
  for (bool added = true; added;) {
    added = false;
    for (std::uint32_t i = 0; i < chosen.size(); ++i) {
      if (chosen[i]) continue;
      const ReferenceInfo& reference = content.references[i];
      const auto subject = subject_of(graph, reference);
      if (!subject || !blobs.contains({reference.repository, *subject})) continue;
      if (!oci::is_chosen(name_in(content, reference), {}, except)) continue;
      take(i);
      added = true;
    }
  }
}

// Parallel to Content::references.
std::vector<bool> choose(const Content& content, const Graph& graph, const NameOptions& options) {
  std::vector<bool> chosen(content.references.size(), false);
  for (std::uint32_t i = 0; i < chosen.size(); ++i) {
    chosen[i] =
        oci::is_chosen(name_in(content, content.references[i]), options.only, options.except);
  }
  if (!options.only.empty()) add_attached(content, graph, options.except, chosen);
  return chosen;
}

}  // namespace

Mapping parse_mapping(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw Error(Code::kUsage, fmt::format("--map {}: expected FROM=TO", seabag::quoted(text)))
        .add_next_step("for example --map registry.example/team=mirror/team");
  }
  Mapping mapping{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
  while (mapping.from.size() > 1 && mapping.from.ends_with('/')) mapping.from.pop_back();
  while (mapping.to.ends_with('/')) mapping.to.pop_back();
  return mapping;
}

oci::Reference mapped(const oci::Reference& reference, const std::vector<Mapping>& mappings) {
  const Mapping* best = nullptr;
  std::string repository = reference.repository;
  for (const Mapping& mapping : mappings) {
    auto rest = rest_behind(mapping.from, reference.repository_text());
    if (!rest) rest = rest_behind(mapping.from, reference.repository);
    if (!rest || (best != nullptr && best->from.size() >= mapping.from.size())) continue;
    best = &mapping;
    repository = joined(mapping.to, *rest);
  }
  return {"", repository, reference.tag, reference.digest};
}

NamePlan plan_names(const Content& content, const Graph& graph, const NameOptions& options,
                    const target::Target& target) {
  NamePlan plan;
  std::map<std::string, std::size_t> taken;  // position in plan.names
  const std::vector<bool> chosen = choose(content, graph, options);
  for (std::uint32_t position = 0; position < chosen.size(); ++position) {
    if (!chosen[position]) continue;
    const ReferenceInfo& reference = content.references[position];
    NamedReference named{position, mapped(name_in(content, reference), options.mappings)};
    if (const auto objection = target.objection(named.target)) {
      plan.problems.push_back(
          fmt::format("{}: {}", printable(content.name_of(reference)), *objection));
    }
    const auto [found, is_new] =
        taken.try_emplace(target.collision_key(named.target), plan.names.size());
    const NamedReference& other = is_new ? named : plan.names[found->second];
    const ReferenceInfo& other_reference = content.references[other.reference];
    if (other_reference.manifest != reference.manifest) {
      plan.problems.push_back(
          fmt::format("{} and {} would both become {}", printable(content.name_of(other_reference)),
                      printable(content.name_of(reference)), printable(named.target.text())));
    }
    plan.names.push_back(std::move(named));
  }
  return plan;
}

}  // namespace seabag::importing
