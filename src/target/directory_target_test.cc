// SPDX-License-Identifier: Apache-2.0
#include "target/directory_target.h"

#include <deque>
#include <filesystem>
#include <functional>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "io/file_blob.h"
#include "io/posix_file_system.h"
#include "oci/image_layout.h"
#include "oci/media_types.h"
#include "tar/reader.h"
#include "testing/fault_fs.h"
#include "testing/temp_dir.h"

namespace seabag::target {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

digest::Digest digest_of(const std::string& bytes) {
  return digest::digest_of(io::bytes_of(bytes));
}

std::string descriptor_text(const std::string& bytes, std::string_view media_type,
                            const std::string& platform = {}) {
  return R"({"mediaType":")" + std::string(media_type) + R"(","digest":")" +
         digest_of(bytes).text() + R"(","size":)" + std::to_string(bytes.size()) + platform + "}";
}

/// An image and its bytes, as the importer hands it over.
class Image {
 public:
  explicit Image(oci::Reference name) : name_(std::move(name)) {}

  /// Adds a blob that anything may refer to.
  const std::string& add(const std::string& bytes,
                         std::string_view media_type = "application/octet-stream") {
    texts_.push_back(bytes);
    blobs_.emplace_back(io::bytes_of(texts_.back()));
    descriptors_.push_back({std::string(media_type), digest_of(bytes), bytes.size()});
    return texts_.back();
  }

  /// Adds an image manifest over a config and a layer that are members too.
  std::string add_image(const std::string& name) {
    add(name + " config");
    add(name + " layer");
    return add(image_text(name), oci::media_type::kImageManifest);
  }

  static std::string image_text(const std::string& name) {
    return R"({"schemaVersion":2,"config":)" +
           descriptor_text(name + " config", oci::media_type::kImageConfig) + R"(,"layers":[)" +
           descriptor_text(name + " layer", "application/vnd.oci.image.layer.v1.tar") + "]}";
  }

  WholeImage whole() const {
    WholeImage image{
        .name = name_, .root = descriptors_.back(), .referrers = referrers_, .members = {}};
    for (std::size_t i = 0; i < descriptors_.size(); ++i) {
      image.members.push_back({descriptors_[i], blobs_[i]});
    }
    return image;
  }

  void add_referrer(const oci::Descriptor& descriptor) { referrers_.push_back(descriptor); }
  const oci::Descriptor& root() const { return descriptors_.back(); }
  /// The bytes of the member that was added last are others than its descriptor says.
  void damage(const std::string& bytes) {
    texts_.push_back(bytes);
    blobs_.back() = io::MemoryBlob(io::bytes_of(texts_.back()));
  }

 private:
  oci::Reference name_;
  std::deque<std::string> texts_;
  std::deque<io::MemoryBlob> blobs_;
  std::vector<oci::Descriptor> descriptors_;
  std::vector<oci::Descriptor> referrers_;
};

oci::Reference named(const std::string& repository, const std::string& tag) {
  return {"", repository, tag, {}};
}

class DirectoryTargetTest : public ::testing::Test {
 protected:
  DirectoryTarget open() {
    return {{"dir:" + path_, Transport::kDirectory, "", "", path_}, *files_};
  }

  /// The members of a tarball, by path.
  std::map<std::string, std::string> members(const std::string& relative) {
    const auto file = files_->open(io::join(path_, relative), io::OpenMode::kRead);
    const io::FileBlob tarball(*file, 0, file->size());
    std::map<std::string, std::string> found;
    tar::read_members(tarball, [&](const tar::FoundMember& member) {
      std::string text(member.member.size, '\0');
      tarball.read_at(member.placement.data_offset, std::as_writable_bytes(std::span(text)));
      found.emplace(member.member.path, std::move(text));
    });
    return found;
  }

  std::vector<std::string> all_files() {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      if (entry.is_regular_file()) paths.push_back(std::filesystem::relative(entry.path(), path_));
    }
    return paths;
  }

  testing::TempDir temp_;
  std::string path_ = temp_ / "images";
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
};

TEST_F(DirectoryTargetTest, MakesALayoutTarballOfEachReference) {
  DirectoryTarget target = open();
  EXPECT_FALSE(files_->find(path_)) << "opening alone changes nothing";
  Image image(named("team/app", "1.0"));
  image.add_image("app");
  target.put_image(image.whole());
  target.finish();
  EXPECT_THAT(all_files(), ElementsAre("team/app/1.0.tar"));
  EXPECT_EQ(target.location(named("team/app", "1.0")), path_ + "/team/app/1.0.tar");
  EXPECT_THAT(
      members("team/app/1.0.tar"),
      ::testing::UnorderedElementsAre(
          Pair("oci-layout", oci::kLayoutText),
          Pair("index.json", oci::write_layout_index({{"team/app:1.0", image.root()}})),
          Pair("manifest.json",
               oci::write_docker_manifest(
                   {{digest_of("app config"), {"team/app:1.0"}, {digest_of("app layer")}}})),
          Pair(oci::blob_path(digest_of("app config")), "app config"),
          Pair(oci::blob_path(digest_of("app layer")), "app layer"),
          Pair(oci::blob_path(image.root().digest), Image::image_text("app"))));
}

TEST_F(DirectoryTargetTest, GivesTheSameBytesForTheSameImage) {
  DirectoryTarget target = open();
  Image forward(named("app", "1"));
  forward.add("one");
  forward.add("two");
  forward.add_image("app");
  Image backward(named("app", "1"));
  backward.add("two");
  backward.add("two");
  backward.add("one");
  backward.add_image("app");
  target.put_image(forward.whole());
  const auto first = io::read_file(*files_, path_ + "/app/1.tar", 1U << 20U);
  target.put_image(backward.whole());
  EXPECT_EQ(io::read_file(*files_, path_ + "/app/1.tar", 1U << 20U), first);
}

TEST_F(DirectoryTargetTest, KeepsDigestsApartFromTagsThatLookLikeOne) {
  DirectoryTarget target = open();
  const digest::Digest digest = digest_of(Image::image_text("app"));
  Image by_digest({"", "app", "", digest});
  by_digest.add_image("app");
  Image by_tag(named("app", "sha256-" + digest.hex()));
  by_tag.add_image("app");
  target.put_image(by_digest.whole());
  target.put_image(by_tag.whole());
  EXPECT_THAT(all_files(), ::testing::UnorderedElementsAre("app/@sha256-" + digest.hex() + ".tar",
                                                           "app/sha256-" + digest.hex() + ".tar"));
  EXPECT_TRUE(target.has_manifest("app", digest));
  EXPECT_FALSE(target.has_manifest("app", digest_of("other")));
  EXPECT_THAT(members("app/@sha256-" + digest.hex() + ".tar").at("index.json"),
              HasSubstr("app@" + digest.text()));
}

TEST_F(DirectoryTargetTest, ListsReferrersWithoutName) {
  DirectoryTarget target = open();
  Image image(named("app", "1"));
  const std::string signature = R"({"schemaVersion":2,"config":{"mediaType":"a/b","digest":")" +
                                digest_of("s").text() + R"(","size":1},"layers":[]})";
  image.add("s");
  image.add(signature, oci::media_type::kImageManifest);
  image.add_referrer(image.root());
  image.add_referrer(
      {std::string(oci::media_type::kImageManifest), digest_of("was not carried"), 15});
  image.add_image("app");
  target.put_image(image.whole());
  const auto entries = oci::parse_layout_index(members("app/1.tar").at("index.json"));
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].name, "app:1");
  EXPECT_EQ(entries[1].name, "");
  EXPECT_EQ(entries[1].manifest.digest, digest_of(signature));
}

// The Docker view.

std::string index_text(const std::vector<std::pair<std::string, std::string>>& children) {
  std::string text;
  for (const auto& [name, platform] : children) {
    text += text.empty() ? "" : ",";
    text += descriptor_text(Image::image_text(name), oci::media_type::kImageManifest, platform);
  }
  return R"({"schemaVersion":2,"manifests":[)" + text + "]}";
}

const std::string kAmd64 = R"(,"platform":{"os":"linux","architecture":"amd64"})";
const std::string kArm64 = R"(,"platform":{"os":"linux","architecture":"arm64"})";

TEST_F(DirectoryTargetTest, ShowsDockerTheAmd64ChildOfAnIndex) {
  DirectoryTarget target = open();
  Image image(named("app", "1"));
  image.add_image("arm");
  image.add_image("amd");
  image.add(index_text({{"arm", kArm64}, {"amd", kAmd64}}), oci::media_type::kImageIndex);
  target.put_image(image.whole());
  EXPECT_THAT(members("app/1.tar").at("manifest.json"), HasSubstr(digest_of("amd config").hex()));
}

TEST_F(DirectoryTargetTest, ShowsDockerTheFirstChildThatIsWhole) {
  DirectoryTarget target = open();
  Image image(named("app", "1"));
  image.add(Image::image_text("amd"), oci::media_type::kImageManifest);
  image.add_image("arm");
  image.add(index_text({{"left out", kAmd64}, {"amd", kAmd64}, {"arm", kArm64}}),
            oci::media_type::kImageIndex);
  target.put_image(image.whole());
  EXPECT_THAT(members("app/1.tar").at("manifest.json"), HasSubstr(digest_of("arm config").hex()));
}

TEST_F(DirectoryTargetTest, ShowsDockerNothingThatDoesNotRun) {
  DirectoryTarget target = open();
  Image image(named("chart", "1"));
  image.add("c");
  image.add(R"({"schemaVersion":2,"config":)" +
                descriptor_text("c", "application/vnd.cncf.helm.config.v1+json") +
                R"(,"layers":[]})",
            oci::media_type::kImageManifest);
  target.put_image(image.whole());
  EXPECT_FALSE(members("chart/1.tar").contains("manifest.json"));
}

// What is there already.

TEST_F(DirectoryTargetTest, ReadsTheDigestOfATagThatIsThere) {
  Image image(named("app", "1"));
  image.add_image("app");
  open().put_image(image.whole());
  DirectoryTarget target = open();
  EXPECT_EQ(target.find_tag("app", "1"), image.root().digest);
  EXPECT_EQ(target.find_tag("app", "2"), std::nullopt);
}

TEST_F(DirectoryTargetTest, SaysWhichFileIsInTheWay) {
  std::filesystem::create_directories(path_ + "/app");
  io::write_new_file(*files_, path_ + "/app/1.tar", io::bytes_of("something else"));
  DirectoryTarget target = open();
  try {
    target.find_tag("app", "1");
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/app/1.tar"));
    EXPECT_THAT(error.next_step(), HasSubstr("out of the way"));
  }
}

TEST_F(DirectoryTargetTest, RefusesPlacesThatAreSomethingElse) {
  for (const char* file : {"oci-layout", "bagit.txt"}) {
    std::filesystem::create_directories(path_);
    io::write_new_file(*files_, io::join(path_, file), {});
    EXPECT_THROW(open(), Error) << file;
    std::filesystem::remove_all(path_);
  }
  io::write_new_file(*files_, path_, {});
  EXPECT_THROW(open(), Error) << "a file";
}

TEST_F(DirectoryTargetTest, IsForOneRunAtATime) {
  Image image(named("app", "1"));
  image.add_image("app");
  DirectoryTarget first = open();
  DirectoryTarget second = open();
  first.put_image(image.whole());
  try {
    second.put_image(image.whole());
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kLocked);
  }
}

TEST_F(DirectoryTargetTest, IsLockedForOtherFilesToo) {
  Image image(named("app", "1"));
  image.add_image("app");
  DirectoryTarget first = open();
  first.lock();
  first.lock();
  {
    DirectoryTarget second = open();
    EXPECT_THROW(second.lock(), Error);
    EXPECT_THROW(second.put_image(image.whole()), Error);
  }
  first.put_image(image.whole());
}

// What goes wrong.

TEST_F(DirectoryTargetTest, LeavesNoTarballOfADamagedImage) {
  Image image(named("app", "1"));
  image.add_image("app");
  Image damaged(named("app", "1"));
  damaged.add("config of another");
  damaged.damage("Config of another");
  damaged.add_image("app");
  DirectoryTarget target = open();
  try {
    target.put_image(damaged.whole());
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIntegrity);
    EXPECT_THAT(error.what(), HasSubstr("blob " + digest_of("config of another").text()));
  }
  EXPECT_THAT(all_files(), ElementsAre());
  target.put_image(image.whole());
  EXPECT_THROW(target.put_image(damaged.whole()), Error);
  EXPECT_EQ(target.find_tag("app", "1"), image.root().digest) << "what was there stays";
}

TEST_F(DirectoryTargetTest, MeetsAnyFailureOfTheMediumWithAnErrorOrTheWholeThing) {
  Image image(named("app", "1"));
  image.add_image("app");
  for (const testing::Operation operation : testing::kOperations) {
    for (int nth = 1; nth < 40; ++nth) {
      SCOPED_TRACE(std::string(testing::name_of(operation)) + " " + std::to_string(nth));
      std::filesystem::remove_all(path_);
      testing::FaultFs faulty(*files_);
      faulty.fail(
          {.operation = operation, .nth = nth, .error_number = ENOSPC, .writes_short = true});
      try {
        DirectoryTarget target({"dir:" + path_, Transport::kDirectory, "", "", path_}, faulty);
        target.put_image(image.whole());
      } catch (const Error&) {
        if (files_->find(path_ + "/app/1.tar")) members("app/1.tar");
        open().put_image(image.whole());
      }
      EXPECT_EQ(open().find_tag("app", "1"), image.root().digest);
      EXPECT_EQ(members("app/1.tar").size(), 6U);
      if (faulty.calls(operation) < nth) break;
    }
  }
}

TEST_F(DirectoryTargetTest, WritesNowhereElse) {
  DirectoryTarget target = open();
  Image image(named("../escape", "1"));
  image.add_image("app");
  EXPECT_THROW(target.put_image(image.whole()), Error);
  EXPECT_THROW(target.find_tag("a", "../../b"), Error);
  EXPECT_FALSE(files_->find(temp_ / "escape"));
}

// Names.

struct Name {
  std::string name;
  oci::Reference reference;
  std::string fault;  ///< part of the objection; empty: none
};

class DirectoryTargetNames : public ::testing::TestWithParam<Name> {};

TEST_P(DirectoryTargetNames, AreObjectedToForAReason) {
  const auto files = io::posix_file_system();
  const DirectoryTarget target({"dir:x", Transport::kDirectory, "", "", "/nonexistent/x"}, *files);
  const auto fault = target.objection(GetParam().reference);
  EXPECT_EQ(fault.has_value(), !GetParam().fault.empty()) << fault.value_or("");
  EXPECT_THAT(fault.value_or(""), HasSubstr(GetParam().fault));
}

const Name kNames[] = {
    {"Plain", named("library/busybox", "1.35"), ""},
    {"LongestTag", named("a", std::string(128, 'x')), ""},
    {"TagWithTrailingDot", named("a", "v1."), ""},
    {"Digest", {"", "a", "", digest::digest_of({})}, ""},
    {"PartThatOnlyBeginsLikeADevice", named("console/com10", "null"), ""},
    {"UpperCaseRepository", named("A", "1"), "is no repository name"},
    {"PortOfARegistry", {"localhost:5000", "a", "1", {}}, "is no repository name"},
    {"DotDot", named("a/..", "1"), "is no repository name"},
    {"Backslash", named("a\\b", "1"), "is no repository name"},
    {"TagWithSlash", named("a", "b/c"), "is no tag"},
    {"TagIsADevice", named("a", "CON"), "is the name of a device"},
    {"TagBeginsWithADevice", named("a", "nul.1"), "is the name of a device"},
    {"RepositoryIsADevice", named("team/aux", "1"), "is the name of a device"},
    {"RepositoryPartIsADevice", named("lpt1/x", "1"), "is the name of a device"},
    {"RepositoryIsCalledLikeATarball", named("a/1.tar", "x"), "is called like a tarball"},
    {"RepositoryPartIsTooLong", named(std::string(251, 'a'), "1"), "expected at most 250"},
};

INSTANTIATE_TEST_SUITE_P(, DirectoryTargetNames, ::testing::ValuesIn(kNames),
                         [](const auto& test) { return test.param.name; });

TEST_F(DirectoryTargetTest, FindsNamesThatOneFileSystemWouldTakeForOne) {
  const DirectoryTarget target = open();
  EXPECT_EQ(target.collision_key(named("a", "Edge")), target.collision_key(named("a", "edge")));
  EXPECT_NE(target.collision_key(named("a", "edge")), target.collision_key(named("a/b", "edge")));
  EXPECT_NE(target.collision_key(named("a", "edge")), target.collision_key(named("a", "edge1")));
}

}  // namespace
}  // namespace seabag::target
