// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "io/file_system.h"
#include "registry/registry.h"
#include "source/image_source.h"
#include "source/source_name.h"

namespace seabag::source {

/// What sources need beside their name.
struct Surroundings {
  io::FileSystem* files = nullptr;
  /// One Registry per host of the run, made on first use.
  std::function<std::shared_ptr<registry::Registry>(const std::string& registry)> registry;
  /// For foreign layers: a plain client without credentials; called only with --foreign-layers.
  std::function<std::unique_ptr<http::Client>()> foreign_client;
};

/// The source of that name. Errors: kUsage (no such file or directory), kMalformed (not a layout or
/// archive of that kind), kUnsupported (another layout version), kRefused (no image of that name).
std::unique_ptr<ImageSource> open_source(const SourceName& name, const Surroundings& surroundings);

}  // namespace seabag::source
