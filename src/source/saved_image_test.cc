// SPDX-License-Identifier: Apache-2.0
#include "source/saved_image.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "oci/media_types.h"

namespace seabag::source {
namespace {

using namespace std::string_view_literals;

io::Bytes to_bytes(std::string_view text) {
  const auto bytes = io::bytes_of(text);
  return {bytes.begin(), bytes.end()};
}

SavedLayer layer_of(std::string_view bytes) {
  LayerMeter meter;
  for (std::size_t i = 0; i < bytes.size(); ++i) meter.write(io::bytes_of(bytes.substr(i, 1)));
  return meter.layer();
}

TEST(LayerMeter, TellsTheCompressionByTheFirstBytes) {
  EXPECT_EQ(layer_of("").compression, Compression::kNone);
  EXPECT_EQ(layer_of("etc/passwd").compression, Compression::kNone);
  EXPECT_EQ(layer_of("\x1F\x8B\x08 rest"sv).compression, Compression::kGzip);
  EXPECT_EQ(layer_of("\x28\xB5\x2F\xFD rest"sv).compression, Compression::kZstd);
}

TEST(LayerMeter, MeasuresTheBytesAsTheyLie) {
  const SavedLayer layer = layer_of("0123456789");
  EXPECT_EQ(layer.size, 10);
  EXPECT_EQ(layer.digest.text(),
            "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882");
}

TEST(LayerMeter, RefusesCompressionsWithoutMediaType) {
  for (const std::string_view head : {"BZh9"sv,
                                      "\xFD"
                                      "7zXZ\0"sv,
                                      "\x04\x22\x4D\x18"sv}) {
    try {
      layer_of(head);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kUnsupported);
    }
  }
}

// A change of these bytes changes the digest of every image that was exported from an archive.
TEST(MakeManifest, WritesTheSameBytesForEver) {
  const auto manifest = make_manifest(to_bytes("{}"), {layer_of("plain"), layer_of("\x1F\x8B")});
  EXPECT_EQ(
      io::text_of(manifest.bytes()),
      R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
      R"("config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,)"
      R"("digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},)"
      R"("layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar","size":5,)"
      R"("digest":"sha256:a116c9ed46d6207734a43317d30fd88f52ac8634c37d904bbf4e41d865f90475"},)"
      R"({"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":2,)"
      R"("digest":"sha256:ee98dc6af27a9f1c8cc4aaa2fd05b5f6e7c98f51390253a5263b0d096c3510fe"}]})");
}

TEST(MakeManifest, IsAnOciManifestWhereALayerIsZstd) {
  const auto manifest =
      make_manifest(to_bytes("{}"), {layer_of("plain"), layer_of("\x28\xB5\x2F\xFD"sv)});
  EXPECT_EQ(manifest.media_type(), oci::media_type::kImageManifest);
  const oci::Manifest parsed = oci::parse_manifest(manifest);
  ASSERT_EQ(parsed.layers.size(), 2);
  EXPECT_EQ(parsed.config->media_type, "application/vnd.oci.image.config.v1+json");
  EXPECT_EQ(parsed.layers[0].media_type, "application/vnd.oci.image.layer.v1.tar");
  EXPECT_EQ(parsed.layers[1].media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
}

TEST(DiffIds, ReadsThemInOrder) {
  const std::string a = "sha256:" + std::string(64, 'a');
  const std::string b = "sha256:" + std::string(64, 'b');
  const auto ids = diff_ids_of(
      to_bytes(R"({"rootfs":{"type":"layers","diff_ids":[")" + a + R"(",")" + b + R"("]}})"));
  ASSERT_EQ(ids.size(), 2);
  EXPECT_EQ(ids[0].text(), a);
  EXPECT_EQ(ids[1].text(), b);
}

TEST(DiffIds, RefusesConfigsOfNoImage) {
  for (const char* config :
       {"", "[]", "{}", R"({"rootfs":[]})", R"({"rootfs":{}})", R"({"rootfs":{"diff_ids":{}}})",
        R"({"rootfs":{"diff_ids":[1]}})", R"({"rootfs":{"diff_ids":["sha256:../x"]}})"}) {
    try {
      diff_ids_of(to_bytes(config));
      ADD_FAILURE() << config << " is accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kMalformed) << config;
    }
  }
}

}  // namespace
}  // namespace seabag::source
