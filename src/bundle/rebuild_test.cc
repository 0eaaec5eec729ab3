// SPDX-License-Identifier: Apache-2.0
#include "bundle/rebuild.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "bundle/opened.h"
#include "bundle/plan_file.h"
#include "bundle/verify.h"
#include "digest/hasher.h"
#include "io/posix_file_system.h"
#include "oci/image_layout.h"
#include "sample_bundle/sample_bundle.h"
#include "tar/header.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

using sample_bundle::make_sample;
using sample_bundle::Sample;
using sample_bundle::write_sample;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Warnings : public transfer::NoProgress {
 public:
  void warn(std::string_view text) override { texts.emplace_back(text); }
  std::vector<std::string> texts;
};

void overwrite(io::FileSystem& files, const std::string& path, std::string_view text) {
  if (files.find(path)) files.remove_file(path);
  io::write_new_file(files, path, io::bytes_of(text));
}

class LostIndex : public ::testing::Test {
 protected:
  std::string at(const std::string& name) const { return io::join(path_, name); }

  OpenedBundle open(std::vector<std::string>* problems = nullptr) {
    const RebuildMeans means{.progress = warnings_, .stop = {}, .jobs = 2};
    return OpenedBundle::open(*files_, path_, std::nullopt, problems, &means);
  }

  VerifyReport check() {
    std::vector<std::string> problems;
    const OpenedBundle bundle = open(&problems);
    transfer::NoProgress quiet;
    return verify(bundle, problems, {.quick = false, .jobs = 2}, quiet, std::stop_token());
  }

  bool is_sound() try { return check().findings.empty(); } catch (const Error&) {
    return false;
  }

  Error error_of_opening() {
    try {
      open();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "the bundle was opened";
    return {Code::kInternal, ""};
  }

  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "sample.bag");
  Sample sample_ = make_sample();
  Warnings warnings_;
};

auto key_of(const index::Location& at) {
  return std::tuple(at.blob, at.file, at.offset);
}

auto key_of(const index::Edge& edge) {
  return std::tuple(edge.parent, edge.role, edge.position, edge.child, edge.media_type,
                    edge.platform);
}

auto key_of(const index::Blob& blob) {
  return std::tuple(blob.digest, blob.size, blob.presence);
}

auto key_of(const index::ManifestInfo& manifest) {
  return std::tuple(manifest.blob, manifest.kind, manifest.media_type, manifest.artifact_type);
}

template <class Item>
auto keys_of(const std::vector<Item>& items) {
  std::vector<decltype(key_of(items.front()))> keys;
  for (const Item& item : items) keys.push_back(key_of(item));
  return keys;
}

std::vector<std::string> names_of(const index::Content& content) {
  std::vector<std::string> names;
  for (const auto& reference : content.references) {
    names.push_back(
        fmt::format("{} {}", content.name_of(reference), static_cast<int>(reference.kind)));
  }
  return names;
}

// All but what only the sealed index knew.
void expect_same(const index::Index& made, const index::Index& sealed) {
  EXPECT_EQ(made.files, sealed.files);
  EXPECT_EQ(keys_of(made.locations), keys_of(sealed.locations));
  EXPECT_EQ(keys_of(made.content.blobs), keys_of(sealed.content.blobs));
  EXPECT_EQ(keys_of(made.content.manifests), keys_of(sealed.content.manifests));
  EXPECT_EQ(keys_of(made.content.edges), keys_of(sealed.content.edges));
  EXPECT_EQ(made.content.repositories, sealed.content.repositories);
  EXPECT_EQ(made.content.media_types, sealed.content.media_types);
  EXPECT_EQ(made.content.platforms, sealed.content.platforms);
  EXPECT_EQ(names_of(made.content), names_of(sealed.content));
}

TEST_F(LostIndex, IsMadeAnewFromTheTarballs) {  // D8
  write_sample(*files_, path_, sample_, {});
  const OpenedBundle sealed = OpenedBundle::open(*files_, path_, std::nullopt);
  files_->remove_file(at("index.sqlite"));
  const OpenedBundle made = open();
  EXPECT_EQ(made.seal(), sealed.seal());
  EXPECT_EQ(made.index_defect(), "index.sqlite is missing");
  expect_same(made.index(), sealed.index());
  EXPECT_THAT(warnings_.texts, ElementsAre(HasSubstr("index.sqlite is missing; it is made anew")));
  EXPECT_EQ(files_->find(at("index.sqlite")), std::nullopt) << "a sealed bundle is not written to";
}

TEST_F(LostIndex, IsMadeAnewFromSplitTarballs) {
  write_sample(*files_, path_, sample_, {.by_repository = true});
  const OpenedBundle sealed = OpenedBundle::open(*files_, path_, std::nullopt);
  files_->remove_file(at("index.sqlite"));
  expect_same(open().index(), sealed.index());
}

TEST_F(LostIndex, IsNotBelievedWhenItIsDamaged) {
  write_sample(*files_, path_, sample_, {});
  const OpenedBundle sealed = OpenedBundle::open(*files_, path_, std::nullopt);
  overwrite(*files_, at("index.sqlite"), "SQLite format 3 or not");
  const OpenedBundle made = open();
  EXPECT_THAT(made.index_defect(), HasSubstr("index.sqlite: expected sha256:"));
  expect_same(made.index(), sealed.index());
}

TEST_F(LostIndex, SaysTheTimesThatTheImagesSay) {
  write_sample(*files_, path_, sample_, {});
  files_->remove_file(at("index.sqlite"));
  const OpenedBundle made = open();
  const auto has_time = [](const index::ManifestInfo& manifest) {
    return manifest.created == "2024-05-06T07:08:09Z";
  };
  EXPECT_EQ(std::ranges::count_if(made.index().content.manifests, has_time), 1);
}

TEST_F(LostIndex, IsTheOnlyThingThatVerifyFinds) {
  write_sample(*files_, path_, sample_, {});
  files_->remove_file(at("index.sqlite"));
  const VerifyReport report = check();
  ASSERT_THAT(report.findings, SizeIs(1));
  EXPECT_EQ(report.findings.front().file, "index.sqlite");
  EXPECT_GT(report.bytes, 0U);
}

TEST_F(LostIndex, DoesNotKeepVerifyFromNamingADamagedBlob) {
  write_sample(*files_, path_, sample_, {});
  std::uint64_t offset = 0;
  digest::Digest damaged = sample_.content.blobs.front().digest;
  {
    const OpenedBundle sealed = OpenedBundle::open(*files_, path_, std::nullopt);
    const index::BlobId layer = *sealed.graph().find(digest::digest_of(io::bytes_of("app layer")));
    offset = sealed.locations_of(layer).front().offset;
    damaged = sealed.index().content.blobs[layer].digest;
  }
  files_->open(at("data/images/images.tar"), io::OpenMode::kReadWrite)
      ->write_at(offset, io::bytes_of("A"));
  files_->remove_file(at("index.sqlite"));
  const auto names_it = [&](const Finding& f) {
    return f.blob == damaged && !f.references.empty();
  };
  EXPECT_EQ(std::ranges::count_if(check().findings, names_it), 1);

  const Error error = error_of_opening();
  EXPECT_EQ(error.code(), Code::kIntegrity) << "names in an unverified tarball are not believed";
  EXPECT_THAT(error.what(), HasSubstr("data/images/images.tar"));
}

TEST_F(LostIndex, LeavesOutWhatCouldNotBeHadAndSaysSo) {
  const auto lost = digest::digest_of(io::bytes_of("app layer"));
  write_sample(*files_, path_, sample_, {}, {lost});
  files_->remove_file(at("index.sqlite"));
  const OpenedBundle made = open();
  EXPECT_THAT(names_of(made.index().content), Not(Contains(HasSubstr("library/app:1.0"))));
  EXPECT_THAT(names_of(made.index().content), Contains(HasSubstr("team/tool:v1")));
  EXPECT_THAT(warnings_.texts, Contains(HasSubstr("1 blobs could not be had")));
  EXPECT_THAT(check().findings, SizeIs(1));
}

TEST_F(LostIndex, MadeAnewIsAnIndexThatIsRead) {
  write_sample(*files_, path_, sample_, {});
  files_->remove_file(at("index.sqlite"));
  const OpenedBundle made = open();
  const std::string path = io::join(dir_.path(), "made.sqlite");
  write_plan_file(*files_, path, made.index());
  const index::Index read = read_plan_file(*files_, path);
  expect_same(read, made.index());
  EXPECT_EQ(read.metadata.at("rebuilt"), "yes");
  EXPECT_THAT(read.content.sources, SizeIs(1));
}

TEST_F(LostIndex, IsRefusedByWhoCannotMakeItAnew) {
  write_sample(*files_, path_, sample_, {});
  files_->remove_file(at("index.sqlite"));
  EXPECT_THROW(OpenedBundle::open(*files_, path_, std::nullopt), Error);
}

TEST_F(LostIndex, OfATerabyteIsRefusedWithoutBeingRead) {  // D9
  write_sample(*files_, path_, sample_, {});
  overwrite(*files_, at("index.sqlite"), "");
  files_->open(at("index.sqlite"), io::OpenMode::kReadWrite)->resize(1ULL << 40U);
  const Error error = error_of_opening();
  EXPECT_EQ(error.code(), Code::kMalformed);
  EXPECT_THAT(error.what(), HasSubstr("more than the limit"));
}

constexpr const char* kImage = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kConfig = "application/vnd.oci.image.config.v1+json";
constexpr const char* kLayer = "application/vnd.oci.image.layer.v1.tar";

using Members = std::vector<std::pair<std::string, std::string>>;

std::string tarball_of(const Members& members) {
  std::string bytes;
  for (const auto& [path, content] : members) {
    bytes += io::text_of(tar::encode_header(path, content.size()));
    bytes += content;
    bytes.resize((bytes.size() + 511) / 512 * 512, '\0');
  }
  return bytes + std::string(1024, '\0');
}

std::string digest_text(const std::string& bytes) {
  return digest::digest_of(io::bytes_of(bytes)).text();
}

std::string descriptor(const char* media_type, const std::string& bytes,
                       const std::string& more = "") {
  return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}{}}})", media_type,
                     digest_text(bytes), bytes.size(), more);
}

std::string named(const std::string& manifest, const std::string& name,
                  const char* media_type = kImage) {
  return descriptor(media_type, manifest,
                    fmt::format(R"(,"annotations":{{"{}":"{}"}})", oci::kRefNameAnnotation, name));
}

std::string index_json(const std::string& entries) {
  return fmt::format(R"({{"schemaVersion":2,"manifests":[{}]}})", entries);
}

std::pair<std::string, std::string> blob(const std::string& bytes) {
  return {oci::blob_path(digest::digest_of(io::bytes_of(bytes))), bytes};
}

Members layout(const std::string& entries, const Members& blobs = {}) {
  Members members = {{"oci-layout", std::string(oci::kLayoutText)},
                     {"index.json", index_json(entries)},
                     {"manifest.json", "[]"}};
  members.insert(members.end(), blobs.begin(), blobs.end());
  return members;
}

const std::string kConfigText = "{}";
const std::string kLayerText = "layer";
const std::string kManifest =
    fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})", kImage,
                descriptor(kConfig, kConfigText), descriptor(kLayer, kLayerText));

// Indexes in indexes, the outermost first; each names the next one `times` times.
std::vector<std::string> nested(int depth, int times) {
  std::vector<std::string> indexes;
  for (int i = 0; i < depth; ++i) {
    const std::string child =
        indexes.empty() ? descriptor(kImage, kManifest) : descriptor(kIndex, indexes.front());
    std::string children;
    for (int k = 0; k < times; ++k) children += (k == 0 ? "" : ",") + child;
    indexes.insert(indexes.begin(), fmt::format(R"({{"schemaVersion":2,"mediaType":"{}",)"
                                                R"("manifests":[{}]}})",
                                                kIndex, children));
  }
  return indexes;
}

Members nested_layout(int depth, int times) {
  const auto indexes = nested(depth, times);
  Members blobs = {blob(kManifest), blob(kConfigText), blob(kLayerText)};
  for (const std::string& index : indexes) blobs.push_back(blob(index));
  return layout(named(indexes.front(), "team/app:1", kIndex), blobs);
}

// A bag without an index around tarballs, every checksum of it right: what a hostile writer can do.
class HostileTarball : public LostIndex {
 protected:
  void write_bag(const std::string& tarball) { write_bag({{"data/images/images.tar", tarball}}); }

  void write_bag(const Members& tarballs) {
    io::create_directories(*files_, at("data/images"));
    const auto put = [&](const std::string& name, const std::string& text) {
      io::write_new_file(*files_, at(name), io::bytes_of(text));
      return bagit::ManifestEntry{digest::digest_of(io::bytes_of(text)), name};
    };
    std::vector<bagit::ManifestEntry> payload;
    for (const auto& [name, tarball] : tarballs) payload.push_back(put(name, tarball));
    std::vector<bagit::ManifestEntry> tags = {
        put("bagit.txt", bagit::write_declaration()),
        put("bag-info.txt", bagit::write_bag_info({{"Seabag-Format-Version", "1"}})),
        put("manifest-sha256.txt", bagit::write_manifest(payload)),
        {digest::digest_of(io::bytes_of("lost")), "index.sqlite"}};
    put("tagmanifest-sha256.txt", bagit::write_manifest(tags));
  }
};

TEST_F(HostileTarball, OfAPlainImageIsRead) {
  write_bag(tarball_of(layout(named(kManifest, "team/app:1"),
                              {blob(kManifest), blob(kConfigText), blob(kLayerText)})));
  EXPECT_THAT(names_of(open().index().content), ElementsAre("team/app:1 0"));
}

TEST_F(HostileTarball, IsRefusedForWhatItIs) {
  struct Case {
    const char* name;
    Members members;
    Code code;
    const char* message;
  };
  const Members image = {blob(kManifest), blob(kConfigText), blob(kLayerText)};
  const std::string name = named(kManifest, "team/app:1");
  const auto with_layout_text = [&](const std::string& text) {
    Members members = layout(name, image);
    members.front().second = text;
    return members;
  };
  const auto moved_back = [&](std::size_t table) {
    Members members = layout(name, image);
    std::rotate(members.begin() + static_cast<std::ptrdiff_t>(table),
                members.begin() + static_cast<std::ptrdiff_t>(table) + 1, members.end());
    return members;
  };
  const auto with_member = [&](const std::string& path) {
    Members members = layout(name, image);
    members.emplace_back(path, "x");
    return members;
  };
  Members other_bytes = layout(name, image);
  other_bytes[3].second[5] = '!';
  const std::string larger =
      fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{},)"
                  R"("annotations":{{"{}":"team/app:1"}}}})",
                  kImage, digest_text(kManifest), kManifest.size() + 1, oci::kRefNameAnnotation);
  const std::vector<Case> cases = {
      {"NoMembers", {}, Code::kMalformed, "oci-layout is missing"},
      {"LayoutOfVersion2", with_layout_text(R"({"imageLayoutVersion":"2.0.0"})"),
       Code::kUnsupported, "2.0.0"},
      {"LayoutThatIsNoJson", with_layout_text("1.0.0"), Code::kMalformed, "JSON"},
      {"LayoutBehindTheBlobs", moved_back(0), Code::kMalformed,
       "member 1 is \"index.json\", expected oci-layout"},
      {"NamesBehindTheBlobs", moved_back(1), Code::kMalformed,
       "member 2 is \"manifest.json\", expected index.json"},
      {"MemberThatIsNoBlob", with_member("blobs/sha256/abc"), Code::kMalformed, "is no blob"},
      {"MemberOfAnotherAlgorithm", with_member("blobs/md5/" + std::string(32, 'a')),
       Code::kMalformed, "is no blob"},
      {"MemberElsewhere", with_member("etc/passwd"), Code::kMalformed, "\"etc/passwd\""},
      {"NameThatClimbs", layout(named(kManifest, "../../etc:1"), image), Code::kMalformed,
       "index.json: manifests[0]: names \"../../etc:1\""},
      {"NameWithAnEscape", layout(named(kManifest, "app:\\u001b[2J"), image), Code::kMalformed,
       "app:\\x1b[2J"},
      {"NameWithoutATag", layout(named(kManifest, "team/app"), image), Code::kMalformed,
       "expected a tag"},
      {"NameOfAnotherDigest", layout(named(kManifest, "team/app@" + digest_text("other")), image),
       Code::kMalformed, "or the digest of the manifest"},
      {"NoName", layout(descriptor(kImage, kManifest), image), Code::kMalformed, "names"},
      {"OneNameTwice", layout(name + "," + named(kLayerText, "team/app:1"), image),
       Code::kMalformed, "team/app:1"},
      {"ManifestThatIsNotThere", layout(name), Code::kMalformed, "is not in the tarball"},
      {"ManifestOfAnotherSize", layout(larger, image), Code::kMalformed, "bytes, expected"},
      {"ManifestOfOtherBytes", other_bytes, Code::kIntegrity, "sha256:"},
      {"LayerForAManifest", layout(named(kLayerText, "team/app:1"), image), Code::kMalformed,
       "JSON"},
      {"IndexForAnImage", layout(named(kManifest, "team/app:1", kIndex), image), Code::kMalformed,
       "mediaType"},
      {"IndexesTenDeep", nested_layout(10, 1), Code::kMalformed, "nested deeper than 8"},
  };
  for (const Case& row : cases) {
    io::remove_tree(*files_, path_);
    write_bag(tarball_of(row.members));
    const Error error = error_of_opening();
    EXPECT_EQ(error.code(), row.code) << row.name << ": " << error.what();
    EXPECT_THAT(error.what(), HasSubstr(row.message)) << row.name;
    EXPECT_THAT(error.what(), HasSubstr("images.tar")) << row.name;
    EXPECT_FALSE(is_sound()) << row.name;
  }
}

TEST_F(HostileTarball, WithTheSameChildOverAndOverIsReadInLinearTime) {  // C10
  write_bag(tarball_of(nested_layout(8, 1000)));
  const OpenedBundle bundle = open();
  EXPECT_THAT(bundle.index().content.manifests, SizeIs(9));
  EXPECT_THAT(check().findings, Not(IsEmpty())) << "manifest.json does not name the image";
}

// Two tarballs with the same images, and every member of the first damaged in turn: what is said of
// the second is what is said of it when both are sound.
TEST_F(HostileTarball, WithADamagedManifestLeavesTheOneThatSharesItInPeace) {
  const Members sound = nested_layout(2, 1);
  const auto said_of_second = [&](const Members& first) {
    write_bag({{"data/images/a.tar", tarball_of(first)}, {"data/images/b.tar", tarball_of(sound)}});
    std::vector<std::string> texts;
    for (const Finding& finding : check().findings) {
      if (finding.file == "data/images/b.tar") texts.push_back(finding.text);
    }
    io::remove_tree(*files_, path_);
    return texts;
  };
  const std::vector<std::string> of_sound = said_of_second(sound);
  for (std::size_t member = 3; member < sound.size(); ++member) {
    Members damaged = sound;
    damaged[member].second.back() ^= 1;
    EXPECT_EQ(said_of_second(damaged), of_sound) << damaged[member].first;
  }
}

TEST_F(HostileTarball, WithoutALayerHasAnImageThatIsNotWhole) {  // C16
  write_bag(
      tarball_of(layout(named(kManifest, "team/app:1"), {blob(kManifest), blob(kConfigText)})));
  const OpenedBundle bundle = open();
  const auto layer = bundle.graph().find(digest::digest_of(io::bytes_of(kLayerText)));
  ASSERT_TRUE(layer);
  EXPECT_EQ(bundle.index().content.blobs[*layer].presence, index::Presence::kMissing);
}

TEST_F(HostileTarball, WithoutAForeignLayerHasItLeftOut) {
  const std::string manifest = fmt::format(
      R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})", kImage,
      descriptor(kConfig, kConfigText),
      descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", kLayerText));
  write_bag(tarball_of(layout(named(manifest, "team/app:1"), {blob(manifest), blob(kConfigText)})));
  const OpenedBundle bundle = open();
  const auto layer = bundle.graph().find(digest::digest_of(io::bytes_of(kLayerText)));
  ASSERT_TRUE(layer);
  EXPECT_EQ(bundle.index().content.blobs[*layer].presence, index::Presence::kLeftOut);
  ASSERT_THAT(bundle.index().content.absences, SizeIs(1));
  EXPECT_EQ(bundle.index().content.absences.front().reason, "foreign");
}

}  // namespace
}  // namespace seabag::bundle
