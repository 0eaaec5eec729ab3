// SPDX-License-Identifier: Apache-2.0
#include "importer/outputs.h"

#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "bagit/bag_files.h"
#include "base/error.h"
#include "base/text.h"

namespace seabag::importer {
namespace {

void refuse_in_bundle(const CommandLine& line, io::FileSystem& files, std::string_view option,
                      const std::string& path) {
  if (!io::lies_in(files, line.bundle, path)) return;
  throw Error(Code::kUsage, fmt::format("{}: {} lies in the bundle {}, expected a place outside",
                                        option, seabag::quoted(path), seabag::quoted(line.bundle)))
      .add_next_step("nothing is written into a bundle: choose a place beside it");
}

}  // namespace

void refuse_outputs_in_bundle(const CommandLine& line, io::FileSystem& files) {
  // Without it there is no bundle, which whoever opens it says better, before anything is written.
  if (!files.find(io::join(line.bundle, std::string(bagit::kTagManifestPath)))) return;
  if (!line.damage.empty()) refuse_in_bundle(line, files, "--damage", line.damage);
  if (!line.output.empty()) refuse_in_bundle(line, files, "--output", line.output);
  if (!line.receipt.empty()) refuse_in_bundle(line, files, "--receipt", line.receipt);
  for (const auto& [disk, path] : line.disks.to) refuse_in_bundle(line, files, "--disk-to", path);
  if (line.target.path.empty()) return;
  refuse_in_bundle(line, files, "TARGET", line.target.path);
  if (line.target.transport == target::Transport::kDirectory) {
    refuse_in_bundle(line, files, "TARGET", io::join(line.target.path, "disks"));
  }
}

void refuse_names_in_bundle(const CommandLine& line,
                            const std::vector<importing::NamedReference>& names,
                            io::FileSystem& files) {
  if (line.target.transport != target::Transport::kDirectory) return;
  if (!io::lies_in(files, line.target.path, line.bundle)) return;
  std::set<std::string> repositories;
  for (const importing::NamedReference& name : names) repositories.insert(name.target.repository);
  for (const std::string& repository : repositories) {
    refuse_in_bundle(line, files, "TARGET", io::join(line.target.path, repository));
  }
}

}  // namespace seabag::importer
