// SPDX-License-Identifier: Apache-2.0
#include "exporting/running_checksums.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "bundle/landed_log.h"
#include "bundle/manifest_spool.h"
#include "digest/verifying_sink.h"
#include "exporting/memory_source_internal.h"
#include "exporting/resolve.h"
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
  std::map<BlobId, std::string> layers_;  // as they lie in the tarball
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
    transfer::NoProgress quiet;
    const Selection selection;
    content_ = resolve({.sources = {&source},
                        .selection = selection,
                        .jobs = 1,
                        .spool = &spool,
                        .now = [] { return UtcTime{}; }},
                       quiet, std::stop_token())
                   .content;
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

  void begin() { checksums_.emplace(*graph_, plan_, *tarballs_, *landing_); }
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
  // Until nothing more is read: what can be followed is.
  void wait_until_it_waits() const {
    using std::chrono::milliseconds;
    for (int last = -1; last != files_.calls(Operation::kRead);) {
      last = files_.calls(Operation::kRead);
      std::this_thread::sleep_for(milliseconds(100));
    }
  }
  BegunChecksum take() {
    auto all = checksums_->take();
    EXPECT_EQ(all.size(), 1U);
    return std::move(all.front());
  }
  // The first read once holds_up_ is set counts reads_ down and waits for goes_on_.
  void hold_up_reads() {
    files_.before_reads([&] {
      if (!holds_up_.exchange(false)) return;
      reads_.count_down();
      goes_on_.wait();
    });
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
  wait_until_it_waits();
  BegunChecksum checksum = take();
  EXPECT_EQ(checksum.bytes, tarball_size());
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(tarball_size()));
}

TEST_F(Running, WaitsForTheFirstBlobHoweverManyHaveLandedBehindIt) {
  begin();
  land(second());
  wait_until_it_waits();
  BegunChecksum checksum = take();
  EXPECT_EQ(checksum.bytes, begin_of(first()));
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
}

TEST_F(Running, FollowsABlobThatIsOnItsWay) {
  begin();
  put(first(), std::string_view(layers_.at(first())).substr(0, 1000));
  wait_until_it_waits();
  const int reads = files_.calls(Operation::kRead);
  put(first(), layers_.at(first()));
  wait_until_it_waits();
  EXPECT_GT(files_.calls(Operation::kRead), reads);
  landing_->landed(first());
  wait_until_it_waits();
  BegunChecksum checksum = take();
  EXPECT_EQ(checksum.bytes, begin_of(second()));
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
}

TEST_F(Running, TakesBackWhatCameWrong) {
  begin();
  put(first(), std::string(layers_.at(first()).size(), 'x'));
  wait_until_it_waits();
  land(first());
  land(second());
  wait_until_it_waits();
  BegunChecksum checksum = take();
  EXPECT_EQ(checksum.bytes, tarball_size());
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(tarball_size()));
}

TEST_F(Running, LeavesOutABlobThatHasNotLanded) {
  begin();
  put(first(), std::string(layers_.at(first()).size(), 'x'));
  wait_until_it_waits();
  landing_->drop(first());
  BegunChecksum checksum = take();
  EXPECT_EQ(checksum.bytes, begin_of(first()));
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
}

// It is asked to stop while it reads what came wrong, and does not see any more that it was right
// in the end.
TEST_F(Running, LeavesOutABlobThatLandedOtherwiseThanItWasRead) {
  hold_up_reads();
  begin();
  wait_until_it_waits();
  holds_up_ = true;
  put(first(), std::string(layers_.at(first()).size(), 'x'));
  reads_.wait();
  land(first());
  BegunChecksum checksum = take_while_it_reads();
  EXPECT_EQ(checksum.bytes, begin_of(first()));
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
}

TEST_F(Running, KeepsWhatItHasOfABlobThatLanded) {
  hold_up_reads();
  begin();
  wait_until_it_waits();
  holds_up_ = true;
  land(first());
  reads_.wait();
  BegunChecksum checksum = take_while_it_reads();
  EXPECT_EQ(checksum.bytes, begin_of(first()) + limits::kBufferBytes);
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
}

TEST_F(Running, GoesOnWithTheNextTarball) {
  plan({.by_repository = true});
  begin();
  land(first());
  land(second());
  wait_until_it_waits();
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
  wait_until_it_waits();
  BegunChecksum checksum = take();
  EXPECT_EQ(checksum.bytes, begin_of(second()));
  EXPECT_EQ(checksum.hasher.finish(), digest_of_first(checksum.bytes));
}

TEST_F(Running, TellsWhatCannotBeRead) {
  land(first());
  land(second());
  for (int nth = 1; nth < 8; ++nth) {
    files_.fail({.operation = Operation::kRead, .nth = nth});
    begin();
    wait_until_it_waits();
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
