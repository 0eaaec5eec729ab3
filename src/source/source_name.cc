// SPDX-License-Identifier: Apache-2.0
#include "source/source_name.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"

namespace seabag::source {
namespace {

constexpr std::string_view kRegistryPrefix = "docker://";
constexpr std::string_view kDockerHub = "docker.io";

constexpr std::array<std::pair<std::string_view, Transport>, 3> kFileTransports = {{
    {"oci:", Transport::kLayout},
    {"oci-archive:", Transport::kOciArchive},
    {"docker-archive:", Transport::kDockerArchive},
}};

Error usage(std::string_view text, std::string_view complaint) {
  return {Code::kUsage, fmt::format("source {}: {}", quoted(text), complaint)};
}

// "user:password@host" must not be repeated in a message, a log or a bundle.
void refuse_credentials(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return;
  const std::string_view authority =
      text.substr(scheme + 3, text.find('/', scheme + 3) - scheme - 3);
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos || authority.substr(at + 1).starts_with("sha")) return;
  throw Error(Code::kUsage, "a source with a user name or password in it")
      .add_next_step("log in with docker, podman or skopeo first, or give the password in a file");
}

Error no_registry(std::string_view text, std::string_view name) {
  const std::string_view library = name.find('/') == std::string_view::npos ? "library/" : "";
  return usage(text, "names no registry; none is assumed")
      .add_next_step(
          fmt::format("write {}{}/{}{}", kRegistryPrefix, kDockerHub, library, printable(name)));
}

oci::Reference parse_name(std::string_view text, std::string_view name) try {
  return oci::parse_reference(name);
} catch (const Error& error) {
  throw usage(text, error.what());
}

oci::Reference parse_registry_source(std::string_view text) {
  std::string_view name = text.substr(kRegistryPrefix.size());
  const auto slash = name.find('/');
  const std::string_view host = name.substr(0, slash);
  if (name.empty()) throw usage(text, "expected docker://HOST[:PORT][/REPO[:TAG|@DIGEST]]");
  if (!oci::is_registry(host)) throw no_registry(text, name);

  if (slash == std::string_view::npos || slash + 1 == name.size()) {
    oci::Reference registry;
    registry.registry = host;
    return registry;
  }
  oci::Reference reference = parse_name(text, name);
  if (reference.digest && !reference.tag.empty()) {
    throw usage(text, "has a tag and a digest, expected one of them");
  }
  if (reference.registry == kDockerHub && reference.repository.find('/') == std::string::npos) {
    throw usage(text, "Docker Hub has no such repository name; its own images are under library/")
        .add_next_step(fmt::format("write {}{}/library/{}", kRegistryPrefix, kDockerHub,
                                   printable(name.substr(slash + 1))));
  }
  return reference;
}

void parse_file_source(std::string_view rest, SourceName& name) {
  const auto colon = rest.find(':');
  name.path = rest.substr(0, colon);
  if (name.path.empty()) throw usage(name.text, "expected a path after the transport's name");
  if (colon == std::string_view::npos) return;
  name.name = rest.substr(colon + 1);
  if (name.name.empty()) {
    throw usage(name.text, "has nothing after the path's colon")
        .add_next_step("leave the colon out to export every image in it");
  }
}

}  // namespace

SourceName parse_source(std::string_view text) {
  refuse_credentials(text);
  SourceName name;
  name.text = text;
  if (text.starts_with(kRegistryPrefix)) {
    name.reference = parse_registry_source(text);
    return name;
  }
  for (const auto& [prefix, transport] : kFileTransports) {
    if (!text.starts_with(prefix)) continue;
    name.transport = transport;
    parse_file_source(text.substr(prefix.size()), name);
    return name;
  }
  // Disks are sources of an export too; it takes them apart by itself (exporting/disk_request.h).
  throw usage(text, "expected docker://, oci:, oci-archive:, docker-archive: or disk: in front");
}

std::string uri_of(const SourceName& name) {
  return printable(name.text, name.text.size());  // none of it is left out
}

}  // namespace seabag::source
