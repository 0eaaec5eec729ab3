// SPDX-License-Identifier: Apache-2.0
#include "exporting/running_checksums.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <map>
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "bundle/landed_log.h"
#include "bundle/manifest_spool.h"
#include "digest/verifying_sink.h"
#include "exporting/memory_source_internal.h"
#include "io/file_blob.h"
#include "io/posix_file_system.h"
#include "testing/fault_fs.h"
#include "testing/temp_dir.h"

namespace seabag::exporting {
namespace {

using bundle::BegunChecksum;
using index::BlobId;
using testing::Operation;

constexpr const char* kLayer = "application/vnd.oci.image.layer.v1.tar";

// An image in two repositories, with an empty config and two layers; the tarball is prepared and
// followed.
class Running : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> posix_ = io::posix_file_system();
  testing::FaultFs files_{*posix_};
  index::Content content_;
  std::optional<index::Graph> graph_;
  bundle::BundlePlan plan_;
  std::optional<bundle::TarballWriter> tarballs_;
  std::optional<Landing> landing_;
  std::optional<RunningChecksums> checksums_;
  std::map<BlobId, std::string> layers_;    // as they lie in the tarball
  std::atomic<std::uint64_t> read_to_ = 0;  // of the tarball
  std::atomic<int> ends_read_ = 0;          // of tarballs, which have one size
  std::atomic<bool> holds_up_ = false;
  std::latch reads_{1};
  std::latch goes_on_{1};

  void SetUp() override {
    MemorySource source;
    std::vector<std::string> descriptors;
    std::vector<std::string> bytes = {std::string(700'000, 'a'), std::string(600'000, 'b')};
    for (const std::string& layer : bytes) descriptors.push_back(source.put(layer, kLayer));
    source.tag("a", "1", source.put_image("", descriptors));
    source.tag("b", "1", source.put_image("", descriptors));
    auto spool = bundle::ManifestSpool::create(files_, io::join(dir_.path(), "spool"));
    content_ = content_of(source, spool);
    graph_.emplace(content_);
    plan({});
    landing_.emplace(content_, *tarballs_,
                     bundle::LandedLog::create(files_, io::join(dir_.path(), "log")));
    for (const std::string& layer : bytes) {
      layers_[*graph_->find(digest::digest_of(io::bytes_of(layer)))] = layer;
    }
    const BlobId config = *graph_->find(digest::digest_of({}));
    landing_->begin(config, 0);
    landing_->landed(config);
  }

  void plan(const bundle::PlanOptions& options) {
    plan_ = bundle::plan_bundle(content_, *graph_, options);
    tarballs_.emplace(files_, dir_.path(), content_, *graph_, plan_);
    tarballs_->prepare(bundle::ManifestSpool::reopen(files_, io::join(dir_.path(), "spool")));
  }

  BlobId first() const { return layers_.begin()->first; }
  BlobId second() const { return layers_.rbegin()->first; }
  std::uint64_t begin_of(BlobId blob) const { return tarballs_->position_of(blob).second; }
  std::uint64_t tarball_size() const { return plan_.tarballs.front().plan.tarball_size; }

  // Each read says how far it goes. The first one once holds_up_ is set counts reads_ down and
  // waits for goes_on_.
  void begin() {
    read_to_ = 0;
    files_.before_reads([&](std::uint64_t end) {
      if (holds_up_.exchange(false)) {
        reads_.count_down();
        goes_on_.wait();
      }
      read_to_ = end;
      if (end == tarball_size()) ++ends_read_;
    });
    checksums_.emplace(*graph_, plan_, *tarballs_, *landing_);
  }
  // Some bytes of a blob that is on its way, from the front.
  void put(BlobId blob, std::string_view bytes) {
    landing_->begin(blob, 0);
    tarballs_->open_window(blob, 0)->write(io::bytes_of(bytes));
    landing_->wrote(blob, bytes.size());
  }
  void land(BlobId blob) {
    put(blob, layers_.at(blob));
    landing_->landed(blob);
  }
  void wait_until_read(std::uint64_t end) const {
    while (read_to_ < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::uint64_t end_of(BlobId blob) const { return begin_of(blob) + layers_.at(blob).size(); }
  BegunChecksum take() {
    auto all = checksums_->take();
    EXPECT_EQ(all.size(), 1U);
    return std::move(all.front());
  }
  // It went so far, and with the bytes that lie there.
  void expect_taken(std::uint64_t bytes) {
    BegunChecksum checksum = take();
    EXPECT_EQ(checksum.bytes, bytes);
    EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
  }
  BegunChecksum take_while_it_reads() {
    const std::jthread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // take() asks to stop at once
      goes_on_.count_down();
    });
    return take();
  }
  digest::Digest digest_of_first(std::uint64_t bytes, std::size_t tarball = 0) {
    const auto file =
        posix_->open(io::join(dir_.path(), plan_.tarballs[tarball].path), io::OpenMode::kRead);
    return digest::digest_of(io::FileBlob(*file, 0, bytes));
  }
};

TEST_F(Running, IsDoneWhenTheLastBlobHasLanded) {
  begin();
  land(first());
  land(second());
  wait_until_read(tarball_size());
  expect_taken(tarball_size());
}

TEST_F(Running, WaitsForTheFirstBlobHoweverManyHaveLandedBehindIt) {
  begin();
  land(second());
  wait_until_read(begin_of(first()));
  expect_taken(begin_of(first()));
}

TEST_F(Running, FollowsABlobThatIsOnItsWay) {
  const std::string& layer = layers_.at(first());
  begin();
  put(first(), std::string_view(layer).substr(0, 1000));
  wait_until_read(begin_of(first()) + 1000);
  tarballs_->open_window(first(), 1000)->write(io::bytes_of(layer).subspan(1000));
  landing_->wrote(first(), layer.size() - 1000);
  wait_until_read(end_of(first()));
  landing_->landed(first());
  wait_until_read(begin_of(second()));
  expect_taken(begin_of(second()));
}

TEST_F(Running, BeginsWithWhatAnEarlierRunLeftOfABlob) {
  const std::string& layer = layers_.at(first());
  tarballs_->open_window(first(), 0)->write(io::bytes_of(layer).first(1000));
  begin();
  landing_->begin(first(), 1000);
  wait_until_read(begin_of(first()) + 1000);
  expect_taken(begin_of(first()));
}

TEST_F(Running, TakesBackWhatCameWrong) {
  begin();
  put(first(), std::string(layers_.at(first()).size(), 'x'));
  wait_until_read(end_of(first()));
  land(first());
  land(second());
  wait_until_read(tarball_size());
  expect_taken(tarball_size());
}

TEST_F(Running, LeavesOutABlobThatHasNotLanded) {
  begin();
  put(first(), std::string(layers_.at(first()).size(), 'x'));
  wait_until_read(end_of(first()));
  landing_->drop(first());
  expect_taken(begin_of(first()));
}

// It is asked to stop while it reads what came wrong, and does not see any more that it was right
// in the end.
TEST_F(Running, LeavesOutABlobThatLandedOtherwiseThanItWasRead) {
  begin();
  wait_until_read(begin_of(first()));
  holds_up_ = true;
  put(first(), std::string(layers_.at(first()).size(), 'x'));
  reads_.wait();
  land(first());
  BegunChecksum checksum = take_while_it_reads();
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
}

TEST_F(Running, KeepsWhatItHasOfABlobThatLanded) {
  begin();
  wait_until_read(begin_of(first()));
  holds_up_ = true;
  land(first());
  reads_.wait();
  BegunChecksum checksum = take_while_it_reads();
  EXPECT_GE(checksum.bytes, begin_of(first()) + limits::kBufferBytes);
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
}

TEST_F(Running, ReadsWhatAFileSystemStillTakesForAHole) {
  files_.find_no_data();
  begin();
  land(first());
  land(second());
  wait_until_read(tarball_size());
  BegunChecksum checksum = take();
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
}

TEST_F(Running, GoesOnWithTheNextTarball) {
  plan({.by_repository = true});
  begin();
  land(first());
  land(second());
  while (ends_read_ < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::vector<BegunChecksum> all = checksums_->take();
  ASSERT_EQ(all.size(), 2U);
  for (std::uint32_t i = 0; i < 2; ++i) {
    EXPECT_EQ(all[i].bytes, plan_.tarballs[i].plan.tarball_size);
    EXPECT_EQ(all[i].hasher.finish(), digest_of_first(all[i].bytes, i));
  }
}

TEST_F(Running, TakesWhatAnEarlierRunLanded) {
  tarballs_->open_window(first(), 0)->write(io::bytes_of(layers_.at(first())));
  begin();
  landing_->was_landed(first());
  wait_until_read(begin_of(second()));
  expect_taken(begin_of(second()));
}

TEST_F(Running, TellsWhatCannotBeRead) {
  land(first());
  land(second());
  for (int nth = 1; nth < 8; ++nth) {
    const int before = files_.calls(Operation::kRead);
    files_.fail({.operation = Operation::kRead, .nth = nth});
    begin();
    while (files_.calls(Operation::kRead) < before + nth) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    try {
      take();
      ADD_FAILURE() << "a failure was passed over after " << nth << " reads";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::kIo);
    }
    files_.forget_faults();
  }
}

}  // namespace
}  // namespace seabag::exporting
