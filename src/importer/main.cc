// SPDX-License-Identifier: Apache-2.0
// seabag-import: the offline side. Links no code that pulls, and opens no connection but to the
// target.

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "base/version.h"
#include "bundle/damage.h"
#include "bundle/damage_file.h"
#include "bundle/opened.h"
#include "bundle/plan_file.h"
#include "bundle/seal.h"
#include "bundle/verify.h"
#include "cli/environment.h"
#include "cli/make_progress.h"
#include "cli/output.h"
#include "cli/program_options.h"
#include "cli/registries.h"
#include "cli/run_program.h"
#include "importer/command_line.h"
#include "importer/listing.h"
#include "importer/outcome.h"
#include "importer/outputs.h"
#include "importing/container_disk.h"
#include "importing/disk_artifact.h"
#include "importing/disk_plan.h"
#include "importing/lost_disks.h"
#include "importing/mend.h"
#include "importing/read_back.h"
#include "importing/restore_disks.h"
#include "io/posix_file_system.h"
#include "target/part_file.h"

namespace seabag::importer {
namespace {

constexpr const char* kProgram = "seabag-import";

UtcTime clock_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::seconds>(now).count()};
}

std::string tool() {
  return fmt::format("{}/{}", kProgram, kVersion);
}

int all_cores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// What is written at the end of the work gets its place looked at before: hours of it are not to
// end for want of one.
void require_place(io::FileSystem& files, const std::string& path) {
  const auto found = files.find(path);
  if (found && found->kind == io::FileKind::kDirectory) {
    throw Error(Code::kUsage, fmt::format("{} is a directory, expected a file", quoted(path)));
  }
  const target::PartFile probe(files, path);  // gone again when this returns
}

// A lost or damaged index is made anew, in memory.
bundle::OpenedBundle open_bundle(const CommandLine& line, io::FileSystem& files,
                                 transfer::Progress& progress, const std::stop_token& stop) {
  bundle::RebuildMeans means{.progress = progress, .stop = stop, .jobs = all_cores()};
  means.read_disks = [&](const std::vector<index::PayloadFile>& payload, UtcTime read_at) {
    return importing::read_lost_disks(files, line.bundle, payload, read_at, means);
  };
  return bundle::OpenedBundle::open(files, line.bundle, line.seal, nullptr, &means);
}

int verify(const CommandLine& line, io::FileSystem& files, transfer::Progress& progress,
           const std::stop_token& stop) {
  if (!line.damage.empty()) require_place(files, line.damage);
  std::vector<std::string> problems;  // with the payload, and files that no manifest lists
  const int jobs = all_cores();
  const bundle::RebuildMeans means{.progress = progress, .stop = stop, .jobs = jobs};
  const auto bundle =
      bundle::OpenedBundle::open(files, line.bundle, line.seal, &problems, &means, &problems);
  auto report = bundle::verify(bundle, std::move(problems), {.quick = line.quick, .jobs = jobs},
                               progress, stop);
  // What is damaged is not opened.
  if (line.deep && report.findings.empty()) {
    report.findings = importing::verify_disks(bundle, jobs, progress, stop);
  }
  const bundle::Damage damage =
      line.quick ? bundle::Damage{.seal = bundle.seal()} : bundle::find_damage(bundle, report);
  if (!line.damage.empty()) {
    io::replace_file(files, line.damage, io::bytes_of(bundle::write_damage(damage)));
  }
  const Verified verified{.bundle = bundle,
                          .report = report,
                          .damage = damage,
                          .quick = line.quick,
                          .damage_file = line.damage};
  cli::print(line.json ? verify_json(verified) : verify_text(verified));
  return report.findings.empty() ? 0 : static_cast<int>(Code::kIntegrity);
}

// Mends, and then looks at the whole bundle as verify does: success says that nothing is damaged
// any more.
int patch(const CommandLine& line, io::FileSystem& files, transfer::Progress& progress,
          const std::stop_token& stop) {
  const int jobs = all_cores();
  const importing::MendReport mended = importing::mend(
      files, {.bundle = line.bundle, .seal = line.seal, .patches = line.patches, .jobs = jobs},
      progress, stop);
  std::vector<std::string> problems;
  const auto bundle = bundle::OpenedBundle::open(files, line.bundle, line.seal, &problems);
  const auto report =
      bundle::verify(bundle, std::move(problems), {.quick = false, .jobs = jobs}, progress, stop);
  const bundle::Damage damage = bundle::find_damage(bundle, report);
  const Verified verified{
      .bundle = bundle, .report = report, .damage = damage, .quick = false, .damage_file = {}};
  cli::print(line.json ? patch_json(mended, verified) : patch_text(mended) + verify_text(verified));
  return report.findings.empty() ? 0 : static_cast<int>(Code::kIntegrity);
}

int list(const CommandLine& line, io::FileSystem& files, transfer::Progress& progress,
         const std::stop_token& stop) {
  const auto bundle = open_bundle(line, files, progress, stop);
  (line.json ? list_json : list_text)(bundle, [](std::string_view part) { cli::print(part); });
  return 0;
}

// Beside the bundle, never into it: its seal covers the index that it was sealed with, and what
// that one alone knew does not come back.
int rebuild(const CommandLine& line, io::FileSystem& files, transfer::Progress& progress,
            const std::stop_token& stop) {
  std::string bundle_name = line.bundle;
  while (bundle_name.size() > 1 && bundle_name.ends_with('/')) bundle_name.pop_back();
  const std::string output =
      line.output.empty() ? bundle_name + '.' + index::kIndexFile : line.output;
  if (files.find(output)) {
    throw Error(Code::kUsage, fmt::format("{} exists already", quoted(output)))
        .add_next_step("choose another name with --output");
  }
  require_place(files, output);
  const auto bundle = open_bundle(line, files, progress, stop);
  const bool is_lost = !bundle.index_defect().empty();
  if (is_lost) bundle::write_plan_file(files, output, bundle.index());
  const std::string written = is_lost ? output : "";
  cli::print(line.json ? rebuild_json(bundle, written) : rebuild_text(bundle, written));
  return 0;
}

importing::DiskRequest disk_request(const CommandLine& line) {
  const bool is_directory = line.target.transport == target::Transport::kDirectory;
  return {.names = line.names,
          .restore = line.disks,
          .directory = is_directory ? line.target.path : std::string(),
          .as_containers = !line.container_architecture.empty(),
          .receipt = line.receipt};
}

void require_names(const importing::NamePlan& names, const importing::DiskPlan& disks,
                   const target::Target& target, transfer::Progress& progress) {
  std::vector<std::string> problems = names.problems;
  problems.insert(problems.end(), disks.problems.begin(), disks.problems.end());
  for (const std::string& problem : problems) progress.warn(problem);
  if (!problems.empty()) {
    throw Error(Code::kUsage,
                fmt::format("{} name{} cannot be used at {}; nothing was pushed", problems.size(),
                            problems.size() == 1 ? "" : "s", printable(target.uri())))
        .add_next_step(
            "give them other names with --map FROM=TO or --disk-to, or leave them out with "
            "--except");
  }
  if (names.names.empty() && disks.disks.empty()) {
    throw Error(Code::kUsage, "no image or disk of the bundle matches --only and --except")
        .add_next_step("see what is in it: seabag-import list");
  }
}

void require_undamaged(const bundle::OpenedBundle& bundle, int jobs, transfer::Progress& progress,
                       const std::stop_token& stop) {
  const auto report = bundle::verify(bundle, {}, {.quick = false, .jobs = jobs}, progress, stop);
  if (report.findings.empty()) return;
  for (const bundle::Finding& finding : report.findings) progress.warn(finding.text);
  throw Error(
      Code::kIntegrity,
      fmt::format("the bundle is damaged in {} places; nothing was pushed", report.findings.size()))
      .add_next_step("see which images that concerns: seabag-import verify");
}

// What is pushed, and where to.
struct Push {
  const CommandLine& line;
  const bundle::OpenedBundle& bundle;
  const std::vector<importing::NamedReference>& names;
  const importing::DiskPlan& disks;
  target::Target& target;
};

// In a directory disks become files; elsewhere they are artifacts; anywhere they are images for
// KubeVirt if that is asked for.
std::vector<std::unique_ptr<importing::DiskWork>> disk_work(const Push& push, io::FileSystem& files,
                                                            transfer::Progress& progress,
                                                            const std::stop_token& stop,
                                                            importing::Receipt& receipt) {
  const CommandLine& line = push.line;
  const auto& disks = push.disks.chosen;
  std::vector<std::unique_ptr<importing::DiskWork>> work;
  if (!line.container_architecture.empty()) {
    work.push_back(importing::push_container_disks(push.bundle, disks, push.target, line.names,
                                                   line.push, line.container_architecture, progress,
                                                   stop, receipt));
  } else if (line.target.transport == target::Transport::kDirectory) {
    work.push_back(importing::restore_disk_artifacts(push.bundle, files, push.disks.artifacts,
                                                     line.target.path, line.push.on_existing_tag,
                                                     progress, stop, receipt));
    work.push_back(importing::restore_disks(push.bundle, files, disks, line.target.path, line.disks,
                                            progress, stop, receipt));
  } else {
    work.push_back(importing::push_disks(push.bundle, disks, push.target, line.names, line.push,
                                         line.disk_chunk_size, progress, stop, receipt));
  }
  return work;
}

// Not if all of them go elsewhere: then there need not be a directory.
bool writes_disks_to_target(const CommandLine& line, const index::Index& index,
                            const importing::DiskPlan& disks) {
  return !disks.artifacts.empty() || std::ranges::any_of(disks.chosen, [&](std::uint32_t i) {
    return !line.disks.to.contains(index.disks[i].name);
  });
}

// Images, then disks; before both, what is there in the place of either.
void push_all(const Push& push, io::FileSystem& files, transfer::Progress& progress,
              const std::stop_token& stop, importing::Receipt& receipt) {
  const CommandLine& line = push.line;
  const auto disks = disk_work(push, files, progress, stop, receipt);
  const auto look_at_disks = [&] {
    int conflicts = 0;
    for (const auto& work : disks) conflicts += work->look();
    return conflicts;
  };
  importing::push(push.bundle, push.names, push.target, line.push, progress, stop, receipt,
                  look_at_disks);
  receipt.complete = false;
  if (line.push.read_back) {
    importing::read_back(push.bundle, push.names, push.target, line.push.jobs, progress, stop,
                         receipt);
  }
  if (line.target.transport == target::Transport::kDirectory &&
      writes_disks_to_target(line, push.bundle.index(), push.disks)) {
    push.target.lock();
  }
  for (const auto& work : disks) work->run();
  if (!push.disks.chosen.empty()) push.target.finish();
  receipt.complete = true;
}

// Also when the push ends early: what did happen is what the user needs to know then.
void finish_receipt(const CommandLine& line, io::FileSystem& files, importing::Receipt& receipt) {
  receipt.finished = clock_now();
  if (!line.receipt.empty()) {
    io::replace_file(files, line.receipt, io::bytes_of(importing::write_receipt(receipt)));
  }
}

int push(const CommandLine& line, const cli::Environment& environment, io::FileSystem& files,
         transfer::Progress& progress, const std::stop_token& stop) {
  if (!line.receipt.empty() && !line.dry_run) require_place(files, line.receipt);
  const auto bundle = open_bundle(line, files, progress, stop);
  const cli::RegistrySurroundings around{
      .environment = environment,
      .user_agent = tool(),
      .named_registries = line.target.registry.empty() ? std::vector<std::string>()
                                                       : std::vector{line.target.registry},
      .files = &files,
      .warn = [&](const std::string& text) { progress.warn(text); },
      .stop = stop};
  const http::Settings http = cli::http_settings(line.registries, around);
  const auto target = target::open_target(
      line.target, {.files = &files,
                    .registry = cli::open_registries(line.registries, around, http),
                    .chunk_size = line.chunk_size});
  const index::Content& content = bundle.index().content;
  importing::NamePlan names = importing::plan_names(content, bundle.graph(), line.names, *target);
  const importing::DiskPlan disks =
      importing::plan_disks(bundle, names, disk_request(line), *target, files);
  require_names(names, disks, *target, progress);
  refuse_names_in_bundle(line, names.names, files);
  if (line.dry_run) {
    cli::print((line.json ? dry_run_json : dry_run_text)(content, names, disks, *target));
    return 0;
  }
  if (line.verify_first) require_undamaged(bundle, line.push.jobs, progress, stop);

  importing::Receipt receipt{.tool = tool(),
                             .bundle = io::base_name_of(line.bundle),
                             .seal = bundle.seal(),
                             .target = target->uri(),
                             .started = clock_now(),
                             .finished = {},
                             .references = {},
                             .disks = {}};
  try {
    push_all({line, bundle, names.names, disks, *target}, files, progress, stop, receipt);
  } catch (const Error&) {
    finish_receipt(line, files, receipt);
    throw;
  }
  finish_receipt(line, files, receipt);
  if (line.json) {
    cli::print(importing::write_receipt(receipt));
  } else if (!line.quiet) {
    cli::print(push_text(receipt));
  }
  return importing::exit_status(receipt);
}

int run_command(int argc, const char* const* argv, const std::stop_token& stop) {
  const CommandLine line = parse_command_line(argc, argv);
  if (line.command == Command::kHelp) {
    cli::print(help_text());
    return 0;
  }
  if (line.command == Command::kVersion) {
    cli::print(
        fmt::format("{} {} (bundle format {})\n", kProgram, kVersion, bundle::kFormatVersion));
    return 0;
  }
  const cli::Environment environment = cli::read_environment();
  const auto files = io::posix_file_system();
  refuse_outputs_in_bundle(line, *files);
  const auto progress = cli::make_progress(kProgram, line.json, line.quiet, environment);
  if (line.command == Command::kVerify) return verify(line, *files, *progress, stop);
  if (line.command == Command::kList) return list(line, *files, *progress, stop);
  if (line.command == Command::kPatch) return patch(line, *files, *progress, stop);
  if (line.command == Command::kIndex) return rebuild(line, *files, *progress, stop);
  return push(line, environment, *files, *progress, stop);
}

}  // namespace
}  // namespace seabag::importer

int main(int argc, char** argv) {
  return seabag::cli::run_program(
      seabag::importer::kProgram, seabag::cli::asks_for_json(argc, argv),
      [&](const std::stop_token& stop) { return seabag::importer::run_command(argc, argv, stop); });
}
