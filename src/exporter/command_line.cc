// SPDX-License-Identifier: Apache-2.0
#include "exporter/command_line.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include <cxxopts.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/parse_size.h"
#include "cli/program_options.h"

namespace seabag::exporter {
namespace {

constexpr std::string_view kHelp =
    R"(seabag-export BUNDLE SOURCE...    export images and disks into a bundle, for carrying it offline

SOURCE  docker://HOST[:PORT]                 every repository that the registry lists
        docker://HOST[:PORT]/REPO            every tag;  .../REPO:TAG one;  .../REPO@DIGEST one manifest
        oci:DIR[:REF]   oci-archive:FILE[:REF]   docker-archive:FILE[:REF]
        disk:PATH[,name=NAME][,server=NAME][,boot][,format=F][,source-format=F][,config=FILE]
                  [,adapter=A][,cid=CID][,uuid=UUID][,timestamp=TIME]
        --from FILE                          more sources, one a line; - for standard input

What    --platform OS/ARCH[/VARIANT]         of multi-platform images only these (repeatable)
        --include PATTERN, --exclude PATTERN over repo:tag; * any but /, ** any (repeatable)
        --newest N                           of each repository the N newest tags
        --no-referrers                       without signatures, SBOMs and other attachments
        --foreign-layers                     fetch non-distributable layers from their URLs
Disks   --disk-format F                      vmdk, vmdk-sparse, vmdk-flat, vmdk-2gb, vhd, vhd-fixed, raw
        --for DESTINATION [--fit]            azure, ibm-classic, xenserver, aws, vsphere, hyper-v
        --source-format F                    raw, qcow2, vhd, vhdx, vmdk, where the name does not say it
        --disk-config [NAME=]FILE.json       the configuration of the server (repeatable)
        --on-read-error zero                 go on where a disk cannot be read
Bundle  --resume                             continue the unfinished bundle
        --dry-run                            say what would be carried and how large it is
        --split-by repository                a self-contained tarball for each repository
        --tarball-size SIZE                  begin a new tarball before this size (4GiB, 500M)
        --repair LIST                        BUNDLE becomes a patch: what LIST calls damaged, alone
Login   --authfile FILE  --user NAME --password-file FILE | --password-stdin  --auth-realm HOST
Network --plain-http HOST[:PORT]  --ca-file FILE  --client-cert FILE --client-key FILE
        --proxy URL  --proxy-user NAME --proxy-password-file FILE  --no-proxy HOST,...
        --jobs N  --max-rate SIZE  --retries N  --connect-timeout SECONDS  --stall-timeout SECONDS
Output  --json  -q, --quiet  --version  -h, --help

Examples
  seabag-export nightly.bag docker://registry.example/team/app:1.2
  seabag-export nightly.bag docker://localhost:5000 --plain-http localhost:5000 --newest 3
  seabag-export servers.bag disk:/srv/web01.qcow2,server=web01,boot disk:/dev/sdb,name=data --for azure --fit
  seabag-export nightly.bag --resume
  seabag-export nightly.patch --repair damage.json docker://registry.example

Exit status: 0 done, 3 sealed but something is missing, 31 the source failed (--resume later); all of them: seabag-export(1)
)";

cxxopts::Options declare() {
  cxxopts::Options options("seabag-export");
  const auto text = [] { return cxxopts::value<std::string>(); };
  const auto texts = [] { return cxxopts::value<std::vector<std::string>>(); };
  options.add_options("Export")("from", "", texts())("platform", "", texts())(
      "include", "", texts())("exclude", "", texts())("newest", "", text())("no-referrers", "")(
      "foreign-layers", "")("resume", "")("dry-run", "")("split-by", "", text())(
      "tarball-size", "", text())("repair", "", text())("arguments", "", texts());
  options.add_options("Disks")("disk-format", "", text())("for", "", text())("fit", "")(
      "source-format", "", text())("disk-config", "", texts())("on-read-error", "", text());
  options.parse_positional("arguments");
  cli::add_registry_options(options);
  cli::add_program_options(options);
  return options;
}

std::uint32_t parse_count(const std::string& text, const char* option) {
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc() && end == text.data() + text.size() && count > 0) return count;
  throw Error(Code::kUsage,
              fmt::format("{}: expected a number from 1, got {}", option, quoted(text)));
}

bundle::PlanOptions parse_layout(const cxxopts::ParseResult& arguments) {
  bundle::PlanOptions layout;
  if (arguments.count("split-by") > 0) {
    const auto by = arguments["split-by"].as<std::string>();
    if (by != "repository") {
      throw Error(Code::kUsage, fmt::format("--split-by: expected repository, got {}", quoted(by)));
    }
    layout.by_repository = true;
  }
  if (arguments.count("tarball-size") > 0) {
    layout.tarball_size =
        cli::parse_size(arguments["tarball-size"].as<std::string>(), "--tarball-size");
  }
  return layout;
}

exporting::Selection parse_selection(const cxxopts::ParseResult& arguments) {
  exporting::Selection selection;
  for (const std::string& platform : cli::values_of(arguments, "platform")) {
    selection.platforms.push_back(oci::parse_platform(platform));
  }
  selection.include = cli::values_of(arguments, "include");
  selection.exclude = cli::values_of(arguments, "exclude");
  if (arguments.count("newest") > 0) {
    selection.newest = parse_count(arguments["newest"].as<std::string>(), "--newest");
  }
  selection.attached = arguments.count("no-referrers") == 0;
  selection.foreign_layers = arguments.count("foreign-layers") > 0;
  return selection;
}

exporting::DiskOptions parse_disk_options(const cxxopts::ParseResult& arguments) {
  exporting::DiskOptions options;
  const auto read = [&](const char* name, auto find, const std::string& expected) {
    const auto value = arguments[name].as<std::string>();
    const auto found = find(value);
    if (found) return found;
    throw Error(Code::kUsage,
                fmt::format("--{}: expected one of {}, got {}", name, expected, quoted(value)));
  };
  if (arguments.count("disk-format") > 0) {
    options.format =
        *read("disk-format", conversion::find_output_format, conversion::output_format_names());
    options.format_is_given = true;
  }
  if (arguments.count("source-format") > 0) {
    options.source_format =
        read("source-format", conversion::find_source_format, conversion::source_format_names());
  }
  if (arguments.count("for") > 0) {
    options.destination =
        read("for", conversion::find_destination, conversion::destination_names());
  }
  options.fit = arguments.count("fit") > 0;
  if (options.fit && !options.destination) {
    throw Error(Code::kUsage, "--fit needs --for DESTINATION");
  }
  if (arguments.count("on-read-error") > 0) {
    const auto what = arguments["on-read-error"].as<std::string>();
    if (what != "zero" && what != "stop") {
      throw Error(Code::kUsage,
                  fmt::format("--on-read-error: expected zero or stop, got {}", quoted(what)));
    }
    options.zero_unreadable = what == "zero";
  }
  return options;
}

// A repair fetches what the list says, as it was: nothing chooses, and nothing is cut otherwise.
void require_repair_options(const cxxopts::ParseResult& arguments) {
  for (const char* option : {"resume", "dry-run", "platform", "include", "exclude", "newest",
                             "no-referrers", "foreign-layers", "split-by", "tarball-size",
                             "disk-format", "for", "fit", "source-format"}) {
    if (arguments.count(option) > 0) {
      throw Error(Code::kUsage, fmt::format("--repair and --{} exclude each other", option))
          .add_next_step("the list says what is fetched, and in which form");
    }
  }
}

void add_source(exporting::ExportRequest& request, std::string_view text) {
  if (text.starts_with("disk:")) {
    request.disks.push_back(exporting::parse_disk(text));
  } else {
    request.sources.push_back(source::parse_source(text));
  }
}

void require_complete(const CommandLine& line) {
  const exporting::ExportRequest& request = line.request;
  if (request.resume && request.dry_run) {
    throw Error(Code::kUsage, "--resume and --dry-run exclude each other");
  }
  const bool lists_from_stdin =
      std::ranges::find(line.source_lists, "-") != line.source_lists.end();
  if (line.repair == "-" && (lists_from_stdin || line.registries.password_from_stdin)) {
    throw Error(Code::kUsage, "--repair - and another option would both read standard input");
  }
  if (lists_from_stdin && line.registries.password_from_stdin) {
    throw Error(Code::kUsage, "--from - and --password-stdin would both read standard input")
        .add_next_step("give the password with --password-file");
  }
  if (request.sources.empty() && request.disks.empty() && line.source_lists.empty() &&
      !request.resume && (line.repair.empty() || line.disk_configs.empty())) {
    throw Error(Code::kUsage, "nothing to export: expected a SOURCE")
        .add_next_step("seabag-export BUNDLE docker://HOST/REPO:TAG, see seabag-export --help");
  }
}

}  // namespace

std::string_view help_text() {
  return kHelp;
}

CommandLine parse_command_line(int argc, const char* const* argv) {
  cxxopts::Options options = declare();
  const cxxopts::ParseResult arguments = cli::parse_command_line(options, argc, argv);
  CommandLine line;
  line.help = arguments.count("help") > 0;
  line.version = arguments.count("version") > 0;
  line.json = arguments.count("json") > 0;
  line.quiet = arguments.count("quiet") > 0;
  if (line.help || line.version) return line;

  const std::vector<std::string> words = cli::values_of(arguments, "arguments");
  if (words.empty()) {
    throw Error(Code::kUsage, "expected BUNDLE and SOURCE...")
        .add_next_step("seabag-export --help");
  }
  line.request.bundle = words.front();
  if (line.request.bundle.empty() || line.request.bundle.find("://") != std::string::npos) {
    throw Error(Code::kUsage, fmt::format("expected the directory of the bundle first, got {}",
                                          quoted(words.front())))
        .add_next_step("seabag-export BUNDLE SOURCE...");
  }
  for (std::size_t i = 1; i < words.size(); ++i) add_source(line.request, words[i]);
  line.source_lists = cli::values_of(arguments, "from");
  line.request.resume = arguments.count("resume") > 0;
  if (arguments.count("repair") > 0) {
    line.repair = arguments["repair"].as<std::string>();
    if (line.repair.empty()) throw Error(Code::kUsage, "--repair: expected a file");
    require_repair_options(arguments);
  }
  line.request.dry_run = arguments.count("dry-run") > 0;
  line.request.selection = parse_selection(arguments);
  line.request.layout = parse_layout(arguments);
  line.request.disk_options = parse_disk_options(arguments);
  line.disk_configs = cli::values_of(arguments, "disk-config");
  line.registries = cli::read_registry_options(arguments);
  line.request.jobs = line.registries.jobs;
  line.request.max_rate = line.registries.max_rate;
  require_complete(line);
  return line;
}

void add_source_list(exporting::ExportRequest& request, std::string_view text,
                     const std::string& file) {
  for (int number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    try {
      add_source(request, line);
    } catch (Error& error) {
      error.add_context(fmt::format("{}, line {}", quoted(file), number));
      throw;
    }
  }
}

void link_disk_configs(exporting::ExportRequest& request, const std::vector<std::string>& configs) {
  if (request.resume && request.disks.empty()) {
    request.configs = configs;
    return;
  }
  std::vector<std::string> names;
  for (const exporting::DiskRequest& disk : request.disks) names.push_back(disk.name);
  for (const std::string& config : configs) {
    exporting::DiskConfig found = exporting::find_disk_config(config, names);
    const auto disk = std::ranges::find(request.disks, found.disk, &exporting::DiskRequest::name);
    if (!disk->config.empty()) {
      throw Error(Code::kUsage, fmt::format("--disk-config {}: {} has the configuration {} already",
                                            quoted(config), disk->name, quoted(disk->config)))
          .add_next_step("put what belongs to one disk into one JSON document");
    }
    disk->config = std::move(found.file);
  }
}

std::map<std::string, std::string> repair_configs(const std::vector<std::string>& configs) {
  std::map<std::string, std::string> files;
  for (const std::string& config : configs) {
    const auto equals = config.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == config.size()) {
      throw Error(Code::kUsage,
                  fmt::format("--disk-config: expected NAME=FILE, got {}", quoted(config)));
    }
    files[config.substr(0, equals)] = config.substr(equals + 1);
  }
  return files;
}

}  // namespace seabag::exporter
