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

// Attached things follow their subject, also when they are attached to something attached. Each
// reference is taken once, and each blob of a repository asked once what is attached to it.
class Attachments {
 public:
  Attachments(const Content& content, const Graph& graph, const std::vector<std::string>& except,
              std::vector<bool>& chosen)
      : content_(content), graph_(graph), except_(except), chosen_(chosen) {
    for (std::uint32_t i = 0; i < chosen_.size(); ++i) {
      const auto subject = chosen_[i] ? std::nullopt : subject_of(graph_, content_.references[i]);
      if (subject) by_subject_.push_back({{content_.references[i].repository, *subject}, i});
    }
    std::ranges::sort(by_subject_);
  }

  void add() {
    for (std::uint32_t i = 0; i < chosen_.size(); ++i) {
      if (chosen_[i]) taken_.push_back(i);
    }
    while (!taken_.empty()) {
      const ReferenceInfo& reference = content_.references[taken_.back()];
      taken_.pop_back();
      for (const BlobId blob : graph_.closure_of(reference.manifest)) {
        const Place place{reference.repository, blob};
        if (seen_.insert(place).second) take_attached_to(place);
      }
    }
  }

 private:
  using Place = std::pair<std::uint32_t, BlobId>;  // a blob, behind its repository
  using Attached = std::pair<Place, std::uint32_t>;

  void take_attached_to(const Place& place) {
    for (const auto& [subject, position] :
         std::ranges::equal_range(by_subject_, place, {}, &Attached::first)) {
      if (chosen_[position]) continue;
      if (!oci::is_chosen(name_in(content_, content_.references[position]), {}, except_)) continue;
      chosen_[position] = true;
      taken_.push_back(position);
    }
  }

  const Content& content_;
  const Graph& graph_;
  const std::vector<std::string>& except_;
  std::vector<bool>& chosen_;
  std::vector<Attached> by_subject_;  // sorted
  std::vector<std::uint32_t> taken_;  // whose blobs are still to be looked at
  std::set<Place> seen_;
};

// Parallel to Content::references.
std::vector<bool> choose(const Content& content, const Graph& graph, const NameOptions& options) {
  std::vector<bool> chosen(content.references.size(), false);
  for (std::uint32_t i = 0; i < chosen.size(); ++i) {
    chosen[i] =
        oci::is_chosen(name_in(content, content.references[i]), options.only, options.except);
  }
  if (!options.only.empty()) Attachments(content, graph, options.except, chosen).add();
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
