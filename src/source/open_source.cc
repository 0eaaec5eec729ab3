// SPDX-License-Identifier: Apache-2.0
#include "source/open_source.h"

#include "base/error.h"
#include "source/docker_archive_source.h"
#include "source/layout_archive.h"
#include "source/layout_directory.h"
#include "source/layout_source.h"
#include "source/registry_source.h"

namespace seabag::source {

std::unique_ptr<ImageSource> open_source(const SourceName& name, const Surroundings& surroundings) {
  check(surroundings.files != nullptr, "sources are opened with a file system");
  std::string uri = uri_of(name);
  switch (name.transport) {
    case Transport::kRegistry:
      return std::make_unique<RegistrySource>(std::move(uri), name.reference,
                                              surroundings.registry(name.reference.registry),
                                              surroundings.foreign_client);
    case Transport::kLayout:
      return std::make_unique<LayoutSource>(std::move(uri),
                                            open_layout_directory(*surroundings.files, name.path),
                                            name.name, surroundings.foreign_client);
    case Transport::kOciArchive:
      return std::make_unique<LayoutSource>(std::move(uri), open_layout_archive(name.path),
                                            name.name, surroundings.foreign_client);
    case Transport::kDockerArchive:
      return std::make_unique<DockerArchiveSource>(std::move(uri), name.path, name.name);
  }
  throw Error(Code::kInternal, "bug: a source of no known transport");
}

}  // namespace seabag::source
