// SPDX-License-Identifier: Apache-2.0
#include "importing/read_back.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "importing/memory_target_internal.h"
#include "importing/push.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "testing/temp_dir.h"

namespace seabag::importing {
namespace {

using ::testing::HasSubstr;

class ReadBackTest : public ::testing::Test {  // G5
 protected:
  void SetUp() override {
    sample_bundle::write_sample(*files_, path_, sample_, {}, {});
    bundle_.emplace(bundle::OpenedBundle::open(*files_, path_, std::nullopt));
    names_ = plan_names(content(), bundle_->graph(), {}, target_).names;
  }
  void push() {
    importing::push(*bundle_, names_, target_, {.jobs = 2}, quiet_, std::stop_token(), receipt_);
  }
  void read() { read_back(*bundle_, names_, target_, 2, quiet_, std::stop_token(), receipt_); }
  const index::Content& content() const { return bundle_->index().content; }
  std::size_t failures() const {
    return static_cast<std::size_t>(
        std::ranges::count(receipt_.references, PushOutcome::kFailed, &PushedReference::outcome));
  }

  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "sample.bag");
  sample_bundle::Sample sample_ = sample_bundle::make_sample();
  std::optional<bundle::OpenedBundle> bundle_;
  std::vector<NamedReference> names_;
  MemoryTarget target_;
  transfer::NoProgress quiet_;
  Receipt receipt_{.tool = "test",
                   .bundle = "sample.bag",
                   .seal = digest::digest_of(io::bytes_of("")),
                   .target = "memory:",
                   .started = {},
                   .finished = {},
                   .references = {}};
};

TEST_F(ReadBackTest, ReadsEachBlobOnceAndLeavesTheReceiptWhereAllIsThere) {
  push();
  read();
  EXPECT_EQ(failures(), 0U);
  EXPECT_EQ(exit_status(receipt_), 0);
  EXPECT_GT(target_.reads(), names_.size());
}

TEST_F(ReadBackTest, FailsEveryNameWhoseContentIsNotGivenBack) {
  push();
  const index::Graph& graph = bundle_->graph();
  for (index::BlobId blob = 0; blob < content().blobs.size(); ++blob) {
    if (content().blobs[blob].presence != index::Presence::kPresent) continue;
    MemoryTarget target;
    Receipt receipt = receipt_;
    receipt.references.clear();
    importing::push(*bundle_, names_, target, {.jobs = 1}, quiet_, std::stop_token(), receipt);
    target.lose(content().blobs[blob].digest);
    read_back(*bundle_, names_, target, 1, quiet_, std::stop_token(), receipt);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const auto closure = graph.closure_of(content().references[names_[i].reference].manifest);
      const bool uses_it = std::ranges::find(closure, blob) != closure.end();
      EXPECT_EQ(receipt.references[i].outcome == PushOutcome::kFailed, uses_it)
          << names_[i].target.text();
      if (!uses_it) continue;
      EXPECT_EQ(receipt.references[i].code, Code::kIntegrity);
      EXPECT_THAT(receipt.references[i].detail, HasSubstr(content().blobs[blob].digest.text()));
    }
  }
}

TEST_F(ReadBackTest, ReadsWhatWasThereBefore) {
  push();
  receipt_.references.clear();
  push();
  target_.lose(content().blobs[content().references[names_[0].reference].manifest].digest);
  read();
  EXPECT_GE(failures(), 1U);
  EXPECT_EQ(exit_status(receipt_), static_cast<int>(Code::kIntegrity));
}

TEST_F(ReadBackTest, FindsATagThatMeansSomethingElse) {
  push();
  const auto tagged = std::ranges::find_if(
      names_, [](const NamedReference& name) { return name.target.tag == "multi"; });
  ASSERT_NE(tagged, names_.end());
  target_.set_tag(tagged->target.repository, "multi", digest::digest_of(io::bytes_of("other")));
  read();
  EXPECT_EQ(failures(), 1U);
  EXPECT_EQ(exit_status(receipt_), static_cast<int>(Code::kIntegrity));
}

TEST_F(ReadBackTest, EndsWhenTheTargetIsGone) {
  push();
  target_.go_down();
  try {
    read();
    FAIL() << "read from a target that is gone";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnavailable);
  }
}

}  // namespace
}  // namespace seabag::importing
