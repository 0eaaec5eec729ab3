// SPDX-License-Identifier: Apache-2.0
#include "target/layout_target.h"

#include <filesystem>
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "io/posix_file_system.h"
#include "oci/media_types.h"
#include "testing/fault_fs.h"
#include "testing/temp_dir.h"

namespace seabag::target {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kAnySize = 1U << 20U;

oci::Descriptor descriptor_of(const std::string& bytes) {
  return {"application/octet-stream", digest::digest_of(io::bytes_of(bytes)), bytes.size()};
}

oci::RawManifest manifest_of(const std::string& text,
                             std::string_view media_type = oci::media_type::kImageManifest) {
  const auto bytes = io::bytes_of(text);
  return oci::verified({bytes.begin(), bytes.end()}, std::string(media_type), std::nullopt);
}

oci::RawManifest image_of(const std::string& config) {
  return manifest_of(R"({"schemaVersion":2,"config":{"mediaType":"text/plain","digest":")" +
                     descriptor_of(config).digest.text() + R"(","size":)" +
                     std::to_string(config.size()) + R"(},"layers":[]})");
}

oci::RawManifest index_of(const oci::RawManifest& child) {
  return manifest_of(R"({"schemaVersion":2,"manifests":[{"mediaType":")" + child.media_type() +
                         R"(","digest":")" + child.digest().text() + R"(","size":)" +
                         std::to_string(child.bytes().size()) + "}]}",
                     oci::media_type::kImageIndex);
}

class LayoutTargetTest : public ::testing::Test {
 protected:
  LayoutTarget open() { return {{"oci:" + path_, Transport::kLayout, "", "", path_}, *files_}; }

  PutOutcome put(LayoutTarget& target, const std::string& bytes) {
    return target.put_blob("a/b", descriptor_of(bytes), io::MemoryBlob(io::bytes_of(bytes)), {});
  }

  std::string read(const std::string& relative) {
    return std::string(io::text_of(io::read_file(*files_, io::join(path_, relative), kAnySize)));
  }
  std::string blob_path(const std::string& bytes) {
    return io::join(path_, oci::blob_path(descriptor_of(bytes).digest));
  }
  void write(const std::string& relative, const std::string& text) {
    const std::string path = io::join(path_, relative);
    std::filesystem::create_directories(io::parent_of(path));
    std::filesystem::remove_all(path);
    io::write_new_file(*files_, path, io::bytes_of(text));
  }

  /// "a/b:1 = DIGEST" of every entry in index.json.
  std::vector<std::string> entries() {
    std::vector<std::string> lines;
    for (const auto& entry : oci::parse_layout_index(read("index.json"))) {
      lines.push_back(entry.name + " = " + entry.manifest.digest.text());
    }
    return lines;
  }
  static std::string line(const std::string& name, const oci::RawManifest& manifest) {
    return name + " = " + manifest.digest().text();
  }

  void expect_error(Code code, const std::string& text, const std::function<void()>& action) {
    try {
      action();
      ADD_FAILURE() << "expected an Error with " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(text));
    }
  }

  testing::TempDir temp_;
  std::string path_ = temp_ / "deep/store";
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
};

TEST_F(LayoutTargetTest, MakesALayout) {
  LayoutTarget target = open();
  EXPECT_FALSE(files_->find(path_)) << "opening alone changes nothing";
  EXPECT_EQ(put(target, "config"), PutOutcome::kUploaded);
  EXPECT_EQ(put(target, "config"), PutOutcome::kWasThere);
  const oci::RawManifest image = image_of("config");
  target.put_manifest("a/b", image, std::nullopt, "1");
  target.finish();
  EXPECT_EQ(read("oci-layout"), oci::kLayoutText);
  EXPECT_EQ(read(oci::blob_path(descriptor_of("config").digest)), "config");
  EXPECT_EQ(read("index.json"), oci::write_layout_index({{"a/b:1", image.descriptor()}}));
  EXPECT_EQ(target.find_tag("a/b", "1"), image.digest());
  EXPECT_EQ(target.find_tag("a/b", "2"), std::nullopt);
}

TEST_F(LayoutTargetTest, TakesAnEmptyDirectory) {
  std::filesystem::create_directories(path_);
  LayoutTarget target = open();
  put(target, "config");
  target.finish();
  EXPECT_THAT(entries(), IsEmpty());
}

TEST_F(LayoutTargetTest, GoesOnAfterARunThatDidNotFinish) {
  write("oci-layout", std::string(oci::kLayoutText));
  write(oci::blob_path(descriptor_of("config").digest) + ".part", "con");
  LayoutTarget target = open();
  EXPECT_EQ(put(target, "config"), PutOutcome::kUploaded);
  target.put_manifest("a/b", image_of("config"), std::nullopt, "1");
  target.finish();
  EXPECT_THAT(entries(), ElementsAre(line("a/b:1", image_of("config"))));
}

TEST_F(LayoutTargetTest, GoesOnAfterARunThatEndedAtOnce) {
  write("oci-layout.part", "{\"image");
  LayoutTarget target = open();
  put(target, "config");
  EXPECT_EQ(read("oci-layout"), oci::kLayoutText);
}

// What is there already.

TEST_F(LayoutTargetTest, KeepsWhatOthersWrote) {
  const std::string others =
      R"({"annotations":{"zz":"1","aa":"2"},"schemaVersion":2,"manifests":[)"
      R"({"size":3,"mediaType":"application/vnd.oci.image.manifest.v1+json","x-unknown":[1,{"y":null}],"digest":")" +
      descriptor_of("old").digest.text() +
      R"(","annotations":{"org.opencontainers.image.ref.name":"theirs","note":"keep"}}]})";
  write("oci-layout", std::string(oci::kLayoutText));
  write("index.json", others);
  LayoutTarget target = open();
  EXPECT_EQ(target.find_tag("a/b", "1"), std::nullopt);
  target.put_manifest("a/b", image_of("x"), std::nullopt, "1");
  target.finish();
  const std::string merged = read("index.json");
  EXPECT_THAT(merged, ::testing::StartsWith(others.substr(0, others.size() - 2)));
  EXPECT_THAT(entries(), ElementsAre("theirs = " + descriptor_of("old").digest.text(),
                                     line("a/b:1", image_of("x"))));
}

TEST_F(LayoutTargetTest, ReplacesTheEntryOfTheSameNameWhereItStands) {
  for (const std::string config : {"one", "two"}) {
    LayoutTarget target = open();
    target.put_manifest("a/b", image_of(config), std::nullopt, "1");
    if (config == "one") target.put_manifest("a/b", image_of("one"), std::nullopt, "stays");
    target.finish();
  }
  EXPECT_THAT(entries(),
              ElementsAre(line("a/b:1", image_of("two")), line("a/b:stays", image_of("one"))));
}

TEST_F(LayoutTargetTest, ReplacesAnEntryThatHasTheNameInEitherAnnotation) {
  for (const char* key : {"org.opencontainers.image.ref.name", "io.containerd.image.name"}) {
    write("oci-layout", std::string(oci::kLayoutText));
    write(
        "index.json",
        R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
        R"("size":3,"digest":")" +
            descriptor_of("old").digest.text() + R"(","annotations":{")" + key +
            R"(":"a/b:1"}}]})");
    LayoutTarget target = open();
    EXPECT_EQ(target.find_tag("a/b", "1"), descriptor_of("old").digest);
    target.put_manifest("a/b", image_of("new"), std::nullopt, "1");
    target.finish();
    EXPECT_THAT(entries(), ElementsAre(line("a/b:1", image_of("new")))) << key;
  }
}

TEST_F(LayoutTargetTest, CountsABlobThatIsThereOnlyIfItIsWhole) {
  for (const std::string damaged : {"Config", "conf", "config and more", ""}) {
    write(oci::blob_path(descriptor_of("config").digest), damaged);
    write("oci-layout", std::string(oci::kLayoutText));
    LayoutTarget target = open();
    EXPECT_EQ(put(target, "config"), PutOutcome::kUploaded) << damaged;
    EXPECT_EQ(read(oci::blob_path(descriptor_of("config").digest)), "config");
  }
  LayoutTarget target = open();
  EXPECT_EQ(put(target, "config"), PutOutcome::kWasThere);
}

TEST_F(LayoutTargetTest, RefusesDirectoriesThatAreSomethingElse) {
  write("precious.txt", "mine");
  expect_error(Code::kUsage, "is no image layout, but holds \"precious.txt\"", [&] { open(); });
  EXPECT_EQ(files_->list(path_).size(), 1U);
}

TEST_F(LayoutTargetTest, RefusesAFile) {
  std::filesystem::create_directories(io::parent_of(path_));
  io::write_new_file(*files_, path_, {});
  expect_error(Code::kUsage, "is a file", [&] { open(); });
}

TEST_F(LayoutTargetTest, RefusesAnotherVersion) {
  write("oci-layout", R"({"imageLayoutVersion":"2.0.0"})");
  expect_error(Code::kUnsupported, "2.0.0", [&] { open(); });
}

TEST_F(LayoutTargetTest, RefusesAnIndexThatIsNone) {
  write("oci-layout", std::string(oci::kLayoutText));
  write("index.json", R"({"schemaVersion":2,"manifests":{}})");
  expect_error(Code::kMalformed, "index.json", [&] { open(); });
}

TEST_F(LayoutTargetTest, RefusesBlobsThatLieElsewhere) {
  write("oci-layout", std::string(oci::kLayoutText));
  std::filesystem::create_directories(temp_ / "elsewhere");
  std::filesystem::create_directory_symlink(temp_ / "elsewhere", io::join(path_, "blobs"));
  LayoutTarget target = open();
  expect_error(Code::kMalformed, "is not a directory", [&] { put(target, "config"); });
  EXPECT_TRUE(std::filesystem::is_empty(temp_ / "elsewhere"));
}

TEST_F(LayoutTargetTest, WritesNotThroughALinkInABlobsPlace) {
  io::write_new_file(*files_, temp_ / "victim", io::bytes_of("config"));
  write("oci-layout", std::string(oci::kLayoutText));
  std::filesystem::create_directories(io::parent_of(blob_path("config")));
  std::filesystem::create_symlink(temp_ / "victim", blob_path("config"));
  LayoutTarget target = open();
  EXPECT_EQ(put(target, "config"), PutOutcome::kUploaded);
  EXPECT_EQ(files_->find(blob_path("config"))->kind, io::FileKind::kRegular);
}

TEST_F(LayoutTargetTest, IsForOneRunAtATime) {
  LayoutTarget first = open();
  LayoutTarget second = open();
  put(first, "config");
  expect_error(Code::kLocked, "another run", [&] { put(second, "config"); });
}

// Entries.

TEST_F(LayoutTargetTest, OrdersNewEntriesByName) {
  LayoutTarget target = open();
  for (const char* tag : {"3", "1", "2"}) {
    target.put_manifest("a/b", image_of(tag), std::nullopt, tag);
  }
  target.put_manifest("a/a", image_of("x"), std::nullopt, "9");
  target.finish();
  EXPECT_THAT(entries(), ElementsAre(line("a/a:9", image_of("x")), line("a/b:1", image_of("1")),
                                     line("a/b:2", image_of("2")), line("a/b:3", image_of("3"))));
}

TEST_F(LayoutTargetTest, KeepsTheRegistryThatANameWasMappedTo) {
  LayoutTarget target = open();
  target.put_manifest("localhost:5000/a/b", image_of("x"), std::nullopt, "1");
  target.finish();
  EXPECT_THAT(entries(), ElementsAre(line("localhost:5000/a/b:1", image_of("x"))));
}

TEST_F(LayoutTargetTest, NamesNoChildOfAnIndex) {
  LayoutTarget target = open();
  const oci::RawManifest child = image_of("x");
  target.put_manifest("a/b", child, std::nullopt, "");
  target.put_manifest("a/b", index_of(child), std::nullopt, "");
  target.put_manifest("a/b", index_of(child), std::nullopt, "1");
  target.finish();
  EXPECT_THAT(entries(), ElementsAre(line("a/b:1", index_of(child))));
}

TEST_F(LayoutTargetTest, NamesByDigestWhatNothingElseLeadsTo) {
  LayoutTarget target = open();
  const oci::RawManifest image = image_of("x");
  for (const char* repository : {"c", "a/b", "c"}) {
    target.put_manifest(repository, image, std::nullopt, "");
  }
  target.finish();
  EXPECT_THAT(entries(), ElementsAre(line("a/b@" + image.digest().text(), image),
                                     line("c@" + image.digest().text(), image)));
}

TEST_F(LayoutTargetTest, ListsReferrersWithoutName) {
  const oci::RawManifest image = image_of("x");
  const oci::RawManifest signature = image_of("signature");
  for (int run = 0; run < 2; ++run) {
    LayoutTarget target = open();
    EXPECT_EQ(target.has_manifest("a/b", signature.digest()), run == 1);
    target.put_manifest("a/b", image, std::nullopt, "1");
    target.put_manifest("a/b", signature, image.descriptor(), "");
    EXPECT_TRUE(target.has_manifest("a/b", signature.digest()));
    EXPECT_FALSE(target.link_referrers("a/b", image.digest(), {signature.descriptor()}));
    target.finish();
    EXPECT_THAT(entries(), ElementsAre(line("a/b:1", image), line("", signature))) << run;
  }
}

TEST_F(LayoutTargetTest, HasNoManifestThatIsDamaged) {
  const oci::RawManifest image = image_of("x");
  {
    LayoutTarget target = open();
    target.put_manifest("a/b", image, std::nullopt, "1");
    target.finish();
  }
  write(oci::blob_path(image.digest()), "damaged");
  LayoutTarget target = open();
  EXPECT_FALSE(target.has_manifest("a/b", image.digest()));
}

TEST_F(LayoutTargetTest, KeepsABlobWhoseFileHasItsSize) {
  LayoutTarget target = open();
  EXPECT_FALSE(target.keeps(descriptor_of("config")));
  put(target, "config");
  EXPECT_TRUE(target.keeps(descriptor_of("config")));
  write(oci::blob_path(descriptor_of("config").digest), "conf");
  EXPECT_FALSE(target.keeps(descriptor_of("config")));
  std::filesystem::remove(blob_path("config"));
  std::filesystem::create_directory(blob_path("config"));
  EXPECT_FALSE(target.keeps(descriptor_of("config")));
}

TEST_F(LayoutTargetTest, HasNoPlaceForNamesThatAreNone) {
  LayoutTarget target = open();
  EXPECT_THROW(target.put_manifest("a/../b", image_of("x"), std::nullopt, "1"), Error);
  EXPECT_THROW(target.put_manifest("a/b", image_of("x"), std::nullopt, "1/2"), Error);
  EXPECT_EQ(target.location({"", "a/b", "1", {}}), "oci:" + path_ + ":a/b:1");
  EXPECT_TRUE(target.objection({"", "A/b", "1", {}}));
  EXPECT_TRUE(target.objection({"no registry", "a/b", "1", {}}));
  EXPECT_FALSE(target.objection({"localhost:5000", "a/b", "1", {}}));
}

// What goes wrong.

TEST_F(LayoutTargetTest, NeverNamesADamagedBlob) {
  LayoutTarget target = open();
  for (const std::string damaged : {"Config", "conf", "config and more"}) {
    expect_error(Code::kIntegrity, "expected", [&] {
      target.put_blob("a/b", descriptor_of("config"), io::MemoryBlob(io::bytes_of(damaged)), {});
    });
    EXPECT_TRUE(std::filesystem::is_empty(io::join(path_, "blobs/sha256"))) << damaged;
  }
  EXPECT_EQ(put(target, "config"), PutOutcome::kUploaded);
}

TEST_F(LayoutTargetTest, WritesEachBlobOnceWhateverTheNumberOfThreads) {
  LayoutTarget target = open();
  std::atomic<int> uploads = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (const char* bytes : {"one", "two", "three"}) {
          uploads += put(target, bytes) == PutOutcome::kUploaded ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(uploads, 3);
}

TEST_F(LayoutTargetTest, MeetsAnyFailureOfTheMediumWithAnErrorOrTheWholeThing) {
  for (const testing::Operation operation : testing::kOperations) {
    for (int nth = 1; nth < 40; ++nth) {
      SCOPED_TRACE(std::string(testing::name_of(operation)) + " " + std::to_string(nth));
      std::filesystem::remove_all(path_);
      testing::FaultFs faulty(*files_);
      const auto push = [&](io::FileSystem& files) {
        LayoutTarget target({"oci:" + path_, Transport::kLayout, "", "", path_}, files);
        put(target, "config");
        target.put_manifest("a/b", image_of("config"), std::nullopt, "1");
        target.finish();
      };
      faulty.fail({.operation = operation, .nth = nth, .error_number = ENOSPC});
      bool failed = false;
      try {
        push(faulty);
      } catch (const Error&) {
        failed = true;
      }
      if (failed) {
        const bool has_index = files_->find(io::join(path_, "index.json")).has_value();
        if (has_index) {
          EXPECT_THAT(entries(), ElementsAre(line("a/b:1", image_of("config"))));
        }
        push(*files_);
      }
      EXPECT_THAT(entries(), ElementsAre(line("a/b:1", image_of("config"))));
      EXPECT_EQ(read(oci::blob_path(descriptor_of("config").digest)), "config");
      if (faulty.calls(operation) < nth) break;
    }
  }
}

}  // namespace
}  // namespace seabag::target
