// SPDX-License-Identifier: Apache-2.0
// seabag-export: the connected side. Links no code that pushes.

#include <chrono>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/version.h"
#include "bundle/damage_file.h"
#include "bundle/seal.h"
#include "cli/environment.h"
#include "cli/make_progress.h"
#include "cli/output.h"
#include "cli/program_options.h"
#include "cli/registries.h"
#include "cli/run_program.h"
#include "exporter/command_line.h"
#include "exporter/report.h"
#include "exporting/export.h"
#include "exporting/repair.h"
#include "io/posix_file_system.h"
#include "io/user_file.h"

namespace seabag::exporter {
namespace {

constexpr const char* kProgram = "seabag-export";

UtcTime clock_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::seconds>(now).count()};
}

void read_source_lists(CommandLine& line) {
  for (const std::string& file : line.source_lists) {
    const io::Bytes bytes = io::read_user_file(file, limits::kLayoutIndexBytes);
    add_source_list(line.request, io::text_of(bytes), file);
  }
  if (!line.repair.empty()) return;
  const exporting::ExportRequest& request = line.request;
  if (request.sources.empty() && request.disks.empty() && !request.resume) {
    throw Error(Code::kUsage, "nothing to export: --from gave no source");
  }
  link_disk_configs(line.request, line.disk_configs);
}

cli::RegistrySurroundings registry_surroundings(const CommandLine& line,
                                                const cli::Environment& environment,
                                                io::FileSystem& files, transfer::Progress& progress,
                                                const std::stop_token& stop) {
  cli::RegistrySurroundings surroundings{
      .environment = environment,
      .goes_elsewhere = true,
      .user_agent = line.request.tool,
      .named_registries = {},
      .files = &files,
      .warn = [&](const std::string& text) { progress.warn(text); },
      .stop = stop};
  for (const source::SourceName& name : line.request.sources) {
    if (name.transport == source::Transport::kRegistry) {
      surroundings.named_registries.push_back(name.reference.registry);
    }
  }
  return surroundings;
}

int repair(const CommandLine& line, exporting::Means& means) {
  const io::Bytes list = io::read_user_file(line.repair, limits::kLayoutIndexBytes);
  const exporting::ExportRequest& request = line.request;
  const exporting::RepairReport report =
      exporting::run_repair({.patch = request.bundle,
                             .damage = bundle::parse_damage(io::text_of(list), quoted(line.repair)),
                             .sources = request.sources,
                             .disks = request.disks,
                             .configs = repair_configs(line.disk_configs),
                             .zero_unreadable = request.disk_options.zero_unreadable,
                             .jobs = request.jobs,
                             .max_rate = request.max_rate,
                             .tool = request.tool},
                            means);
  if (line.json) {
    cli::print(repair_json(report));
  } else if (!line.quiet) {
    cli::print(repair_text(report));
  }
  return report.missing.empty() ? 0 : static_cast<int>(Code::kPartial);
}

int run(CommandLine& line, const std::stop_token& stop) {
  const cli::Environment environment = cli::read_environment();
  const auto files = io::posix_file_system();
  read_source_lists(line);
  line.request.tool = fmt::format("{}/{}", kProgram, kVersion);
  const auto progress = cli::make_progress(kProgram, line.json, line.quiet, environment);
  const cli::RegistrySurroundings around =
      registry_surroundings(line, environment, *files, *progress, stop);
  const http::Settings http = cli::http_settings(line.registries, around);
  exporting::Means means{
      .files = *files,
      .surroundings = {.files = files.get(),
                       .registry = cli::open_registries(line.registries, around, http),
                       .foreign_client =
                           [&] {
                             return std::make_unique<http::Client>(http, http::real_pause(), stop);
                           }},
      .now = [&] { return environment.source_date_epoch.value_or(clock_now()); },
      .pause = http::real_pause(),
      .progress = *progress,
      .stop = stop};
  // A resumed export fetches what its plan wants, whatever is said again.
  if (!line.request.selection.foreign_layers && !line.request.resume) {
    means.surroundings.foreign_client = {};
  }
  if (!line.repair.empty()) return repair(line, means);
  const exporting::ExportReport report = exporting::run_export(line.request, means);
  if (line.json) {
    cli::print(report_json(report));
  } else if (!line.quiet || line.request.dry_run) {
    cli::print(report_text(report));
  }
  return report.missing.empty() ? 0 : static_cast<int>(Code::kPartial);
}

int run_command(int argc, const char* const* argv, const std::stop_token& stop) {
  CommandLine line = parse_command_line(argc, argv);
  if (line.help) {
    cli::print(help_text());
    return 0;
  }
  if (line.version) {
    cli::print(
        fmt::format("{} {} (bundle format {})\n", kProgram, kVersion, bundle::kFormatVersion));
    return 0;
  }
  return run(line, stop);
}

}  // namespace
}  // namespace seabag::exporter

int main(int argc, char** argv) {
  return seabag::cli::run_program(
      seabag::exporter::kProgram, seabag::cli::asks_for_json(argc, argv),
      [&](const std::stop_token& stop) { return seabag::exporter::run_command(argc, argv, stop); });
}
