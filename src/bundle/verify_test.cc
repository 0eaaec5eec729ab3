// SPDX-License-Identifier: Apache-2.0
#include "bundle/verify.h"

#include <algorithm>
#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"
#include "bundle/opened.h"
#include "bundle/unfinished.h"
#include "digest/hasher.h"
#include "io/file_blob.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "tar/reader.h"
#include "testing/fault_fs.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

using sample_bundle::make_sample;
using sample_bundle::Sample;
using sample_bundle::write_sample;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SealedBundle : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "sample.bag");
  Sample sample_ = make_sample();

  std::string at(const std::string& name) const { return io::join(path_, name); }

  VerifyReport check(bool quick = false) const {
    std::vector<std::string> problems;
    const OpenedBundle bundle =
        OpenedBundle::open(*files_, path_, std::nullopt, &problems, nullptr, &problems);
    transfer::NoProgress quiet;
    return verify(bundle, problems, {.quick = quick, .jobs = 2}, quiet, std::stop_token());
  }

  void change(const std::string& name, std::uint64_t offset) const {
    const auto file = files_->open(at(name), io::OpenMode::kReadWrite);
    std::byte byte = {};
    file->read_at(offset, std::span(&byte, 1));
    byte ^= std::byte{1};
    file->write_at(offset, std::span(&byte, 1));
    file->close();
  }

  Code code_of_opening() const {
    try {
      OpenedBundle::open(*files_, path_, std::nullopt);
    } catch (const Error& error) {
      message_ = error.what();
      next_step_ = error.next_step();
      return error.code();
    }
    ADD_FAILURE() << "the bundle was opened";
    return Code::kInternal;
  }

  mutable std::string message_;
  mutable std::string next_step_;
};

TEST_F(SealedBundle, VerifiesAndGivesEveryBlobBack) {
  const auto sealed = write_sample(*files_, path_, sample_, {});
  EXPECT_THAT(check().findings, IsEmpty());
  const OpenedBundle bundle = OpenedBundle::open(*files_, path_, sealed);
  EXPECT_EQ(bundle.seal(), sealed);
  for (const auto& [digest, bytes] : sample_.bytes) {
    const auto source = bundle.open_blob(*bundle.graph().find(digest));
    io::Bytes read(source->size());
    source->read_at(0, read);
    EXPECT_EQ(io::text_of(read), bytes);
  }
  EXPECT_EQ(files_->find(unfinished_path(path_)), std::nullopt);
}

TEST_F(SealedBundle, VerifiesWithSplitTarballs) {
  write_sample(*files_, path_, sample_, {.by_repository = true});
  const VerifyReport report = check();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.blobs, sample_.bytes.size());
  EXPECT_LT(report.blobs,
            OpenedBundle::open(*files_, path_, std::nullopt).index().locations.size());
}

TEST_F(SealedBundle, KeepsThePlaceOfABlobThatCouldNotBeHad) {  // [TAR-13] [TAR-16] [TAR-17]
  const auto lost = digest::digest_of(io::bytes_of("app layer"));
  write_sample(*files_, path_, sample_, {}, {lost});
  const VerifyReport report = check();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.blobs, sample_.bytes.size() - 1);

  const auto file = files_->open(at("data/images/images.tar"), io::OpenMode::kRead);
  std::vector<std::string> paths;
  tar::read_members(io::FileBlob(*file, 0, file->size()),
                    [&](const tar::FoundMember& found) { paths.push_back(found.member.path); });
  EXPECT_THAT(paths, Contains("missing/sha256/" + lost.hex()));
  EXPECT_THAT(paths, ::testing::Not(Contains("blobs/sha256/" + lost.hex())));
  EXPECT_EQ((std::vector(paths.begin(), paths.begin() + 3)),
            (std::vector<std::string>{"oci-layout", "index.json", "manifest.json"}));
}

// What file managers leave behind, on a medium that is damaged besides.
TEST_F(SealedBundle, NamesEveryUnexpectedFileAndWhatElseIsWrong) {  // [BND-7]
  write_sample(*files_, path_, sample_, {});
  change("data/images/images.tar", 0);
  for (const char* name : {".DS_Store", "Thumbs.db", "data/._images"}) {
    io::write_new_file(*files_, at(name), io::bytes_of("x"));
  }
  io::create_directories(*files_, at("mydata/deep"));
  std::vector<std::string> texts;
  for (const Finding& finding : check().findings) texts.push_back(finding.text);
  for (const char* name : {".DS_Store", "Thumbs.db", "data/._images", "mydata/"}) {
    EXPECT_THAT(texts, Contains(quoted(name) + " is in no manifest"));
  }
  EXPECT_THAT(texts, Contains(HasSubstr("images.tar\": expected digest sha256:")));

  EXPECT_EQ(code_of_opening(), Code::kIntegrity);
  EXPECT_THAT(message_, HasSubstr("is in no manifest (and 3 more like it)"));
  EXPECT_THAT(next_step_, HasSubstr("seabag-import verify names all"));
}

TEST_F(SealedBundle, SaysWhatToDoAboutAnUnexpectedFile) {
  write_sample(*files_, path_, sample_, {});
  io::write_new_file(*files_, at(".DS_Store"), io::bytes_of("x"));
  EXPECT_EQ(code_of_opening(), Code::kIntegrity);
  EXPECT_THAT(message_, HasSubstr("\".DS_Store\" is in no manifest"));
  EXPECT_THAT(next_step_, HasSubstr("remove it"));
}

// It could change what is read from the index, so nobody reads on.
TEST_F(SealedBundle, IsNotVerifiedWithAJournalBesideTheIndex) {  // [BND-7]
  write_sample(*files_, path_, sample_, {});
  io::write_new_file(*files_, at("index.sqlite-journal"), io::bytes_of("x"));
  EXPECT_THROW(check(), Error);
}

TEST_F(SealedBundle, NamesTheBlobAndTheImagesOfEveryChangedByte) {
  write_sample(*files_, path_, sample_, {});
  const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt);
  for (const index::Location& location : bundle.index().locations) {
    const index::Blob& blob = bundle.index().content.blobs[location.blob];
    if (blob.size == 0) continue;
    const std::uint64_t offset = location.offset + blob.size / 2;
    change("data/images/images.tar", offset);
    const VerifyReport report = check();
    const auto hit = std::ranges::find_if(report.findings,
                                          [&](const Finding& f) { return f.blob == blob.digest; });
    ASSERT_NE(hit, report.findings.end()) << blob.digest.text();
    EXPECT_THAT(hit->references, ::testing::Not(IsEmpty()));
    EXPECT_EQ(hit->file, "data/images/images.tar");
    change("data/images/images.tar", offset);
  }
  EXPECT_THAT(check().findings, IsEmpty());
}

TEST_F(SealedBundle, FindsAChangedByteAnywhereInTheTarball) {
  write_sample(*files_, path_, sample_, {});
  const std::uint64_t size = files_->find(at("data/images/images.tar"))->size;
  for (std::uint64_t offset = 0; offset < size; offset += 97) {
    change("data/images/images.tar", offset);
    EXPECT_THAT(check().findings, ::testing::Not(IsEmpty())) << "offset " << offset;
    change("data/images/images.tar", offset);
  }
}

TEST_F(SealedBundle, ReadsNoContentForAQuickLook) {
  write_sample(*files_, path_, sample_, {});
  const OpenedBundle bundle = OpenedBundle::open(*files_, path_, std::nullopt);
  const auto shared = *bundle.graph().find(digest::digest_of(io::bytes_of(std::string(3000, 'b'))));
  change("data/images/images.tar", bundle.locations_of(shared).front().offset);
  const VerifyReport report = check(true);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.bytes, 0U);
}

// Whichever read fails, the rest is still looked at, and nothing is called sound.
TEST_F(SealedBundle, IsVerifiedToItsEndOnAMediumThatCannotReadOneSector) {  // A30
  write_sample(*files_, path_, sample_, {.by_repository = true});
  testing::FaultFs medium(*files_);
  std::vector<std::string> problems;
  const OpenedBundle bundle = OpenedBundle::open(medium, path_, std::nullopt, &problems);
  transfer::NoProgress quiet;
  const auto check_all = [&] {
    return verify(bundle, {}, {.quick = false, .jobs = 1}, quiet, std::stop_token());
  };
  const int before = medium.calls(testing::Operation::kRead);
  const std::uint64_t bytes = check_all().bytes;
  const int reads = medium.calls(testing::Operation::kRead) - before;
  ASSERT_GT(reads, 20);
  for (int nth = 1; nth <= reads; ++nth) {
    medium.fail({.operation = testing::Operation::kRead, .nth = nth, .error_number = EIO});
    const VerifyReport report = check_all();
    medium.forget_faults();
    EXPECT_THAT(report.findings, ::testing::Not(IsEmpty())) << nth;
    EXPECT_EQ(report.bytes, bytes);
    std::set<std::string> damaged;
    for (const Finding& finding : report.findings) damaged.insert(finding.file);
    damaged.erase("");
    EXPECT_EQ(damaged.size(), 1U) << "read " << nth << " is of one file";
  }
}

TEST_F(SealedBundle, SaysThatATarballWasCut) {
  write_sample(*files_, path_, sample_, {});
  const auto file = files_->open(at("data/images/images.tar"), io::OpenMode::kReadWrite);
  file->resize(file->size() - 512);
  file->close();
  EXPECT_EQ(code_of_opening(), Code::kIntegrity);
  EXPECT_THAT(message_, HasSubstr("expected"));
  EXPECT_THAT(check().findings, ::testing::Not(IsEmpty()));
}

// Wherever the cut is: between blobs, within one, behind the last.
TEST_F(SealedBundle, SaysWhichBlobsACutTarballLost) {
  write_sample(*files_, path_, sample_, {});
  const std::string tarball = "data/images/images.tar";
  const index::Index index = OpenedBundle::open(*files_, path_, std::nullopt).index();
  for (std::uint64_t cut = index.files.front().size - 100; cut >= 1000; cut -= 100) {
    files_->open(at(tarball), io::OpenMode::kReadWrite)->resize(cut);
    std::set<index::BlobId> lost;
    for (const index::Location& blob : index.locations) {
      const std::uint64_t size = index.content.blobs[blob.blob].size;
      if (size != 0 && blob.offset + size > cut) lost.insert(blob.blob);
    }
    const VerifyReport report = check();
    std::set<index::BlobId> damaged;
    for (const index::Location& blob : report.damaged_blobs) damaged.insert(blob.blob);
    EXPECT_EQ(damaged, lost) << "cut at " << cut;
    const auto is_checksum = [&](const Finding& finding) {
      return finding.text.starts_with("\"" + tarball + "\": expected digest sha256:");
    };
    EXPECT_EQ(std::ranges::count_if(report.findings, is_checksum), 1) << "cut at " << cut;
  }
}

TEST_F(SealedBundle, SaysThatATarballIsMissing) {
  write_sample(*files_, path_, sample_, {});
  files_->remove_file(at("data/images/images.tar"));
  EXPECT_EQ(code_of_opening(), Code::kIntegrity);
  EXPECT_THAT(check().findings, ::testing::Not(IsEmpty()));
}

struct Tampering {
  const char* name;
  std::function<void(io::FileSystem&, const std::string&)> tamper;
  Code code;
  const char* message;
};

void add(io::FileSystem& files, const std::string& path, const std::string& name) {
  io::write_new_file(files, io::join(path, name), io::bytes_of("x"));
}

void flip_first_byte(io::FileSystem& files, const std::string& path) {
  const auto file = files.open(path, io::OpenMode::kReadWrite);
  std::byte byte = {};
  file->read_at(0, std::span(&byte, 1));
  byte ^= std::byte{1};
  file->write_at(0, std::span(&byte, 1));
}

const Tampering kTamperings[] = {
    {"ExtraPayloadFile", [](auto& files, auto& path) { add(files, path, "data/extra"); },
     Code::kIntegrity, "data/extra"},
    {"ExtraTagFile", [](auto& files, auto& path) { add(files, path, "extra.txt"); },
     Code::kIntegrity, "extra.txt"},
    {"JournalBesideTheIndex",
     [](auto& files, auto& path) { add(files, path, "index.sqlite-journal"); }, Code::kMalformed,
     "index.sqlite-journal"},
    {"WriteAheadLogBesideTheIndex",
     [](auto& files, auto& path) { add(files, path, "index.sqlite-wal"); }, Code::kMalformed,
     "index.sqlite-wal"},
    {"FetchFile", [](auto& files, auto& path) { add(files, path, "fetch.txt"); }, Code::kMalformed,
     "fetch.txt"},
    {"ChangedIndex",
     [](auto& files, auto& path) { flip_first_byte(files, path + "/index.sqlite"); },
     Code::kIntegrity, "index.sqlite"},
    {"ChangedBagInfo",
     [](auto& files, auto& path) { flip_first_byte(files, path + "/bag-info.txt"); },
     Code::kIntegrity, "bag-info.txt"},
    {"ChangedPayloadManifest",
     [](auto& files, auto& path) { flip_first_byte(files, path + "/manifest-sha256.txt"); },
     Code::kIntegrity, "manifest-sha256.txt"},
    {"ChangedDeclaration",
     [](auto& files, auto& path) { flip_first_byte(files, path + "/bagit.txt"); }, Code::kIntegrity,
     "bagit.txt"},
    {"NoTagManifest",
     [](auto& files, auto& path) { files.remove_file(path + "/tagmanifest-sha256.txt"); },
     Code::kNotABundle, "sample.bag"},
    {"NoIndex", [](auto& files, auto& path) { files.remove_file(path + "/index.sqlite"); },
     Code::kIntegrity, "index.sqlite"},
    {"UnfinishedLeftovers", [](auto& files, auto& path) { add(files, path, "plan.sqlite"); },
     Code::kNotABundle, "not finished"},
};

class TamperedBundle : public SealedBundle, public ::testing::WithParamInterface<Tampering> {};

TEST_P(TamperedBundle, IsRefusedBeforeItIsRead) {  // [BND-7]
  write_sample(*files_, path_, sample_, {});
  GetParam().tamper(*files_, path_);
  EXPECT_EQ(code_of_opening(), GetParam().code) << message_;
  EXPECT_THAT(message_, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(, TamperedBundle, ::testing::ValuesIn(kTamperings),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(SealedBundle, IsRefusedUnderAnotherSeal) {  // [BND-6]
  write_sample(*files_, path_, sample_, {});
  const auto other = digest::digest_of(io::bytes_of("another"));
  EXPECT_THROW(OpenedBundle::open(*files_, path_, other), Error);
}

TEST_F(SealedBundle, IsTheSameWhenItIsMadeAgain) {  // [BND-5]
  const auto one = write_sample(*files_, path_, sample_, {});
  Sample again = make_sample();
  EXPECT_EQ(write_sample(*files_, path_ + ".again", again, {}), one);
}

TEST_F(SealedBundle, IsRefusedWhileItIsUnfinished) {  // [BND-1]
  const auto unfinished = UnfinishedBundle::create(*files_, path_);
  EXPECT_EQ(code_of_opening(), Code::kNotABundle);
  EXPECT_THAT(message_, HasSubstr("not finished"));
  EXPECT_THAT(next_step_, HasSubstr("--resume"));
}

TEST_F(SealedBundle, IsNeverOverwritten) {
  write_sample(*files_, path_, sample_, {});
  EXPECT_THROW(UnfinishedBundle::create(*files_, path_), Error);
}

TEST_F(SealedBundle, IsWorkedOnByOneRunAtATime) {
  const auto first = UnfinishedBundle::create(*files_, path_);
  try {
    UnfinishedBundle::reopen(*files_, path_);
    FAIL() << "two runs hold one bundle";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kLocked);
  }
}

}  // namespace
}  // namespace seabag::bundle
