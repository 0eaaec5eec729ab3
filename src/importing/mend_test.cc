// SPDX-License-Identifier: Apache-2.0
#include "importing/mend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "bundle/manifest_spool.h"
#include "bundle/opened.h"
#include "bundle/patch_label.h"
#include "bundle/seal.h"
#include "bundle/tarball_writer.h"
#include "bundle/unfinished.h"
#include "bundle/verify.h"
#include "digest/hasher.h"
#include "digest/verifying_sink.h"
#include "io/file_blob.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "testing/fault_fs.h"
#include "testing/temp_dir.h"

namespace seabag::importing {
namespace {

using bundle::OpenedBundle;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kTarball = "data/images/images.tar";

class Mend : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "sample.bag");
  std::string patch_ = io::join(dir_.path(), "sample.patch");
  sample_bundle::Sample sample_ = sample_bundle::make_sample();
  digest::Digest seal_ = write_sample(*files_, path_, sample_, {});
  io::Bytes whole_ = io::read_file(*files_, tarball(), 1U << 20U);

  void SetUp() override { write_patch(seal_); }

  std::string tarball() const { return io::join(path_, kTarball); }

  // All blobs of the sample, as a patch for the bundle with that seal.
  void write_patch(const digest::Digest& patched) {
    io::remove_tree(*files_, patch_);
    auto unfinished = bundle::UnfinishedBundle::create(*files_, patch_);
    auto spool = bundle::ManifestSpool::create(*files_, unfinished.path(bundle::kSpoolFile));
    for (const oci::RawManifest& manifest : sample_.manifests) spool.add(manifest);
    const index::Graph graph(sample_.content);
    const auto plan = bundle::plan_bundle(sample_.content, graph, {});
    bundle::TarballWriter tarballs(*files_, unfinished.directory(), sample_.content, graph, plan);
    tarballs.prepare(spool);
    for (const auto& [digest, bytes] : sample_.bytes) {
      const auto window = tarballs.open_window(*graph.find(digest), 0);
      window->write(io::bytes_of(bytes));
      window->finish();
    }
    tarballs.finish();
    transfer::NoProgress quiet;
    bundle::seal(*files_,
                 {.directory = unfinished.directory(),
                  .index = {.metadata = {{"format-version", bundle::kFormatVersion}},
                            .files = plan.files(),
                            .locations = plan.locations(),
                            .content = sample_.content},
                  .bag_info = {{bundle::kPatchLabel, patched.text()}}},
                 quiet, std::stop_token());
    unfinished.publish();
  }

  void change(std::uint64_t offset) const {
    const auto file = files_->open(tarball(), io::OpenMode::kReadWrite);
    std::byte byte = {};
    file->read_at(offset, std::span(&byte, 1));
    byte ^= std::byte{1};
    file->write_at(offset, std::span(&byte, 1));
    file->close();
  }

  std::uint64_t offset_of(std::string_view bytes) const {
    const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt);
    return bundle.locations_of(*bundle.graph().find(digest::digest_of(io::bytes_of(bytes))))
        .front()
        .offset;
  }

  MendReport mend_with(io::FileSystem& files, std::vector<std::string> patches) const {
    transfer::NoProgress quiet;
    return mend(files, {.bundle = path_, .seal = seal_, .patches = std::move(patches), .jobs = 1},
                quiet, std::stop_token());
  }

  void expect_whole() const {
    EXPECT_EQ(io::read_file(*files_, tarball(), 1U << 20U), whole_);
    std::vector<std::string> problems;
    const OpenedBundle bundle = OpenedBundle::open(*files_, path_, seal_, &problems);
    EXPECT_THAT(problems, IsEmpty());
  }

  Code code_of_mending(std::string& message) const {
    try {
      mend_with(*files_, {patch_});
    } catch (const Error& error) {
      message = error.what();
      return error.code();
    }
    ADD_FAILURE() << "it was mended";
    return Code::kInternal;
  }
};

TEST_F(Mend, PutsBackEveryByteOfTheTarball) {  // [DMG-8]
  for (std::uint64_t offset = 0; offset < whole_.size(); offset += 173) {
    change(offset);
    const MendReport report = mend_with(*files_, {patch_});
    ASSERT_THAT(report.files, SizeIs(1)) << "offset " << offset;
    EXPECT_LT(report.files.front().bytes, whole_.size() / 2);
    EXPECT_EQ(io::read_file(*files_, tarball(), 1U << 20U), whole_) << "offset " << offset;
  }
  expect_whole();
}

TEST_F(Mend, LeavesWholeFilesInPeace) {  // [DMG-8]
  testing::FaultFs watched(*files_);
  EXPECT_THAT(mend_with(watched, {patch_}).files, IsEmpty());
  EXPECT_EQ(watched.calls(testing::Operation::kWrite), 0);
  EXPECT_EQ(watched.calls(testing::Operation::kResize), 0);
}

// Before it writes anything: whoever wants the bundle mended has to remove them in any case.
TEST_F(Mend, RefusesFilesThatNoManifestLists) {
  change(0);
  const io::Bytes damaged = io::read_file(*files_, tarball(), 1U << 20U);
  io::write_new_file(*files_, io::join(path_, ".DS_Store"), io::bytes_of("x"));
  std::string message;
  EXPECT_EQ(code_of_mending(message), Code::kIntegrity);
  EXPECT_THAT(message, HasSubstr("\".DS_Store\" is in no manifest"));
  files_->remove_file(io::join(path_, ".DS_Store"));

  io::create_directories(*files_, io::join(path_, "mydata"));
  EXPECT_EQ(code_of_mending(message), Code::kIntegrity);
  EXPECT_THAT(message, HasSubstr("\"mydata/\" is in no manifest"));
  io::remove_tree(*files_, io::join(path_, "mydata"));
  EXPECT_EQ(io::read_file(*files_, tarball(), 1U << 20U), damaged);
}

TEST_F(Mend, NeedsNoPatchForWhatFollowsFromTheIndex) {  // [DMG-9]
  change(0);
  change(offset_of("app layer") - 1);
  change(whole_.size() - 1);
  EXPECT_THAT(mend_with(*files_, {}).files, SizeIs(1));
  expect_whole();
}

TEST_F(Mend, LeavesABlobThatNoPatchHas) {
  change(offset_of("app layer"));
  EXPECT_THAT(mend_with(*files_, {}).files, IsEmpty());
  files_->remove_file(tarball());
  const MendReport report = mend_with(*files_, {});
  EXPECT_THAT(report.files, IsEmpty());
  EXPECT_THAT(report.not_mended, ::testing::ElementsAre(HasSubstr("are in no patch")));
  EXPECT_EQ(files_->find(tarball()), std::nullopt);
}

TEST_F(Mend, MakesAMissingTarballAnewWhateverARunThatWasCutOffLeft) {  // [DMG-10]
  io::remove_tree(*files_, io::join(path_, "data/images"));
  io::create_directories(*files_, io::join(path_, "data/images"));
  io::write_new_file(*files_, tarball() + ".mending", io::bytes_of("half"));
  const MendReport report = mend_with(*files_, {patch_});
  ASSERT_THAT(report.files, SizeIs(1));
  EXPECT_TRUE(report.files.front().was_missing);
  expect_whole();
}

TEST_F(Mend, RefusesThePatchOfAnotherBundle) {  // [DMG-7]
  const auto other = digest::digest_of(io::bytes_of("other"));
  write_patch(other);
  change(0);
  std::string message;
  EXPECT_EQ(code_of_mending(message), Code::kIntegrity);
  EXPECT_THAT(message, HasSubstr(other.text()));
  EXPECT_THAT(message, HasSubstr(seal_.text()));
  EXPECT_NE(io::read_file(*files_, tarball(), 1U << 20U), whole_) << "nothing was written";
}

TEST_F(Mend, RefusesADamagedPatchBeforeAnythingIsWritten) {  // [DMG-7]
  const auto file = files_->open(io::join(patch_, kTarball), io::OpenMode::kReadWrite);
  file->write_at(4000, io::bytes_of("?"));
  file->close();
  change(0);
  std::string message;
  EXPECT_EQ(code_of_mending(message), Code::kIntegrity);
  EXPECT_THAT(message, HasSubstr("damaged itself"));
  EXPECT_NE(io::read_file(*files_, tarball(), 1U << 20U), whole_);
}

// Another copy of the bundle, beside it.
class MendFromACopy : public Mend {
 protected:
  void SetUp() override {
    Mend::SetUp();
    copy_tree(path_, copy_);
  }

  void copy_tree(const std::string& from, const std::string& to) const {
    files_->create_directory(to);
    for (const io::DirectoryEntry& entry : files_->list(from)) {
      const std::string source = io::join(from, entry.name);
      const std::string target = io::join(to, entry.name);
      if (entry.kind == io::FileKind::kDirectory) {
        copy_tree(source, target);
      } else {
        io::write_new_file(*files_, target, io::read_file(*files_, source, 1U << 20U));
      }
    }
  }
  void change_copy(const std::string& name, std::uint64_t offset) const {
    const auto file = files_->open(io::join(copy_, name), io::OpenMode::kReadWrite);
    file->write_at(offset, io::bytes_of("?"));
    file->close();
  }

  std::string copy_ = io::join(dir_.path(), "copy.bag");
};

TEST_F(MendFromACopy, PutsBackEveryByteOfTheTarball) {  // [DMG-13]
  for (std::uint64_t offset = 0; offset < whole_.size(); offset += 173) {
    change(offset);
    ASSERT_THAT(mend_with(*files_, {copy_}).files, SizeIs(1)) << "offset " << offset;
    EXPECT_EQ(io::read_file(*files_, tarball(), 1U << 20U), whole_) << "offset " << offset;
  }
  expect_whole();
}

TEST_F(MendFromACopy, TwoThatAreDamagedInDifferentPlacesMakeAWholeOne) {  // [DMG-13]
  change(offset_of("app layer"));
  change_copy(kTarball, offset_of("an SBOM"));
  change_copy(kTarball, 0);
  change_copy("bag-info.txt", 3);
  change_copy("index.sqlite", 3000);
  EXPECT_THAT(mend_with(*files_, {copy_}).files, SizeIs(1));
  expect_whole();
}

TEST_F(MendFromACopy, LeavesABlobThatIsDamagedInBoth) {  // [DMG-13]
  const std::uint64_t offset = offset_of("app layer");
  change(offset);
  change_copy(kTarball, offset + 1);
  const io::Bytes before = io::read_file(*files_, tarball(), 1U << 20U);
  EXPECT_THAT(mend_with(*files_, {copy_}).files, IsEmpty());
  EXPECT_EQ(io::read_file(*files_, tarball(), 1U << 20U), before);
}

TEST_F(MendFromACopy, PassesOverWhatItCannotOpen) {  // [DMG-13]
  files_->remove_file(io::join(copy_, kTarball));
  files_->create_directory(io::join(copy_, kTarball));
  change(0);
  EXPECT_THAT(mend_with(*files_, {copy_}).files, SizeIs(1));
  expect_whole();
}

TEST_F(MendFromACopy, TwoSplitOnesGiveABlobOutOfAnotherRepositorysTarball) {  // [DMG-13]
  const std::string one = io::join(dir_.path(), "one.bag");
  const std::string two = io::join(dir_.path(), "two.bag");
  const bundle::PlanOptions split = {.by_repository = true};
  seal_ = write_sample(*files_, one, sample_, split, {}, [&](index::Index& index) {
    index.metadata["layout"] = bundle::text_of(split);
  });
  copy_tree(one, two);
  const OpenedBundle bundle = OpenedBundle::open(*files_, one, seal_);
  const auto shared = std::ranges::find_if(bundle.index().locations, [&](const auto& at) {
    return bundle.locations_of(at.blob).size() > 1 &&
           bundle.index().content.blobs[at.blob].size > 0;
  });
  ASSERT_NE(shared, bundle.index().locations.end());
  const std::string file = bundle.index().files[shared->file].path;
  const io::Bytes right = io::read_file(*files_, io::join(one, file), 1U << 20U);
  for (const std::string& bag : {one, two}) {
    const auto hurt = files_->open(io::join(bag, file), io::OpenMode::kReadWrite);
    hurt->write_at(shared->offset, io::bytes_of("?"));
    hurt->close();
  }
  path_ = one;
  EXPECT_THAT(mend_with(*files_, {two}).files, SizeIs(1));
  EXPECT_EQ(io::read_file(*files_, io::join(one, file), 1U << 20U), right);
}

TEST_F(MendFromACopy, MakesWhatIsMissing) {  // [DMG-13]
  files_->remove_file(tarball());
  files_->remove_file(io::join(path_, "index.sqlite"));
  const MendReport report = mend_with(*files_, {copy_});
  EXPECT_THAT(report.files, SizeIs(2));
  EXPECT_THAT(report.not_mended, IsEmpty());
  expect_whole();
}

TEST_F(MendFromACopy, TakesWhatThePatchLacksFromTheCopy) {
  files_->remove_file(io::join(copy_, kTarball));
  change(offset_of("app layer"));
  EXPECT_THAT(mend_with(*files_, {copy_, patch_}).files, SizeIs(1));
  expect_whole();
}

TEST_F(MendFromACopy, RefusesAnotherBundle) {  // [DMG-7]
  write_sample(*files_, io::join(dir_.path(), "other.bag"), sample_, {.by_repository = true});
  change(0);
  try {
    mend_with(*files_, {io::join(dir_.path(), "other.bag")});
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kIntegrity);
    EXPECT_THAT(error.what(), HasSubstr("no copy of this one: expected the seal " + seal_.text()));
  }
  EXPECT_NE(io::read_file(*files_, tarball(), 1U << 20U), whole_) << "nothing was written";
}

// Whatever fails, nothing that was right is wrong afterwards, and the next run mends the rest.
class MendUnderFaults : public Mend, public ::testing::WithParamInterface<testing::Operation> {
 protected:
  void damage() {
    hurt_.clear();
    const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt);
    for (const char* blob : {"app layer", "an SBOM"}) {
      hurt_.push_back(digest::digest_of(io::bytes_of(blob)));
    }
    const std::uint64_t app = offset_of("app layer");
    const std::uint64_t sbom = offset_of("an SBOM");
    change(app + 1);
    change(sbom + 2);
    change(app - 512 + 3);
  }

  void expect_no_worse(const std::string& when) const {
    std::vector<std::string> problems;
    const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt, &problems);
    ASSERT_NE(bundle.payload(0), nullptr) << when;
    for (const index::Location& at : bundle.index().locations) {
      const index::Blob& blob = bundle.index().content.blobs[at.blob];
      if (std::ranges::find(hurt_, blob.digest) != hurt_.end()) continue;
      EXPECT_NO_THROW(
          digest::verify(io::FileBlob(*bundle.payload(0), at.offset, blob.size), blob.digest))
          << when;
    }
  }

  // As list and push do.
  void open_without_index() const {
    transfer::NoProgress quiet;
    const bundle::RebuildMeans means{.progress = quiet, .stop = {}, .jobs = 1};
    OpenedBundle::open(*files_, path_, seal_, nullptr, &means);
  }

  std::vector<digest::Digest> hurt_;
};

TEST_P(MendUnderFaults, NeverMakesItWorse) {  // [DMG-8]
  int failed = 0;
  bool is_over = false;
  for (int nth = 1; !is_over; ++nth) {
    for (const bool for_ever : {false, true}) {
      damage();
      testing::FaultFs faulty(*files_);
      faulty.fail(
          {.operation = GetParam(), .nth = nth, .for_ever = for_ever, .writes_short = true});
      try {
        mend_with(faulty, {patch_});
      } catch (const Error&) {
        ++failed;
      }
      is_over = faulty.calls(GetParam()) < nth;
      expect_no_worse(std::to_string(nth) + (for_ever ? " for ever" : ""));
      mend_with(*files_, {patch_});
      expect_whole();
    }
  }
  if (GetParam() == testing::Operation::kWrite || GetParam() == testing::Operation::kSync) {
    EXPECT_GT(failed, 0);
  }
}

TEST_P(MendUnderFaults, GivesAMissingFileItsNameWhenItIsWhole) {  // [DMG-10]
  bool is_over = false;
  for (int nth = 1; !is_over; ++nth) {
    files_->remove_file(tarball());
    testing::FaultFs faulty(*files_);
    faulty.fail({.operation = GetParam(), .nth = nth, .writes_short = true});
    try {
      mend_with(faulty, {patch_});
    } catch (const Error&) {
      if (files_->find(tarball())) {
        EXPECT_EQ(io::read_file(*files_, tarball(), 1U << 20U), whole_) << nth;
      }
    }
    is_over = faulty.calls(GetParam()) < nth;
    mend_with(*files_, {patch_});
    expect_whole();
  }
}

TEST_P(MendUnderFaults, GivesTheIndexItsNameWhenItIsWhole) {  // [DMG-13]
  const std::string index = io::join(path_, "index.sqlite");
  const std::string copy = io::join(dir_.path(), "copy.bag");
  const io::Bytes right = io::read_file(*files_, index, 1U << 20U);
  write_sample(*files_, copy, sample_, {});
  bool is_over = false;
  for (int nth = 1; !is_over; ++nth) {
    files_->remove_file(index);
    testing::FaultFs faulty(*files_);
    faulty.fail({.operation = GetParam(), .nth = nth, .writes_short = true});
    try {
      mend_with(faulty, {copy});
    } catch (const Error&) {
      if (files_->find(index)) {
        EXPECT_EQ(io::read_file(*files_, index, 1U << 20U), right) << nth;
      }
      EXPECT_NO_THROW(open_without_index()) << "nothing is worse than it was, call " << nth;
    }
    is_over = faulty.calls(GetParam()) < nth;
    mend_with(*files_, {copy});
    expect_whole();
  }
}

INSTANTIATE_TEST_SUITE_P(, MendUnderFaults,
                         ::testing::Values(testing::Operation::kOpen, testing::Operation::kRead,
                                           testing::Operation::kWrite, testing::Operation::kResize,
                                           testing::Operation::kSync, testing::Operation::kClose,
                                           testing::Operation::kRename, testing::Operation::kRemove,
                                           testing::Operation::kSyncDirectory),
                         [](const auto& test) {
                           std::string name = testing::name_of(test.param);
                           std::erase_if(name, [](char c) { return c == ' ' || c == '-'; });
                           return name;
                         });

}  // namespace
}  // namespace seabag::importing
