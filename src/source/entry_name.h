// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "oci/reference.h"

/// What the images of a directory or an archive are called, where names are free text.
namespace seabag::source {

/// A repository, or a tag in it.
oci::Reference make_reference(std::string registry, std::string repository, std::string tag = {});

/// A repository name made from the name of a file: without directories and archive suffixes, lower
/// case, what a repository may not have replaced by "-"; "image" if nothing is left.
std::string repository_of_path(const std::string& path);

/// The reference that an entry called `name` goes by. A full name is taken as it is, a digest in it
/// aside; a bare tag belongs to `base_repository`; what cannot stand in a reference leaves
/// `base_repository` alone. The result has no digest, and a tag only if `name` says one: without a
/// tag the entry goes by its digest.
oci::Reference reference_of_entry(std::string_view name, const std::string& base_repository);

/// N of "@N", the position of an image in an archive's list, from 0.
/// Source: containers-transports(5).
std::optional<std::size_t> find_position(std::string_view name);

}  // namespace seabag::source
