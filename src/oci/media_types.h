// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// Media types by their standards' names.
/// Source: OCI image-spec v1.1, media-types.md; Docker distribution, manifest-v2-2.md.
namespace seabag::oci::media_type {

inline constexpr std::string_view kImageIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kImageManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kImageConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kEmpty = "application/vnd.oci.empty.v1+json";
inline constexpr std::string_view kArtifactManifest =
    "application/vnd.oci.artifact.manifest.v1+json";
inline constexpr std::string_view kDockerList =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerSchema1 =
    "application/vnd.docker.distribution.manifest.v1+json";
inline constexpr std::string_view kDockerSchema1Signed =
    "application/vnd.docker.distribution.manifest.v1+prettyjws";

bool is_index(std::string_view type);  ///< an image index or a Docker manifest list
/// An image manifest, Docker schema 2, or an OCI 1.1-rc artifact manifest.
bool is_image_manifest(std::string_view type);
bool is_schema1(std::string_view type);
bool is_layer(std::string_view type);              ///< of a container's file system
bool is_non_distributable(std::string_view type);  ///< foreign and non-distributable layers

/// The Accept header for manifests. Schema 1 is in it only so that it can be refused by name.
std::string_view accept_header();

}  // namespace seabag::oci::media_type
