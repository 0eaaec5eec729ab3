// SPDX-License-Identifier: Apache-2.0
#include "oci/media_types.h"

#include <gtest/gtest.h>

namespace seabag::oci::media_type {
namespace {

struct Case {
  std::string name;
  std::string_view type;
  bool index = false;
  bool image_manifest = false;
  bool schema1 = false;
  bool layer = false;
  bool non_distributable = false;
};

class MediaType : public testing::TestWithParam<Case> {};

TEST_P(MediaType, IsWhatItsStandardSays) {
  const Case& row = GetParam();
  EXPECT_EQ(is_index(row.type), row.index);
  EXPECT_EQ(is_image_manifest(row.type), row.image_manifest);
  EXPECT_EQ(is_schema1(row.type), row.schema1);
  EXPECT_EQ(is_layer(row.type), row.layer);
  EXPECT_EQ(is_non_distributable(row.type), row.non_distributable);
}

const Case kCases[] = {
    {"ImageIndex", kImageIndex, true},
    {"DockerList", kDockerList, true},
    {"ImageManifest", kImageManifest, false, true},
    {"DockerManifest", kDockerManifest, false, true},
    {"ArtifactManifest", kArtifactManifest, false, true},
    {"Schema1", kDockerSchema1, false, false, true},
    {"Schema1Signed", kDockerSchema1Signed, false, false, true},
    {"OciLayer", "application/vnd.oci.image.layer.v1.tar", false, false, false, true},
    {"OciLayerZstd", "application/vnd.oci.image.layer.v1.tar+zstd", false, false, false, true},
    {"DockerLayer", "application/vnd.docker.image.rootfs.diff.tar.gzip", false, false, false, true},
    {"NonDistributable", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", false,
     false, false, true, true},
    {"Foreign", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", false, false, false,
     true, true},
    {"Config", kImageConfig},
    {"Chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"},
    {"Json", "application/json"},
    {"None", ""},
};

INSTANTIATE_TEST_SUITE_P(, MediaType, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(AcceptHeader, ListsEveryManifestOnce) {
  for (const std::string_view type : {kImageIndex, kImageManifest, kDockerList, kDockerManifest,
                                      kArtifactManifest, kDockerSchema1, kDockerSchema1Signed}) {
    const auto found = accept_header().find(type);
    ASSERT_NE(found, std::string_view::npos) << type;
    EXPECT_EQ(accept_header().find(type, found + 1), std::string_view::npos) << type;
  }
}

}  // namespace
}  // namespace seabag::oci::media_type
