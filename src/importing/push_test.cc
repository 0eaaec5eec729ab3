// SPDX-License-Identifier: Apache-2.0
#include "importing/push.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "digest/hasher.h"
#include "importing/memory_target_internal.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "testing/temp_dir.h"

namespace seabag::importing {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PushBundle : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "sample.bag");
  sample_bundle::Sample sample_ = sample_bundle::make_sample();
  MemoryTarget target_;
  PushOptions options_{.jobs = 3};
  Receipt receipt_{.tool = "test",
                   .bundle = "sample.bag",
                   .seal = digest::digest_of(io::bytes_of("")),
                   .target = "memory:",
                   .started = {},
                   .finished = {},
                   .references = {}};

  void make(const std::vector<digest::Digest>& lost = {}) {
    sample_bundle::write_sample(*files_, path_, sample_, {}, lost);
  }
  void run() {
    const auto bundle = bundle::OpenedBundle::open(*files_, path_, std::nullopt);
    const NamePlan plan = plan_names(bundle.index().content, bundle.graph(), {}, target_);
    transfer::NoProgress quiet;
    push(bundle, plan.names, target_, options_, quiet, std::stop_token(), receipt_);
  }
  const PushedReference& result(const std::string& target) const {
    const auto found = std::ranges::find(receipt_.references, target, &PushedReference::target);
    if (found == receipt_.references.end())
      throw Error(Code::kInternal, "no such reference: " + target);
    return *found;
  }
  std::size_t position(const std::string& event) const {
    return static_cast<std::size_t>(std::ranges::find(target_.events(), event) -
                                    target_.events().begin());
  }
  static digest::Digest of(const std::string& bytes) {
    return digest::digest_of(io::bytes_of(bytes));
  }
};

TEST_F(PushBundle, PutsEveryReferenceUnderItsName) {
  make();
  run();
  EXPECT_TRUE(receipt_.complete);
  EXPECT_TRUE(target_.finished());
  for (const PushedReference& reference : receipt_.references) {
    EXPECT_EQ(reference.outcome, PushOutcome::kPushed)
        << reference.target << ": " << reference.detail;
    EXPECT_THAT(reference.detail, IsEmpty());
  }
  EXPECT_EQ(exit_status(receipt_), 0);
  EXPECT_EQ(target_.find_tag("library/app", "multi"), result("library/app:multi").digest);
}

TEST_F(PushBundle, PutsTagsAfterManifestsAndReferrersLast) {
  make();
  run();
  EXPECT_LT(position("manifest library/app"), position("tag multi library/app"));
  std::size_t last_tag = 0;
  for (std::size_t i = 0; i < target_.events().size(); ++i) {
    if (target_.events()[i].starts_with("tag ")) last_tag = i;
  }
  const auto last_manifest =
      std::find(target_.events().rbegin(), target_.events().rend(), "manifest library/app");
  EXPECT_GT(static_cast<std::size_t>(target_.events().rend() - last_manifest), last_tag + 1)
      << "the SBOM comes last";
}

TEST_F(PushBundle, UploadsASharedBlobOnceAndMountsItElsewhere) {
  make();
  run();
  EXPECT_EQ(receipt_.blobs_mounted, 1U);
  EXPECT_THAT(target_.events(), Contains("mount team/tool"));
}

TEST_F(PushBundle, LinksReferrersWhereThereIsNoApi) {
  make();
  target_.have_no_referrers_api();
  run();
  EXPECT_EQ(target_.linked(), 1U);
}

TEST_F(PushBundle, LinksReferrersThatARunBeforeCouldNotLink) {  // G8
  make();
  target_.have_no_referrers_api();
  target_.refuse_links(Code::kUnavailable);
  run();
  EXPECT_EQ(exit_status(receipt_), static_cast<int>(Code::kUnavailable));
  EXPECT_EQ(target_.linked(), 0U);
  target_.refuse_links(std::nullopt);
  receipt_.references.clear();
  run();
  EXPECT_EQ(exit_status(receipt_), 0);
  EXPECT_EQ(target_.linked(), 1U);
}

TEST_F(PushBundle, SkipsWhatIsThere) {
  make();
  run();
  const auto events = target_.events().size();
  receipt_.references.clear();
  run();
  EXPECT_EQ(target_.events().size(), events);
  for (const PushedReference& reference : receipt_.references) {
    EXPECT_EQ(reference.outcome, PushOutcome::kAlreadyThere);
  }
}

// In a layout names lead on when somebody removed a file below them.
TEST_F(PushBundle, PutsAgainWhatLacksBelowANameThatIsThere) {
  make();
  run();
  receipt_.references.clear();
  const auto bundle = bundle::OpenedBundle::open(*files_, path_, std::nullopt);
  const index::Content& content = bundle.index().content;
  const auto config = bundle.graph().closure_of(content.references[0].manifest).back();
  target_.remove_file(content.blobs[config].digest);
  run();
  EXPECT_GT(receipt_.blobs_uploaded + receipt_.blobs_mounted, 0U);
  EXPECT_TRUE(target_.keeps({"", content.blobs[config].digest, 0}));
  EXPECT_EQ(receipt_.references[0].outcome, PushOutcome::kPushed);
  EXPECT_TRUE(std::ranges::any_of(receipt_.references, [](const PushedReference& reference) {
    return reference.outcome == PushOutcome::kAlreadyThere;
  }));
  receipt_.references.clear();
  run();
  for (const PushedReference& reference : receipt_.references) {
    EXPECT_EQ(reference.outcome, PushOutcome::kAlreadyThere);
  }
}

TEST_F(PushBundle, PushesNothingWhenATagMeansSomethingElse) {
  make();
  target_.set_tag("team/tool", "v1", of("another"));
  EXPECT_THROW(run(), Error);
  EXPECT_THAT(target_.events(), IsEmpty());
  EXPECT_EQ(target_.find_tag("team/tool", "v1"), of("another"));
  EXPECT_THAT(result("team/tool:v1").detail, HasSubstr(of("another").text()));
}

TEST_F(PushBundle, LeavesAnExistingTagAloneOnSkip) {
  make();
  target_.set_tag("team/tool", "v1", of("another"));
  options_.on_existing_tag = OnExistingTag::kSkip;
  run();
  EXPECT_EQ(result("team/tool:v1").outcome, PushOutcome::kSkipped);
  EXPECT_EQ(target_.find_tag("team/tool", "v1"), of("another"));
  EXPECT_EQ(result("library/app:1.0").outcome, PushOutcome::kPushed);
}

TEST_F(PushBundle, ReplacesAnExistingTagWhenTold) {
  make();
  target_.set_tag("team/tool", "v1", of("another"));
  options_.on_existing_tag = OnExistingTag::kReplace;
  run();
  EXPECT_EQ(result("team/tool:v1").outcome, PushOutcome::kPushed);
  EXPECT_EQ(result("team/tool:v1").replaced, of("another"));
}

TEST_F(PushBundle, FailsOneImageAndPushesTheOthers) {
  make();
  target_.refuse_blob(of("app layer"));
  run();
  EXPECT_EQ(result("library/app:1.0").outcome, PushOutcome::kFailed);
  EXPECT_EQ(result("library/app:1.0").code, Code::kRefused);
  EXPECT_EQ(result("library/app:multi").outcome, PushOutcome::kFailed);
  EXPECT_EQ(result("team/tool:v1").outcome, PushOutcome::kPushed);
  EXPECT_EQ(target_.find_tag("library/app", "1.0"), std::nullopt);
  EXPECT_EQ(exit_status(receipt_), static_cast<int>(Code::kRefused));
}

TEST_F(PushBundle, RefusesADamagedBlobAndNamesTheImage) {  // [BND-8]
  make();
  {
    const auto bundle = bundle::OpenedBundle::open(*files_, path_, std::nullopt);
    const auto& at = bundle.locations_of(*bundle.graph().find(of("app layer"))).front();
    const auto file =
        files_->open(io::join(path_, "data/images/images.tar"), io::OpenMode::kReadWrite);
    file->write_at(at.offset, io::bytes_of("APP"));
  }
  run();
  EXPECT_EQ(result("library/app:1.0").outcome, PushOutcome::kFailed);
  EXPECT_EQ(result("library/app:1.0").code, Code::kIntegrity);
  EXPECT_THAT(result("library/app:1.0").detail, HasSubstr(of("app layer").text()));
  EXPECT_EQ(exit_status(receipt_), static_cast<int>(Code::kIntegrity));
}

TEST_F(PushBundle, DoesNotPushAnImageThatTheExporterCouldNotGet) {
  make({of("app layer")});
  run();
  EXPECT_EQ(result("library/app:1.0").outcome, PushOutcome::kFailed);
  EXPECT_THAT(result("library/app:1.0").detail, HasSubstr("could not be had"));
  EXPECT_EQ(result("team/tool:latest").outcome, PushOutcome::kPushed);
}

TEST_F(PushBundle, EndsWhenTheTargetIsGone) {
  make();
  target_.go_down();
  try {
    run();
    FAIL() << "pushed to a target that is gone";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnavailable);
  }
  EXPECT_FALSE(receipt_.complete);
}

TEST_F(PushBundle, AccountsForEveryReferenceOnce) {  // [RCP-1] [RCP-3]
  make();
  target_.refuse_blob(of("app layer"));
  run();
  EXPECT_EQ(receipt_.references.size(), sample_.content.references.size());
  for (const PushedReference& reference : receipt_.references) {
    if (reference.outcome != PushOutcome::kPushed) continue;
    const auto name = oci::parse_reference(reference.target);
    const bool there = name.tag.empty()
                           ? target_.has_manifest(name.repository, reference.digest)
                           : target_.find_tag(name.repository, name.tag) == reference.digest;
    EXPECT_TRUE(there) << reference.target;
  }
}

TEST(ExitStatus, OfAnyFailureIsNotZero) {
  for (const Code code :
       {Code::kInternal, Code::kUsage, Code::kPartial, Code::kNotABundle, Code::kLocked,
        Code::kIntegrity, Code::kMalformed, Code::kUnsupported, Code::kDenied, Code::kUnavailable,
        Code::kProtocol, Code::kRefused, Code::kNoSpace, Code::kIo, Code::kPermission,
        Code::kMediumUnfit, Code::kCancelled}) {
    const auto digest = digest::digest_of(io::bytes_of(""));
    Receipt images{.tool = "test",
                   .bundle = "b",
                   .seal = digest,
                   .target = "dir:x",
                   .started = {},
                   .finished = {},
                   .references = {}};
    Receipt disks = images;
    images.references.push_back({.source = "a:1", .target = "a:1", .digest = digest, .code = code});
    disks.disks.push_back({.name = "web01", .content = "", .code = code});
    EXPECT_EQ(exit_status(images), static_cast<int>(code));
    EXPECT_EQ(exit_status(disks), static_cast<int>(code));
  }
}

}  // namespace
}  // namespace seabag::importing
