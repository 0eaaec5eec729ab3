// SPDX-License-Identifier: Apache-2.0
#include "importer/command_line.h"

#include <cxxopts.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/parse_size.h"
#include "cli/program_options.h"
#include "importing/container_disk.h"

namespace seabag::importer {
namespace {

constexpr std::string_view kHelp =
    R"(seabag-import verify|list|push|patch|index BUNDLE ...    check a bundle, list, import, mend it

verify BUNDLE            every byte against its checksum and digest; what is missing or extra
        --quick                              names, structure and sizes alone
        --deep                               also the content digest of every disk
        --damage FILE                        write what is damaged, for seabag-export to fetch again
list   BUNDLE            what is in it, from where, how large
patch  BUNDLE [PATCH...] mend what is damaged, with patches of seabag-export or another copy
push   BUNDLE TARGET     TARGET  docker://HOST[:PORT][/PREFIX]   a registry
                                 oci:DIR                         an OCI image layout, made or extended
                                 dir:DIR                         a tarball for each image, DIR/disks
        --disk-as F                          dir: disks as vmdk, vmdk-sparse, vmdk-flat, vmdk-2gb, vhd,
                                             vhd-fixed or raw; without it as they are in the bundle
        --disk-to NAME=PATH                  dir: a disk into a raw file or onto a device (repeatable)
        --overwrite-device                   with --disk-to: all that is on the device is lost
        --disk-as-container[=ARCH]           disks as images for KubeVirt (containerDisk); default amd64
        --disk-chunk-size SIZE               docker:, oci: larger files of disks in several blobs
        --map FROM=TO                        other names at the target, by prefix (repeatable)
        --only PATTERN, --except PATTERN     over repo:tag; * any but /, ** any (repeatable)
        --on-existing-tag fail|skip|replace  where a tag means something else there; default fail
        --dry-run                            print what would be pushed where
        --receipt FILE                       write what became of each image, as JSON
        --verify-first                       read the whole bundle before the first byte is sent
        --verify-target                      docker: read everything back, and compare
        --chunk-size SIZE                    upload larger blobs in chunks (for proxies with limits)
index  BUNDLE --rebuild  the index made anew from the rest, where it is lost or damaged
        --output FILE                        where to; default BUNDLE.index.sqlite
All     --seal DIGEST                        refuse any bundle but the one with this seal
Login   --authfile FILE  --user NAME --password-file FILE | --password-stdin  --auth-realm HOST
Network --plain-http HOST[:PORT]  --ca-file FILE  --client-cert FILE --client-key FILE
        --proxy URL  --proxy-user NAME --proxy-password-file FILE  --no-proxy HOST,...
        --jobs N  --max-rate SIZE  --retries N  --connect-timeout SECONDS  --stall-timeout SECONDS
Output  --json  -q, --quiet  --version  -h, --help

Examples
  seabag-import verify nightly.bag
  seabag-import push nightly.bag docker://registry.site/mirror --receipt nightly.json
  seabag-import push nightly.bag oci:/srv/images --only 'team/**'

Exit status: 0 done, 20 the bundle is damaged, 31 the target failed (run it again); all of them: seabag-import(1)
)";

cxxopts::Options declare() {
  cxxopts::Options options("seabag-import");
  const auto text = [] { return cxxopts::value<std::string>(); };
  const auto texts = [] { return cxxopts::value<std::vector<std::string>>(); };
  options.add_options("Import")("quick", "")("deep", "")("damage", "", text())("rebuild", "")(
      "output", "", text())("disk-as", "", text())("disk-to", "", texts())("overwrite-device", "")(
      "disk-as-container", "", text()->implicit_value("amd64"))("disk-chunk-size", "", text())(
      "seal", "", text())("map", "", texts())("only", "", texts())("except", "", texts())(
      "on-existing-tag", "", text())("dry-run", "")("receipt", "", text())("verify-first", "")(
      "verify-target", "")("chunk-size", "", text())("arguments", "", texts());
  options.parse_positional("arguments");
  cli::add_registry_options(options);
  cli::add_program_options(options);
  return options;
}

importing::OnExistingTag parse_on_existing_tag(const std::string& text) {
  if (text == "fail") return importing::OnExistingTag::kFail;
  if (text == "skip") return importing::OnExistingTag::kSkip;
  if (text == "replace") return importing::OnExistingTag::kReplace;
  throw Error(Code::kUsage, fmt::format("--on-existing-tag: expected fail, skip or replace, got {}",
                                        quoted(text)));
}

Command parse_command(const std::string& word) {
  if (word == "verify") return Command::kVerify;
  if (word == "list") return Command::kList;
  if (word == "push") return Command::kPush;
  if (word == "patch") return Command::kPatch;
  if (word == "index") return Command::kIndex;
  throw Error(Code::kUsage,
              fmt::format("expected verify, list, push, patch or index, got {}", quoted(word)))
      .add_next_step("seabag-import --help");
}

digest::Digest parse_seal(const std::string& text) {
  const auto seal =
      digest::find_digest(text.find(':') == std::string::npos ? "sha256:" + text : text);
  if (seal) return *seal;
  throw Error(Code::kUsage,
              fmt::format("--seal: expected sha256: and 64 digits, got {}", quoted(text)));
}

// An option of another command would be passed over in silence, and the user would believe in it.
void refuse_strange_options(const cxxopts::ParseResult& arguments, Command command) {
  const auto refuse = [&](std::initializer_list<const char*> options, Command of,
                          const char* name) {
    for (const char* option : options) {
      if (command != of && arguments.count(option) > 0) {
        throw Error(Code::kUsage, fmt::format("--{} belongs to {}", option, name));
      }
    }
  };
  refuse({"quick", "deep", "damage"}, Command::kVerify, "verify");
  refuse({"rebuild", "output"}, Command::kIndex, "index");
  refuse({"map", "only", "except", "on-existing-tag", "dry-run", "receipt", "verify-first",
          "verify-target", "chunk-size", "disk-as", "disk-to", "overwrite-device",
          "disk-chunk-size", "disk-as-container"},
         Command::kPush, "push");
}

void read_damage_file(const cxxopts::ParseResult& arguments, CommandLine& line) {
  if (arguments.count("damage") == 0) return;
  line.damage = arguments["damage"].as<std::string>();
  if (line.quick) {
    throw Error(Code::kUsage,
                "--quick reads no content, so it cannot tell --damage what is damaged")
        .add_next_step("leave out --quick");
  }
  if (line.damage.empty()) {
    throw Error(Code::kUsage, "--damage: expected a file beside the bundle, got \"\"");
  }
}

void read_container(const cxxopts::ParseResult& arguments, CommandLine& line) {
  if (arguments.count("disk-as-container") == 0) return;
  line.container_architecture = arguments["disk-as-container"].as<std::string>();
  if (!importing::is_container_architecture(line.container_architecture)) {
    throw Error(Code::kUsage, fmt::format("--disk-as-container: expected {}, got {}",
                                          importing::container_architectures(),
                                          quoted(line.container_architecture)));
  }
  for (const char* option : {"disk-as", "disk-to", "disk-chunk-size"}) {
    if (arguments.count(option) == 0) continue;
    throw Error(Code::kUsage, fmt::format("--disk-as-container excludes --{}", option))
        .add_next_step("the image holds the disk as one raw file in one layer");
  }
}

void read_disks(const cxxopts::ParseResult& arguments, CommandLine& line) {
  if (arguments.count("disk-as") > 0) {
    const auto format = arguments["disk-as"].as<std::string>();
    line.disks.as = conversion::find_output_format(format);
    if (!line.disks.as) {
      throw Error(Code::kUsage, fmt::format("--disk-as: expected one of {}, got {}",
                                            conversion::output_format_names(), quoted(format)));
    }
  }
  for (const std::string& to : cli::values_of(arguments, "disk-to")) {
    const auto equals = to.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == to.size()) {
      throw Error(Code::kUsage, fmt::format("--disk-to: expected NAME=PATH, got {}", quoted(to)));
    }
    const std::string name = to.substr(0, equals);
    if (!line.disks.to.emplace(name, to.substr(equals + 1)).second) {
      throw Error(
          Code::kUsage,
          fmt::format("--disk-to: {} is given twice, expected one place for a disk", quoted(name)));
    }
  }
  line.disks.overwrite_device = arguments.count("overwrite-device") > 0;
  if (line.disks.overwrite_device && line.disks.to.empty()) {
    throw Error(Code::kUsage, "--overwrite-device needs --disk-to NAME=DEVICE");
  }
  const bool is_directory = line.target.transport == target::Transport::kDirectory;
  if (!is_directory && (line.disks.as || !line.disks.to.empty())) {
    throw Error(Code::kUsage, "--disk-as and --disk-to are for a target dir:DIR")
        .add_next_step("a registry or layout takes disks as they are in the bundle");
  }
  if (arguments.count("disk-chunk-size") > 0) {
    if (is_directory) {
      throw Error(Code::kUsage, "--disk-chunk-size is for a registry or layout, not for dir:DIR")
          .add_next_step("files that are smaller: --disk-as vmdk-2gb");
    }
    line.disk_chunk_size =
        cli::parse_size(arguments["disk-chunk-size"].as<std::string>(), "--disk-chunk-size");
  }
  read_container(arguments, line);
  line.disks.on_existing = line.push.on_existing_tag;
  line.disks.jobs = line.push.jobs;
}

void read_push(const cxxopts::ParseResult& arguments, const std::vector<std::string>& words,
               CommandLine& line) {
  if (words.size() != 3) {
    throw Error(Code::kUsage,
                fmt::format("push: expected BUNDLE and TARGET, got {} arguments", words.size() - 1))
        .add_next_step("seabag-import push BUNDLE docker://HOST[:PORT][/PREFIX]");
  }
  line.target = target::parse_target(words[2]);
  for (const std::string& mapping : cli::values_of(arguments, "map")) {
    line.names.mappings.push_back(importing::parse_mapping(mapping));
  }
  line.names.only = cli::values_of(arguments, "only");
  line.names.except = cli::values_of(arguments, "except");
  const auto text = [&](const char* option) {
    return arguments.count(option) > 0 ? arguments[option].as<std::string>() : std::string();
  };
  if (arguments.count("on-existing-tag") > 0) {
    line.push.on_existing_tag = parse_on_existing_tag(text("on-existing-tag"));
  }
  if (arguments.count("chunk-size") > 0) {
    line.chunk_size = cli::parse_size(text("chunk-size"), "--chunk-size");
  }
  read_disks(arguments, line);
  line.receipt = text("receipt");
  line.dry_run = arguments.count("dry-run") > 0;
  line.verify_first = arguments.count("verify-first") > 0;
  line.push.read_back = arguments.count("verify-target") > 0;
  if (line.push.read_back && line.target.transport != target::Transport::kRegistry) {
    throw Error(Code::kUsage, "--verify-target is for a registry");
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
  line.json = arguments.count("json") > 0;
  line.quiet = arguments.count("quiet") > 0;
  if (arguments.count("help") > 0) return line;
  if (arguments.count("version") > 0) {
    line.command = Command::kVersion;
    return line;
  }
  const std::vector<std::string> words = cli::values_of(arguments, "arguments");
  if (words.size() < 2) {
    throw Error(Code::kUsage, "expected a command and a BUNDLE")
        .add_next_step("seabag-import --help");
  }
  line.command = parse_command(words[0]);
  line.bundle = words[1];
  if (line.command == Command::kPatch) {
    line.patches.assign(words.begin() + 2, words.end());
  } else if (line.command != Command::kPush && words.size() > 2) {
    throw Error(Code::kUsage,
                fmt::format("{}: one BUNDLE expected, got also {}", words[0], quoted(words[2])));
  }
  refuse_strange_options(arguments, line.command);
  if (arguments.count("seal") > 0) line.seal = parse_seal(arguments["seal"].as<std::string>());
  line.quick = arguments.count("quick") > 0;
  line.deep = arguments.count("deep") > 0;
  if (line.quick && line.deep) {
    throw Error(Code::kUsage, "--quick and --deep exclude each other");
  }
  if (line.command == Command::kIndex && arguments.count("rebuild") == 0) {
    throw Error(Code::kUsage, "index: expected --rebuild")
        .add_next_step("seabag-import index BUNDLE --rebuild");
  }
  if (arguments.count("output") > 0) line.output = arguments["output"].as<std::string>();
  read_damage_file(arguments, line);
  line.registries = cli::read_registry_options(arguments);
  line.push.jobs = line.registries.jobs;
  line.push.max_rate = line.registries.max_rate;
  if (line.command == Command::kPush) read_push(arguments, words, line);
  return line;
}

}  // namespace seabag::importer
