// SPDX-License-Identifier: Apache-2.0
#include "target/open_target.h"

#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "oci/reference.h"
#include "target/directory_target.h"
#include "target/layout_target.h"
#include "target/registry_target.h"

namespace seabag::target {
namespace {

constexpr std::string_view kForms = "docker://HOST[:PORT][/PREFIX], oci:DIR or dir:DIR";

TargetName parse_registry_target(std::string_view text, std::string_view rest) {
  // Never repeated in the message: it would show the password.
  if (rest.find('@') != std::string_view::npos) {
    throw Error(Code::kUsage, fmt::format("target has a \"@\", expected {}", kForms))
        .add_next_step("log in with docker or podman, or give the password in a file (see --help)");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto slash = rest.find('/');
  TargetName name{
      .text = std::string(text),
      .transport = Transport::kRegistry,
      .registry = std::string(rest.substr(0, slash)),
      .prefix = slash == std::string_view::npos ? "" : std::string(rest.substr(slash + 1)),
      .path = {}};
  if (!oci::is_registry(name.registry)) {
    throw Error(Code::kUsage,
                fmt::format("target {}: {} is no registry, expected {}", seabag::quoted(text),
                            seabag::quoted(name.registry), kForms))
        .add_next_step("a host without a dot needs its port: docker://mirror:443");
  }
  if (slash != std::string_view::npos && !oci::is_repository(name.prefix)) {
    throw Error(
        Code::kUsage,
        fmt::format(
            "target {}: {} is no prefix for repositories, expected a path such as team/mirror",
            seabag::quoted(text), seabag::quoted(name.prefix)));
  }
  return name;
}

}  // namespace

TargetName parse_target(std::string_view text) {
  const auto colon = text.find(':');
  const std::string_view transport = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (transport == "docker" && rest.starts_with("//")) {
    return parse_registry_target(text, rest.substr(2));
  }
  const bool is_layout = transport == "oci";
  if ((!is_layout && transport != "dir") || rest.empty()) {
    throw Error(Code::kUsage,
                fmt::format("{} is no target, expected {}", seabag::quoted(text), kForms));
  }
  // containers-transports(5): what follows a colon is the image's name there, and here it keeps its
  // own.
  if (is_layout && rest.find(':') != std::string_view::npos) {
    throw Error(Code::kUsage,
                fmt::format("target {} has a name after the directory, expected oci:DIR",
                            seabag::quoted(text)))
        .add_next_step("images keep their names; --map FROM=TO changes them");
  }
  return {.text = std::string(text),
          .transport = is_layout ? Transport::kLayout : Transport::kDirectory,
          .registry = {},
          .prefix = {},
          .path = std::string(rest)};
}

std::unique_ptr<Target> open_target(const TargetName& name, const Surroundings& surroundings) {
  switch (name.transport) {
    case Transport::kRegistry:
      return std::make_unique<RegistryTarget>(name, surroundings.registry(name.registry),
                                              surroundings.chunk_size);
    case Transport::kLayout:
      return std::make_unique<LayoutTarget>(name, *surroundings.files);
    case Transport::kDirectory:
      return std::make_unique<DirectoryTarget>(name, *surroundings.files);
  }
  throw Error(Code::kInternal, "bug: a transport without a target");
}

}  // namespace seabag::target
