// SPDX-License-Identifier: Apache-2.0
#include "importing/disk_work.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "importing/disk_artifact.h"
#include "importing/disk_bundle_internal.h"
#include "importing/memory_target_internal.h"

namespace seabag::importing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Three disks, each with what a test says becomes of it.
class Scripted : public DiskWork {
 public:
  Scripted(transfer::Progress& progress, Receipt& receipt) : DiskWork(progress, receipt) {
    for (const char* name : {"one", "two", "three"}) enter({.name = name, .content = {}}, 1);
  }
  std::map<std::size_t, Error> conflicts;
  std::map<std::size_t, Error> look_errors;
  std::map<std::size_t, Error> errors;
  std::vector<std::size_t> brought;

 private:
  std::optional<Error> find_conflict(std::size_t i) override {
    if (look_errors.contains(i)) throw look_errors.at(i);
    return conflicts.contains(i) ? std::optional(conflicts.at(i)) : std::nullopt;
  }
  PushOutcome bring(std::size_t i, RestoredDisk& /*result*/) override {
    if (errors.contains(i)) throw errors.at(i);
    brought.push_back(i);
    return PushOutcome::kPushed;
  }
};

class DiskWorkTest : public DiskBundles {
 protected:
  Receipt receipt_{.tool = "test",
                   .bundle = "disk.bag",
                   .seal = digest::digest_of(io::bytes_of("")),
                   .target = "memory:",
                   .started = {},
                   .finished = {},
                   .references = {}};
  Scripted work_{quiet_, receipt_};

  std::vector<std::string> details() const {
    std::vector<std::string> details;
    for (const RestoredDisk& disk : receipt_.disks) details.push_back(disk.detail);
    return details;
  }
};

TEST_F(DiskWorkTest, IsInTheReceiptBeforeAnythingIsDone) {
  EXPECT_THAT(details(), ElementsAre("not reached", "not reached", "not reached"));
  EXPECT_EQ(receipt_.disks.front().outcome, PushOutcome::kFailed);
}

TEST_F(DiskWorkTest, NamesEveryConflictAndBringsNothingWhileItLooks) {
  work_.conflicts.emplace(0, Error(Code::kRefused, "another"));
  work_.conflicts.emplace(2, Error(Code::kRefused, "another"));
  EXPECT_EQ(work_.look(), 2);
  EXPECT_THAT(details(), ElementsAre("another", "not reached", "another"));
  EXPECT_THAT(work_.brought, IsEmpty());
}

TEST_F(DiskWorkTest, LeavesToTheRunWhatConcernsOneDisk) {
  work_.look_errors.emplace(1, Error(Code::kIntegrity, "damaged"));
  EXPECT_EQ(work_.look(), 0);
  work_.errors.emplace(1, Error(Code::kIntegrity, "damaged"));
  work_.run();
  EXPECT_THAT(details(), ElementsAre("", "damaged", ""));
  EXPECT_THAT(work_.brought, ElementsAre(0, 2));
}

TEST_F(DiskWorkTest, EndsWithATargetThatIsGoneAndKeepsTheRestInTheReceipt) {
  work_.look_errors.emplace(0, Error(Code::kUnavailable, "gone"));
  EXPECT_THROW(work_.look(), Error);
  EXPECT_THAT(details(), ElementsAre("gone", "not reached", "not reached"));
  work_.errors.emplace(1, Error(Code::kUnavailable, "gone"));
  EXPECT_THROW(work_.run(), Error);
  EXPECT_THAT(details(), ElementsAre("", "gone", "not reached"));
}

TEST_F(DiskWorkTest, OfArtifactsFindsATagThatMeansAnotherDisk) {
  const auto bundle = make(guest_bytes(), conversion::OutputFormat::kRaw);
  MemoryTarget target;
  const PushOptions options;
  const std::stop_token stop;
  const auto push = [&] {
    return push_disks(bundle, {0}, target, {}, options, 0, quiet_, stop, receipt_);
  };
  const auto first = push();
  EXPECT_EQ(first->look(), 0);
  first->run();
  const std::size_t events = target.events().size();
  const auto again = push();
  EXPECT_EQ(again->look(), 0) << "it is the same";
  again->run();
  EXPECT_EQ(receipt_.disks.back().outcome, PushOutcome::kAlreadyThere);
  target.set_tag("disks/web01", "20231114T221320Z", digest::digest_of(io::bytes_of("another")));
  const auto other = push();
  EXPECT_EQ(other->look(), 1);
  EXPECT_THAT(receipt_.disks.back().detail, HasSubstr("--on-existing-tag"));
  EXPECT_EQ(target.events().size(), events);
}

}  // namespace
}  // namespace seabag::importing
