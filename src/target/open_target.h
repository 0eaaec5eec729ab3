// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "io/file_system.h"
#include "registry/registry.h"
#include "target/target.h"

namespace seabag::target {

enum class Transport { kRegistry, kLayout, kDirectory };

/// A TARGET of the command line, taken apart.
struct TargetName {
  std::string text;
  Transport transport = Transport::kRegistry;
  std::string registry;  ///< kRegistry: "HOST[:PORT]"
  std::string prefix;    ///< kRegistry: "team/mirror", put before every repository; may be empty
  std::string path;      ///< of the directory
};

/// "docker://HOST[:PORT][/PREFIX]", "oci:DIR", "dir:DIR". Errors: kUsage, saying what was expected.
TargetName parse_target(std::string_view text);

struct Surroundings {
  io::FileSystem* files = nullptr;
  std::function<std::shared_ptr<registry::Registry>(const std::string& registry)> registry;
  std::uint64_t chunk_size = 0;  ///< upload blobs larger than this in chunks of it; 0: in one piece
};

/// Errors: kUsage (the directory is something else), kMalformed (a layout that cannot be extended).
std::unique_ptr<Target> open_target(const TargetName& name, const Surroundings& surroundings);

}  // namespace seabag::target
