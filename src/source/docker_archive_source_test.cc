// SPDX-License-Identifier: Apache-2.0
#include "source/docker_archive_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "source/test_files_internal.h"

namespace seabag::source {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// An archive as "docker save" makes it.
class ArchiveText {
 public:
  struct Layer {
    std::string path;
    std::string text;
    std::string plain = {};  // the uncompressed text, where it is another
  };

  /// `config_path` empty: named by its digest, as Docker does.
  std::string add_image(const std::string& repo_tags, const std::vector<Layer>& layers,
                        std::string config_path = {}) {
    std::vector<std::string> diff_ids;
    std::vector<std::string> paths;
    for (const Layer& layer : layers) {
      diff_ids.push_back(
          '"' + digest_of_text(layer.plain.empty() ? layer.text : layer.plain).text() + '"');
      paths.push_back('"' + layer.path + '"');
      files_.emplace(layer.path, layer.text);
    }
    const std::string config = fmt::format(R"({{"rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
                                           fmt::join(diff_ids, ","));
    if (config_path.empty()) config_path = digest_of_text(config).hex() + ".json";
    files_[config_path] = config;
    images_.push_back(fmt::format(R"({{"Config":"{}","RepoTags":{},"Layers":[{}]}})", config_path,
                                  repo_tags, fmt::join(paths, ",")));
    return config_path;
  }

  void replace(const std::string& path, const std::string& text) { files_[path] = text; }
  void remove(const std::string& path) { files_.erase(path); }

  std::string tar() const {
    FileTexts files(files_.begin(), files_.end());
    files.emplace_back("manifest.json", fmt::format("[{}]", fmt::join(images_, ",")));
    return tar_of(files);
  }

 private:
  std::map<std::string, std::string> files_;
  std::vector<std::string> images_;
};

class DockerArchiveSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<DockerArchiveSource> open(const std::string& name = {}) {
    folder_.write("saved.tar", archive_.tar());
    return std::make_unique<DockerArchiveSource>("docker-archive:saved.tar",
                                                 folder_.path("saved.tar"), name);
  }

  template <class Action>
  Error error_of(Action action) {
    try {
      action();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing is thrown";
    return {Code::kInternal, ""};
  }

  TestFolder folder_;
  ArchiveText archive_;
};

TEST_F(DockerArchiveSourceTest, MakesAManifestOverTheSavedBytes) {
  archive_.add_image(R"(["busybox:1.35"])", {{"a/layer.tar", "one"}, {"b/layer.tar", "two"}});
  const auto source = open();
  ASSERT_THAT(names_in(*source), ElementsAre("busybox:1.35"));
  const auto name = oci::parse_reference("busybox:1.35");
  const auto raw = source->manifest(name);
  EXPECT_EQ(raw.media_type(), oci::media_type::kDockerManifest);
  const auto manifest = oci::parse_manifest(raw);
  ASSERT_EQ(manifest.layers.size(), 2);
  EXPECT_EQ(manifest.layers[0].media_type, "application/vnd.docker.image.rootfs.diff.tar");
  EXPECT_EQ(read_blob_text(*source, name, manifest.layers[0]), "one");
  EXPECT_EQ(read_blob_text(*source, name, manifest.layers[1], 1), "wo");
  EXPECT_EQ(source->find_size(name, manifest.layers[1]), 3U);
  EXPECT_EQ(source->find_size(name, raw.descriptor()), std::nullopt) << "it is in no member";
  EXPECT_THAT(io::text_of(source->read_small_blob(name, *manifest.config)), HasSubstr("diff_ids"));
  EXPECT_THAT(source->attached(name, raw.digest()), IsEmpty());
  EXPECT_TRUE(source->answers());
  EXPECT_EQ(open()->manifest(name).digest(), raw.digest());
}

TEST_F(DockerArchiveSourceTest, FindsBlobsBeforeAnyManifestWasAskedFor) {
  archive_.add_image(R"(["a:1"])", {{"1.tar", "one"}});
  archive_.add_image(R"(["b:1"])", {{"2.tar", "two"}});
  const oci::Descriptor blob{.media_type = "x/y", .digest = digest_of_text("two"), .size = 3};
  EXPECT_EQ(read_blob_text(*open(), oci::parse_reference("b"), blob), "two");
}

TEST_F(DockerArchiveSourceTest, DeclaresHowLayersAreCompressed) {
  archive_.add_image(R"(["a:1"])", {{"1.tar.gz", "\x1F\x8B zip", "one"}});
  archive_.add_image(R"(["b:1"])", {{"2.tar", "\x28\xB5\x2F\xFD zst", "two"}});
  archive_.add_image(R"(["c:1"])", {{"3.tar", "BZh9", "three"}});
  const auto source = open();
  const auto gzip = oci::parse_manifest(source->manifest(oci::parse_reference("a:1")));
  EXPECT_EQ(gzip.layers[0].media_type, "application/vnd.docker.image.rootfs.diff.tar.gzip");
  const auto zstd = source->manifest(oci::parse_reference("b:1"));
  EXPECT_EQ(zstd.media_type(), oci::media_type::kImageManifest);
  const Error error = error_of([&] { source->manifest(oci::parse_reference("c:1")); });
  EXPECT_EQ(error.code(), Code::kUnsupported);
  EXPECT_THAT(error.what(), HasSubstr("3.tar"));
}

TEST_F(DockerArchiveSourceTest, NamesImagesByTagOrDigest) {
  archive_.add_image(R"(["a:1","localhost:5000/a:2"])", {{"1.tar", "one"}});
  archive_.add_image("null", {{"2.tar", "two"}});
  const auto source = open();
  const auto names = names_in(*source);
  ASSERT_EQ(names.size(), 3);
  const auto untagged = oci::parse_reference(names[1]);
  EXPECT_EQ(untagged.repository, "saved");
  ASSERT_TRUE(untagged.digest);
  EXPECT_EQ(source->manifest(untagged).digest(), *untagged.digest);
  EXPECT_EQ(names[0], "a:1");
  EXPECT_EQ(names[2], "localhost:5000/a:2");
}

TEST_F(DockerArchiveSourceTest, PicksTheImageThatIsAskedFor) {
  archive_.add_image(R"(["busybox:latest","b:1"])", {{"1.tar", "one"}});
  archive_.add_image(R"(["docker.io/library/nginx:1"])", {{"2.tar", "two"}});
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"busybox:latest", "busybox:latest"},
      {"busybox", "busybox:latest"},
      {"docker.io/library/busybox:latest", "busybox:latest"},
      {"nginx:1", "docker.io/library/nginx:1"},
      {"@1", "docker.io/library/nginx:1"},
  };
  for (const auto& [asked, found] : rows)
    EXPECT_THAT(names_in(*open(asked)), ElementsAre(found)) << asked;
  EXPECT_THAT(names_in(*open("@0")), ElementsAre("b:1", "busybox:latest"));
  for (const char* absent : {"nginx", "quay.io/busybox", "@2"}) {
    const Error error = error_of([&] { open(absent); });
    EXPECT_EQ(error.code(), Code::kRefused) << absent;
    EXPECT_THAT(error.what(), HasSubstr("\"busybox:latest\"")) << absent;
  }
}

TEST_F(DockerArchiveSourceTest, RefusesANameOfSeveralImages) {
  archive_.add_image(R"(["a:1"])", {{"1.tar", "one"}});
  archive_.add_image(R"(["a:1"])", {{"2.tar", "two"}});
  const auto source = open();
  EXPECT_EQ(error_of([&] { source->manifest(oci::parse_reference("a:1")); }).code(),
            Code::kMalformed);
  EXPECT_EQ(error_of([&] { source->manifest(oci::parse_reference("a:2")); }).code(),
            Code::kRefused);
}

TEST_F(DockerArchiveSourceTest, HoldsTheContentAgainstWhatTheArchiveSays) {
  const std::string blob = "blobs/sha256/" + digest_of_text("\x1F\x8B zip").hex();
  const std::string config = archive_.add_image(R"(["a:1"])", {{"1.tar", "one"}});
  archive_.add_image(R"(["b:1"])", {{"2.tar", "two"}});
  archive_.add_image(R"(["c:1"])", {{blob, "\x1F\x8B zip", "plain"}});
  archive_.add_image(R"(["d:1"])", {{"4.tar", "four"}});
  archive_.add_image(R"(["e:1"])", {{"5.tar", "five"}});
  archive_.replace(config, R"({"rootfs":{"diff_ids":[]}})");
  archive_.replace("2.tar", "TWO");
  archive_.replace(blob, "\x1F\x8B ZIP");
  archive_.remove("4.tar");
  const auto source = open();
  for (const char* name : {"a:1", "b:1", "c:1", "d:1"}) {
    EXPECT_EQ(error_of([&] { source->manifest(oci::parse_reference(name)); }).code(),
              Code::kIntegrity)
        << name;
  }
  EXPECT_NO_THROW(source->manifest(oci::parse_reference("e:1")));
}

TEST_F(DockerArchiveSourceTest, ReadsImagesBehindADamagedOne) {
  archive_.add_image(R"(["a:1"])", {{"1.tar", "one"}});
  archive_.add_image(R"(["b:1"])", {{"2.tar", "two"}});
  archive_.replace("1.tar", "ONE");
  const oci::Descriptor blob{.media_type = "x/y", .digest = digest_of_text("two"), .size = 3};
  const oci::Descriptor absent{.media_type = "x/y", .digest = digest_of_text("one"), .size = 3};
  const auto source = open();
  const auto name = oci::parse_reference("b:1");
  EXPECT_EQ(read_blob_text(*source, name, blob), "two");
  EXPECT_EQ(error_of([&] { read_blob_text(*source, name, absent); }).code(), Code::kIntegrity);
  const auto made = source->manifest(name);
  const auto by_digest = oci::parse_reference("b@" + made.digest().text());
  EXPECT_EQ(source->manifest(by_digest).bytes(), made.bytes());
}

TEST_F(DockerArchiveSourceTest, RefusesConfigsThatDoNotMatchTheLayers) {
  archive_.add_image(R"(["a:1"])", {{"1.tar", "one"}}, "a.json");
  archive_.add_image(R"(["b:1"])", {{"2.tar", "two"}}, "b.json");
  archive_.replace("a.json", R"({"rootfs":{"diff_ids":[]}})");
  archive_.replace("b.json", "{}");
  const auto source = open();
  for (const char* name : {"a:1", "b:1"}) {
    EXPECT_EQ(error_of([&] { source->manifest(oci::parse_reference(name)); }).code(),
              Code::kMalformed)
        << name;
  }
}

TEST_F(DockerArchiveSourceTest, SaysWhenTheArchiveIsALayoutAlone) {
  folder_.write("layout.tar", tar_of(LayoutText().files()));
  const Error error = error_of([&] { DockerArchiveSource("x", folder_.path("layout.tar"), ""); });
  EXPECT_EQ(error.code(), Code::kMalformed);
  EXPECT_THAT(error.next_step(), HasSubstr("oci-archive:"));
}

}  // namespace
}  // namespace seabag::source
