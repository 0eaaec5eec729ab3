// SPDX-License-Identifier: Apache-2.0
#include "importing/disk_plan.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "importing/disk_artifact.h"

namespace seabag::importing {
namespace {

using index::DiskInfo;

class DiskPlanner {
 public:
  DiskPlanner(const bundle::OpenedBundle& bundle, NamePlan& images, const DiskRequest& request,
              const target::Target& target, io::FileSystem& files)
      : bundle_(bundle),
        content_(bundle.index().content),
        images_(images),
        request_(request),
        target_(target),
        files_(files),
        becomes_files_(!request.directory.empty() && !request.as_containers),
        directory_(disk_directory(request.directory)) {}

  DiskPlan run() {
    plan_.chosen = chosen_disks(bundle_.index(), request_.names);
    refuse_what_artifacts_cannot();
    require_disks_of_options();
    if (!request_.receipt.empty()) claim_path(request_.receipt, "the receipt");
    if (becomes_files_) {
      take_artifacts();
      claim_directories();
    } else if (!plan_.chosen.empty()) {
      claim_images();
    }
    for (const NamedReference& name : plan_.artifacts) plan_artifact(name);
    for (const std::uint32_t i : plan_.chosen) plan_disk(bundle_.index().disks[i]);
    return std::move(plan_);
  }

 private:
  // What has a name or a path at the target. Two of one manifest may have the same.
  struct Claim {
    std::string what;
    std::optional<index::BlobId> manifest = {};
  };

  std::string source_of(const NamedReference& name) const {
    return content_.name_of(content_.references[name.reference]);
  }

  index::BlobId root_of(const NamedReference& name) const {
    return content_.references[name.reference].manifest;
  }

  // Those lie in the bundle as blobs of an image's kind, which no reader of disks opens.
  void refuse_what_artifacts_cannot() const {
    const char* option = request_.as_containers ? "--disk-as-container" : "--disk-as";
    if (!request_.as_containers && !request_.restore.as) return;
    for (const NamedReference& name : images_.names) {
      if (is_disk_artifact(bundle_, name)) throw is_artifact(option, source_of(name));
    }
  }

  static Error is_artifact(const char* option, const std::string& name) {
    return Error(Code::kUsage,
                 fmt::format("{}: {} was exported from a registry as an artifact, and "
                             "becomes the files that it was made of",
                             option, printable(name)))
        .add_next_step(
            "push it into dir:DIR without the option, and export its file in DIR/disks anew: "
            "seabag-export BUNDLE disk:FILE; or leave it out with --except");
  }

  void require_disks_of_options() const {
    const auto& disks = bundle_.index().disks;
    for (const auto& [name, path] : request_.restore.to) {
      const auto found = std::ranges::find(disks, name, &DiskInfo::name);
      if (found == disks.end()) throw no_such_disk(name);
      const auto position = static_cast<std::uint32_t>(found - disks.begin());
      if (std::ranges::find(plan_.chosen, position) == plan_.chosen.end()) {
        throw Error(Code::kUsage,
                    fmt::format("--disk-to: the disk {} is not among those that --only and "
                                "--except choose",
                                seabag::quoted(name)))
            .add_next_step(fmt::format("choose it, too: --only disks/{}", to_lower(name)));
      }
    }
  }

  Error no_such_disk(const std::string& name) const {
    for (const NamedReference& image : images_.names) {
      if (!is_disk_artifact(bundle_, image)) continue;
      const auto layers = find_layers(image);
      if (layers && layers->name == name) return is_artifact("--disk-to", source_of(image));
    }
    return Error(Code::kUsage, fmt::format("--disk-to: there is no disk {}", seabag::quoted(name)))
        .add_next_step("see what is in the bundle: seabag-import list");
  }

  // Nothing for one that is damaged: that concerns it alone, and is told when it is its turn.
  std::optional<DiskLayers> find_layers(const NamedReference& name) const {
    try {
      return read_disk_layers(bundle_, root_of(name));
    } catch (const Error& error) {
      if (error.code() == Code::kInternal) throw;
      return std::nullopt;
    }
  }

  void take_artifacts() {
    const auto artifacts = std::ranges::stable_partition(
        images_.names, [&](const auto& name) { return !is_disk_artifact(bundle_, name); });
    plan_.artifacts.assign(artifacts.begin(), artifacts.end());
    images_.names.erase(artifacts.begin(), artifacts.end());
  }

  void claim_images() {
    for (const NamedReference& name : images_.names) {
      references_.try_emplace(target_.collision_key(name.target),
                              Claim{source_of(name), root_of(name)});
    }
  }

  // A repository "disks/NAME" is a directory beside the files of disks.
  void claim_directories() {
    constexpr std::string_view kBeside = "disks/";
    for (const NamedReference& name : images_.names) {
      const std::string& repository = name.target.repository;
      if (!repository.starts_with(kBeside)) continue;
      const std::string rest = repository.substr(kBeside.size());
      paths_.try_emplace(io::join(place_of_directory(), rest.substr(0, rest.find('/'))),
                         Claim{source_of(name)});
    }
  }

  void claim(std::map<std::string, Claim>& taken, const std::string& key, const Claim& claim,
             const std::string& shown) {
    const auto [other, is_new] = taken.try_emplace(key, claim);
    if (is_new || (claim.manifest && claim.manifest == other->second.manifest)) return;
    plan_.problems.push_back(fmt::format("{} and {} would both become {}",
                                         printable(other->second.what), printable(claim.what),
                                         printable(shown)));
  }

  void claim_path(const std::string& path, const std::string& what) {
    claim(paths_, files_.place_of(path), {what}, path);
  }

  // A link there is replaced, not followed.
  void claim_file(const std::string& name, const Claim& file) {
    claim(paths_, io::join(place_of_directory(), name), file, io::join(directory_, name));
  }

  const std::string& place_of_directory() {
    if (directory_place_.empty()) directory_place_ = files_.place_of(directory_);
    return directory_place_;
  }

  void plan_artifact(const NamedReference& name) {
    PlannedDisk planned{.name = source_of(name), .paths = {directory_}};
    if (const auto layers = find_layers(name)) {
      planned.paths.front() = io::join(directory_, main_file(*layers));
      for (const DiskLayersFile& file : layers->files) {
        claim_file(file.name, {planned.name, root_of(name)});
      }
    }
    plan_.disks.push_back(std::move(planned));
  }

  void plan_disk(const DiskInfo& disk) {
    const std::string what = "disk " + disk.name;
    PlannedDisk planned{.name = disk.name};
    const auto to = request_.restore.to.find(disk.name);
    if (to != request_.restore.to.end()) {
      planned.paths.push_back(to->second);
      claim_path(to->second, what);
      look_at_place(what, to->second);
    } else if (becomes_files_) {
      for (const std::string& file : restored_files(bundle_.index(), disk, request_.restore.as)) {
        planned.paths.push_back(io::join(directory_, file));
        claim_file(file, {what});
      }
      if (disk.config) claim_file(config_file(disk), {what});
    } else {
      planned.reference = mapped(disk_reference(disk), request_.names.mappings);
      if (const auto objection = target_.objection(*planned.reference)) {
        plan_.problems.push_back(fmt::format("{}: {}", what, *objection));
      }
      claim(references_, target_.collision_key(*planned.reference), {what},
            planned.reference->text());
    }
    plan_.disks.push_back(std::move(planned));
  }

  // Of --disk-to.
  void look_at_place(const std::string& what, const std::string& path) {
    const auto found = files_.find(path);
    if (found && found->kind == io::FileKind::kOther && !request_.restore.overwrite_device) {
      plan_.problems.push_back(
          fmt::format("{}: all that is on {} would be lost; pass --overwrite-device if that is "
                      "what you want",
                      what, seabag::quoted(path)));
    }
    // "/." follows links.
    const std::string directory = io::parent_of(path);
    const auto parent = files_.find(io::join(directory, "."));
    if (!parent || parent->kind != io::FileKind::kDirectory) {
      plan_.problems.push_back(
          fmt::format("{}: --disk-to {}: there is no directory {}; make it "
                      "first, or choose another place",
                      what, seabag::quoted(path), seabag::quoted(directory)));
    }
  }

  const bundle::OpenedBundle& bundle_;
  const index::Content& content_;
  NamePlan& images_;
  const DiskRequest& request_;
  const target::Target& target_;
  io::FileSystem& files_;
  bool becomes_files_;
  std::string directory_;
  std::string directory_place_;
  std::map<std::string, Claim> references_;  // by their key at the target
  std::map<std::string, Claim> paths_;       // by FileSystem::place_of()
  DiskPlan plan_;
};

}  // namespace

DiskPlan plan_disks(const bundle::OpenedBundle& bundle, NamePlan& images,
                    const DiskRequest& request, const target::Target& target,
                    io::FileSystem& files) {
  return DiskPlanner(bundle, images, request, target, files).run();
}

}  // namespace seabag::importing
