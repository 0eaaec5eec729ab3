// SPDX-License-Identifier: Apache-2.0
#include "source/layout_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/limits.h"
#include "io/posix_file_system.h"
#include "oci/referrers.h"
#include "source/open_source.h"
#include "source/test_files_internal.h"

namespace seabag::source {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class LayoutSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<ImageSource> open(const std::string& transport, const std::string& file,
                                    const std::string& name = {}) {
    const std::string text = transport + folder_.path(file) + (name.empty() ? "" : ":" + name);
    return open_source(parse_source(text),
                       {.files = files_.get(), .registry = {}, .foreign_client = {}});
  }
  std::unique_ptr<ImageSource> open_directory(const std::string& name = {}) {
    layout_.write(folder_, "base");
    return open("oci:", "base", name);
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

  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  TestFolder folder_;
  LayoutText layout_;
};

TEST_F(LayoutSourceTest, NamesImagesAsTheLayoutDoes) {
  const auto one = layout_.add_image("one");
  const auto two = layout_.add_image("two");
  layout_.add_entry("localhost:5000/a/b:1", one);
  layout_.add_entry("library/busybox:1.35", one);
  layout_.add_entry("latest", one);
  layout_.add_entry("", two);
  const auto source = open_directory();
  EXPECT_THAT(names_in(*source),
              UnorderedElementsAre("localhost:5000/a/b:1", "library/busybox:1.35", "base:latest",
                                   "base@" + two.digest.text()));
}

TEST_F(LayoutSourceTest, ReadsDirectoriesAndArchivesAlike) {
  layout_.add_entry("library/busybox:1.35", layout_.add_image("layer"));
  layout_.write(folder_, "base");
  folder_.write("base.tar", tar_of(layout_.files()));
  for (const char* transport : {"oci:", "oci-archive:"}) {
    const std::string_view kind = transport;
    const auto source = open(transport, kind == "oci:" ? "base" : "base.tar");
    const auto names = names_in(*source);
    ASSERT_THAT(names, ElementsAre("library/busybox:1.35")) << transport;
    const auto reference = oci::parse_reference(names.front());
    const auto manifest = oci::parse_manifest(source->manifest(reference));
    EXPECT_EQ(read_blob_text(*source, reference, manifest.layers[0]), "layer") << transport;
    EXPECT_EQ(read_blob_text(*source, reference, manifest.layers[0], 2), "yer") << transport;
    EXPECT_EQ(read_blob_text(*source, reference, manifest.layers[0], 5), "") << transport;
    EXPECT_EQ(io::text_of(source->read_small_blob(reference, *manifest.config)), "{}") << transport;
    EXPECT_TRUE(source->answers()) << transport;
  }
}

TEST_F(LayoutSourceTest, PicksTheEntryThatIsAskedFor) {
  const auto one = layout_.add_image("one");
  layout_.add_entry("one", one);
  layout_.add_entry("localhost:5000/two:2", layout_.add_image("two"));
  EXPECT_THAT(names_in(*open_directory("localhost:5000/two:2")),
              ElementsAre("localhost:5000/two:2"));
  EXPECT_THAT(names_in(*open_directory("one")), ElementsAre("base:one"));
  EXPECT_THAT(names_in(*open_directory("@1")), ElementsAre("localhost:5000/two:2"));
}

TEST_F(LayoutSourceTest, NamesWhatIsThereWhenTheNameIsNot) {
  layout_.add_entry("one", layout_.add_image("one"));
  for (const char* name : {"two", "@1", "on"}) {
    const Error error = error_of([&] { open_directory(name); });
    EXPECT_EQ(error.code(), Code::kRefused) << name;
    EXPECT_THAT(error.what(), HasSubstr("\"one\"")) << name;
  }
}

TEST_F(LayoutSourceTest, RefusesALayoutWithOneNameForTwoImages) {
  layout_.add_entry("twice", layout_.add_image("one"));
  layout_.add_entry("twice", layout_.add_image("two"));
  EXPECT_EQ(error_of([&] { open_directory(); }).code(), Code::kMalformed);
}

TEST_F(LayoutSourceTest, RefusesANameThatComesToMeanTwoImagesButNotTheOthers) {
  const auto one = layout_.add_image("one");
  const auto two = layout_.add_image("two");
  layout_.add_entry("1", one);
  layout_.add_entry("base:1", two);
  layout_.add_entry("2", one);
  layout_.add_entry("base:2", one);
  const auto source = open_directory();
  EXPECT_THAT(names_in(*source), ElementsAre("base:1", "base:2"));
  const auto name = oci::parse_reference("base:1");
  const Error error = error_of([&] { source->manifest(name); });
  EXPECT_EQ(error.code(), Code::kMalformed);
  EXPECT_THAT(error.what(), HasSubstr(two.digest.text()));
  EXPECT_EQ(source->manifest(oci::parse_reference("base:2")).digest(), one.digest);
  EXPECT_EQ(open_directory("@1")->manifest(name).digest(), two.digest);
  EXPECT_EQ(open_directory("1")->manifest(name).digest(), one.digest);
}

TEST_F(LayoutSourceTest, TakesEitherAnnotationForTheNameThatIsAskedFor) {
  const auto one = layout_.add_image("one");
  layout_.add_entry("1.35", one, "docker.io/library/busybox:1.35");
  layout_.add_entry("latest", one, "docker.io/library/a:latest");
  layout_.add_entry("latest", layout_.add_image("two"), "docker.io/library/b:latest");
  for (const char* name : {"1.35", "docker.io/library/busybox:1.35"}) {
    EXPECT_THAT(names_in(*open_directory(name)), ElementsAre("docker.io/library/busybox:1.35"))
        << name;
  }
  const Error error = error_of([&] { open_directory("latest"); });
  EXPECT_EQ(error.code(), Code::kRefused);
  EXPECT_THAT(error.what(), HasSubstr("\"docker.io/library/b:latest\""));
}

TEST_F(LayoutSourceTest, ReadsChildrenOfAnIndexByDigest) {
  const auto child = layout_.add_image("child");
  layout_.add_entry("multi", layout_.add_index({child}));
  const auto source = open_directory();
  oci::Reference name = oci::parse_reference("base@" + child.digest.text());
  const auto manifest = source->manifest(name);
  EXPECT_EQ(manifest.digest(), child.digest);
  EXPECT_EQ(manifest.media_type(), oci::media_type::kImageManifest);
}

std::string subject_member(const oci::Descriptor& subject) {
  return R"(,"subject":)" + LayoutText::text_of(subject);
}

std::vector<std::string> texts_of(const std::vector<Attached>& attached) {
  std::vector<std::string> texts;
  for (const Attached& entry : attached)
    texts.push_back(entry.tag + "@" + entry.manifest.digest.text());
  return texts;
}

TEST_F(LayoutSourceTest, FindsReferrersAndDoesNotListThemBesides) {
  const auto image = layout_.add_image("image");
  const auto child = layout_.add_image("child");
  const auto signature = layout_.add_image("signature", subject_member(image));
  const auto sbom = layout_.add_image("sbom", subject_member(child));
  const auto stray =
      layout_.add_image("stray", subject_member(layout_.add_blob("x/y", "not an entry")));
  layout_.add_entry("image", image);
  layout_.add_entry("multi", layout_.add_index({child}));
  for (const auto& referrer : {signature, sbom, stray}) layout_.add_entry("", referrer);

  const auto source = open_directory();
  EXPECT_THAT(names_in(*source),
              UnorderedElementsAre("base:image", "base:multi", "base@" + stray.digest.text()));
  const auto repository = oci::parse_reference("base");
  EXPECT_THAT(texts_of(source->attached(repository, image.digest)),
              ElementsAre("@" + signature.digest.text()));
  EXPECT_THAT(texts_of(source->attached(repository, child.digest)),
              ElementsAre("@" + sbom.digest.text()));
  EXPECT_THAT(source->attached(repository, signature.digest), IsEmpty());
}

TEST_F(LayoutSourceTest, DoesNotListUnnamedEntriesThatOthersLeadTo) {
  const auto child = layout_.add_image("child");
  const auto nested = layout_.add_index({child});
  layout_.add_entry("nested", layout_.add_index({nested}));
  layout_.add_entry("", nested);
  layout_.add_entry("", child);
  layout_.add_entry("no reference!", child);
  const auto named = layout_.add_image("named");
  layout_.add_entry("", named);
  layout_.add_entry("named", named);
  EXPECT_THAT(names_in(*open_directory()),
              ElementsAre("base@" + child.digest.text(), "base:named", "base:nested"));
}

TEST_F(LayoutSourceTest, ListsAnUnnamedEntryOnceHoweverOftenItIsThere) {
  auto first = layout_.add_image("one");
  auto second = layout_.add_image("two");
  if (second.digest < first.digest) std::swap(first, second);
  layout_.add_entry("", second);
  layout_.add_entry("", first);
  layout_.add_entry("", second);
  EXPECT_THAT(names_in(*open_directory()),
              ElementsAre("base@" + first.digest.text(), "base@" + second.digest.text()));
}

TEST_F(LayoutSourceTest, FindsFallbackAndCosignTags) {
  const auto image = layout_.add_image("image");
  const auto sbom = layout_.add_image("sbom", subject_member(image));
  const auto fallback = layout_.add_index({sbom});
  const auto signature = layout_.add_image("signature");
  const std::string fallback_tag = oci::referrers_tag(image.digest);
  const std::string signature_tag = oci::cosign_tags(image.digest)[0];
  layout_.add_entry("host:1/a:1", image);
  layout_.add_entry("host:1/a:" + fallback_tag, fallback);
  layout_.add_entry("host:1/a:" + signature_tag, signature);
  layout_.add_entry("host:1/other:" + signature_tag, layout_.add_image("of another repository"));

  EXPECT_THAT(
      texts_of(open_directory()->attached(oci::parse_reference("host:1/a"), image.digest)),
      UnorderedElementsAre(fallback_tag + "@" + fallback.digest.text(), "@" + sbom.digest.text(),
                           signature_tag + "@" + signature.digest.text()));
}

TEST_F(LayoutSourceTest, SaysSoWhenADamagedManifestMayBeAttached) {
  const auto image = layout_.add_image("image");
  const auto damaged = layout_.add_image("damaged");
  layout_.add_entry("image", image);
  layout_.add_entry("", damaged);
  layout_.replace_blob(damaged.digest, std::string(damaged.size, ' '));
  const auto source = open_directory();
  EXPECT_THAT(names_in(*source),
              UnorderedElementsAre("base:image", "base@" + damaged.digest.text()));
  EXPECT_EQ(source->manifest(oci::parse_reference("base:image")).digest(), image.digest);
  for (int i = 0; i < 2; ++i) {
    const Error error =
        error_of([&] { source->attached(oci::parse_reference("base"), image.digest); });
    EXPECT_EQ(error.code(), Code::kIntegrity);
  }
}

TEST_F(LayoutSourceTest, TellsMissingFromDamagedBlobs) {
  const auto missing = layout_.add_blob("x/y", "missing");
  const auto longer = layout_.add_blob("x/y", "longer");
  layout_.remove_blob(missing.digest);
  layout_.replace_blob(longer.digest, "longer than that");
  const auto source = open_directory();
  const auto repository = oci::parse_reference("base");
  EXPECT_EQ(error_of([&] { read_blob_text(*source, repository, missing); }).code(), Code::kRefused);
  EXPECT_EQ(source->find_size(repository, missing), std::nullopt);
  EXPECT_EQ(source->find_size(repository, longer), 16U);
  const Error error = error_of([&] { read_blob_text(*source, repository, longer); });
  EXPECT_EQ(error.code(), Code::kIntegrity);
  EXPECT_THAT(error.what(), HasSubstr("expected 6 bytes, got 16"));
}

TEST_F(LayoutSourceTest, RefusesOtherBytesUnderADigest) {
  const auto image = layout_.add_image("image");
  const auto blob = layout_.add_blob("x/y", "blob");
  layout_.replace_blob(image.digest, std::string(image.size, 'x'));
  layout_.replace_blob(blob.digest, "BLOB");
  layout_.add_entry("image", image);
  const auto source = open_directory();
  EXPECT_EQ(error_of([&] { source->manifest(oci::parse_reference("base:image")); }).code(),
            Code::kIntegrity);
  EXPECT_EQ(error_of([&] { source->read_small_blob(oci::parse_reference("base"), blob); }).code(),
            Code::kIntegrity);
}

TEST_F(LayoutSourceTest, RefusesSmallBlobsThatAreNot) {
  auto blob = layout_.add_blob("x/y", "blob");
  blob.size = limits::kManifestBytes + 1;
  const auto source = open_directory();
  EXPECT_EQ(error_of([&] { source->read_small_blob(oci::parse_reference("base"), blob); }).code(),
            Code::kMalformed);
}

TEST_F(LayoutSourceTest, RefusesForeignLayersThatAreNotInIt) {
  auto layer =
      layout_.add_blob("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "layer");
  layer.urls = {"https://example.com/layer"};
  EXPECT_EQ(read_blob_text(*open_directory(), oci::parse_reference("base"), layer), "layer");
  layout_.remove_blob(layer.digest);
  std::filesystem::remove_all(folder_.path("base"));
  const auto source = open_directory();
  const Error error =
      error_of([&] { read_blob_text(*source, oci::parse_reference("base"), layer); });
  EXPECT_EQ(error.code(), Code::kRefused);
  EXPECT_THAT(error.next_step(), HasSubstr("--foreign-layers"));
}

TEST_F(LayoutSourceTest, DoesNotFollowLinks) {
  const auto image = layout_.add_image("image");
  layout_.add_entry("image", image);
  layout_.write(folder_, "base");
  const std::string blob = folder_.path("base/" + oci::blob_path(image.digest));
  std::filesystem::rename(blob, folder_.path("elsewhere"));
  std::filesystem::create_symlink(folder_.path("elsewhere"), blob);
  const auto source = open("oci:", "base");
  EXPECT_EQ(error_of([&] { source->manifest(oci::parse_reference("base:image")); }).code(),
            Code::kMalformed);

  std::filesystem::rename(folder_.path("base/blobs"), folder_.path("blobs"));
  std::filesystem::create_directory_symlink(folder_.path("blobs"), folder_.path("base/blobs"));
  EXPECT_EQ(error_of([&] { open("oci:", "base"); }).code(), Code::kMalformed);

  std::filesystem::create_directory_symlink(folder_.path("base"), folder_.path("link"));
  std::filesystem::remove(folder_.path("base/blobs"));
  EXPECT_THAT(names_in(*open("oci:", "link")), ElementsAre("link:image"));
}

struct BrokenRow {
  std::string name;
  std::string file;
  std::optional<std::string> text;  // nothing: the file is not there
  Code code;
};

TEST_F(LayoutSourceTest, RefusesWhatIsNoLayout) {
  const std::vector<BrokenRow> rows = {
      {"no-version", "oci-layout", std::nullopt, Code::kMalformed},
      {"version-2", "oci-layout", R"({"imageLayoutVersion":"2.0.0"})", Code::kUnsupported},
      {"no-json", "oci-layout", "1.0.0", Code::kMalformed},
      {"long-version", "oci-layout", std::string(5000, ' '), Code::kMalformed},
      {"no-index", "index.json", std::nullopt, Code::kMalformed},
      {"empty-index", "index.json", "", Code::kMalformed},
      {"no-manifests", "index.json", "[]", Code::kMalformed},
      {"bad-digest", "index.json",
       R"({"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:../../x","size":1}]})",
       Code::kMalformed},
  };
  for (const BrokenRow& row : rows) {
    FileTexts files = layout_.files();
    std::erase_if(files, [&](const auto& file) { return file.first == row.file; });
    if (row.text) files.emplace_back(row.file, *row.text);
    for (const auto& [path, text] : files) folder_.write(row.name + "/" + path, text);
    folder_.write(row.name + ".tar", tar_of(files));
    EXPECT_EQ(error_of([&] { open("oci:", row.name); }).code(), row.code) << row.name;
    EXPECT_EQ(error_of([&] { open("oci-archive:", row.name + ".tar"); }).code(), row.code)
        << row.name;
  }
}

TEST_F(LayoutSourceTest, SaysWhatLiesThereInstead) {
  folder_.write("file", "text");
  const Error absent = error_of([&] { open("oci:", "absent"); });
  EXPECT_EQ(absent.code(), Code::kUsage);
  const Error file = error_of([&] { open("oci:", "file"); });
  EXPECT_EQ(file.code(), Code::kUsage);
  EXPECT_THAT(file.next_step(), HasSubstr("oci-archive:"));
  EXPECT_EQ(error_of([&] { open("oci-archive:", "absent"); }).code(), Code::kUsage);
}

}  // namespace
}  // namespace seabag::source
