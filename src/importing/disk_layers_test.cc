// SPDX-License-Identifier: Apache-2.0
#include "importing/disk_layers.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "importing/disk_artifact.h"
#include "io/bytes.h"

namespace seabag::importing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kChecksum(64, 'a');

oci::Descriptor layer(const std::string& name, std::uint64_t size, const std::string& offset = "") {
  oci::Descriptor layer{.media_type = kDiskFileType,
                        .digest = digest::digest_of(io::bytes_of(name + offset)),
                        .size = size,
                        .annotations = {{kTitleAnnotation, name}}};
  if (!offset.empty()) layer.annotations.emplace(kChunkOffsetAnnotation, offset);
  return layer;
}

std::string file(const std::string& name, std::uint64_t size,
                 const std::string& sha256 = kChecksum) {
  return fmt::format(R"({{"name":"{}","size":{},"sha256":"{}"}})", name, size, sha256);
}

std::string config(const std::string& files) {
  return fmt::format(R"({{"name":"web01","content":"disk-v1:x","files":[{}]}})", files);
}

DiskLayers parse(const std::string& config, std::vector<oci::Descriptor> layers) {
  return parse_disk_layers({.layers = std::move(layers)}, io::bytes_of(config));
}

std::string refusal(const std::string& config, std::vector<oci::Descriptor> layers) {
  try {
    parse(config, std::move(layers));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kMalformed);
    return error.what();
  }
  return "taken";
}

TEST(ParseDiskLayers, GivesEachFileItsPiecesInOrder) {
  oci::Descriptor server = layer("web01.json", 2);
  server.media_type = kServerConfigType;
  const DiskLayers disk = parse(config(file("web01.raw", 30) + "," + file("web01-f001.vmdk", 5)),
                                {layer("web01.raw", 10, "20"), server, layer("web01-f001.vmdk", 5),
                                 layer("web01.raw", 20, "0")});
  EXPECT_EQ(disk.name, "web01");
  EXPECT_THAT(
      disk.files,
      ElementsAre(DiskLayersFile{"web01-f001.vmdk", kChecksum, 5, {layer("web01-f001.vmdk", 5)}},
                  DiskLayersFile{"web01.json", server.digest.hex(), 2, {server}},
                  DiskLayersFile{"web01.raw",
                                 kChecksum,
                                 30,
                                 {layer("web01.raw", 20, "0"), layer("web01.raw", 10, "20")}}));
}

TEST(ParseDiskLayers, RefusesAFileThatIsNotWhole) {
  const std::string one = config(file("web01.raw", 30));
  EXPECT_THAT(refusal(one, {}), HasSubstr("has no layer"));
  EXPECT_THAT(refusal(one, {layer("web01.raw", 29)}), HasSubstr("its layers have 29"));
  EXPECT_THAT(refusal(one, {layer("web01.raw", 10, "0"), layer("web01.raw", 20, "9")}),
              HasSubstr("begins at 9"));
  EXPECT_THAT(refusal(one, {layer("web01.raw", 10, "0"), layer("web01.raw", 19, "11")}),
              HasSubstr("begins at 11"));
  EXPECT_THAT(refusal(one, {layer("web01.raw", 30, "0x0")}), HasSubstr("expected a number"));
}

TEST(ParseDiskLayers, RefusesLayersOfNothing) {
  const std::string one = config(file("web01.raw", 30));
  EXPECT_THAT(refusal(one, {layer("web01.raw", 30), layer("more.raw", 1)}),
              HasSubstr("does not name"));
  oci::Descriptor nameless = layer("web01.raw", 30);
  nameless.annotations.clear();
  EXPECT_THAT(refusal(one, {nameless}), HasSubstr("without a name"));
}

TEST(ParseDiskLayers, RefusesNamesThatAreNoFilesOfADisk) {
  const std::string long_disk(64, 'd');
  for (const std::string& name :
       {std::string("../x"), std::string("a/b"), std::string(".x"), std::string(""),
        long_disk + "\\n.raw", long_disk + "/.raw", long_disk + std::string(17, 'x')}) {
    EXPECT_THAT(refusal(config(file(name, 1)), {}), HasSubstr("is no name of a disk's file"))
        << name;
  }
  parse(config(file(long_disk + "-flat.vmdk", 1)), {layer(long_disk + "-flat.vmdk", 1)});
}

TEST(ParseDiskLayers, RefusesAConfigThatSaysNothingOfUse) {
  EXPECT_THAT(refusal(config(""), {}), HasSubstr("names no files"));
  EXPECT_THAT(refusal(config(file("a", 1) + "," + file("a", 1)), {layer("a", 1)}),
              HasSubstr("twice"));
  EXPECT_THAT(refusal(config(file("a", 1, "\\u001b[31m")), {layer("a", 1)}),
              HasSubstr("is no SHA-256"));
}

}  // namespace
}  // namespace seabag::importing
