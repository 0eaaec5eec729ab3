// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/content.h"
#include "oci/image_layout.h"

/// The two tables of contents of a tarball, made from the index. Pure and deterministic: verify
/// makes them anew and compares.
namespace seabag::bundle {

/// What every tarball begins with, in this order.
inline constexpr std::array<std::string_view, 3> kTables = {oci::kLayoutPath, oci::kIndexPath,
                                                            oci::kDockerManifestPath};

/// Where a tarball has its blobs, and zeros for those that could not be had.
inline constexpr std::string_view kBlobsFolder = "blobs/";
inline constexpr std::string_view kMissingFolder = "missing/";

std::string missing_path(const digest::Digest& digest);  ///< "missing/sha256/6c3c..."

/// "sha256:6c3c..." from "blobs/sha256/6c3c..."; nothing if `member` is not in `folder` or no
/// digest. Source: format-spec/tarball.md, TAR-16 and TAR-17.
std::optional<digest::Digest> digest_of_member(std::string_view member, std::string_view folder);

/// Errors: kMalformed if the member at `position`, counted from 0, is a table and should not be
/// there, or is none and should.
void require_table_order(const std::string& member, std::size_t position);

/// Whether a payload file is an image layout.
bool is_image_tarball(std::string_view path);

/// Whether the image at `root` is in the tables of contents: nothing of it could not be had. What
/// was left out on purpose does not count.
bool is_listed(const index::Content& content, const index::Graph& graph, index::BlobId root);

/// index.json: every reference of `references` that is_listed(), by its full name ("host/repo:tag",
/// "host/repo@digest").
void write_layout_index(const index::Content& content, const index::Graph& graph,
                        const std::vector<std::uint32_t>& references, const oci::TextSink& write);
std::string layout_index(const index::Content& content, const index::Graph& graph,
                         const std::vector<std::uint32_t>& references);

/// manifest.json, the Docker view: each tagged image that is listed and there in full. For an
/// index, its linux/amd64 child if that is whole in the bundle, else the first child that is.
void write_docker_manifest(const index::Content& content, const index::Graph& graph,
                           const std::vector<std::uint32_t>& references,
                           const oci::TextSink& write);
std::string docker_manifest(const index::Content& content, const index::Graph& graph,
                            const std::vector<std::uint32_t>& references);

/// `document` filled up with blanks to the size that the plan gave it: after the plan was frozen it
/// can only get shorter, because images that could not be had drop out. Blanks after a JSON
/// document mean nothing (RFC 8259).
std::string padded(std::string document, std::uint64_t size);

/// The descriptor of a manifest in the bundle, as index.json and pushes state it.
oci::Descriptor descriptor_of(const index::Content& content, const index::ManifestInfo& manifest);

}  // namespace seabag::bundle
