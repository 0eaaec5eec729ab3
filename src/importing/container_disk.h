// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "bundle/opened.h"
#include "importing/disk_work.h"
#include "importing/names.h"
#include "importing/push.h"
#include "importing/receipt.h"
#include "target/target.h"
#include "transfer/progress.h"

/// Disks as images that KubeVirt runs: containerDisks.
/// Source: format-spec/disk.md, "As a container image".
namespace seabag::importing {

/// What an image can be made for, as GOARCH names it.
bool is_container_architecture(std::string_view name);
std::string container_architectures();  ///< "amd64, arm64, ..."

/// The chosen disks at `target` as images of one layer with the raw disk, under the names that
/// `names` gives them. Each disk is read once to learn the digests of its layer and, unless that
/// image is there already, once more as it is sent; nothing is kept between. Its files are held
/// against their checksums first and its content against the content digest before anything is
/// sent. All but `disks` and `names` outlives it.
std::unique_ptr<DiskWork> push_container_disks(const bundle::OpenedBundle& bundle,
                                               const std::vector<std::uint32_t>& disks,
                                               target::Target& target, const NameOptions& names,
                                               const PushOptions& options,
                                               const std::string& architecture,
                                               transfer::Progress& progress,
                                               const std::stop_token& stop, Receipt& receipt);

}  // namespace seabag::importing
