// SPDX-License-Identifier: Apache-2.0
// Every single call to the medium fails, once and from then on, in every way; then the export is
// resumed.

#include <algorithm>

#include <gmock/gmock.h>

#include "exporting/small_export_internal.h"
#include "testing/fault_fs.h"

namespace seabag::exporting {
namespace {

using testing::CrashFs;
using testing::Fault;
using testing::FaultFs;
using testing::Operation;

struct Failure {
  int error_number;
  Code code;
};

// Source: house rules on exit statuses, docs/man/seabag-export.1.
constexpr Failure kFull = {ENOSPC, Code::kNoSpace};
constexpr Failure kDead = {EIO, Code::kIo};
constexpr Failure kFailures[] = {kFull,
                                 kDead,
                                 {EDQUOT, Code::kNoSpace},
                                 {EROFS, Code::kPermission},
                                 {EFBIG, Code::kMediumUnfit}};

class FaultyMedium : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    CrashFs medium;
    SmallExport::prepare(medium);
    SmallExport().run(medium);
    whole_ = SmallExport::tree_of(medium, SmallExport::kBundle);
  }

  static int calls_of(Operation operation) {
    CrashFs medium;
    SmallExport::prepare(medium);
    FaultFs files(medium);
    files.spare(SmallExport::kDisks);
    SmallExport().run(files);
    return files.calls(operation);
  }

  // The export fails as it should, leaves nothing false, says what to do, and can be resumed. How
  // often it reads depends on how far RunningChecksums gets: the last calls may not be needed.
  static void expect_resumable(const Fault& fault, Code code) {
    SCOPED_TRACE(fmt::format("{} {} fails with {}{}{}", testing::name_of(fault.operation),
                             fault.nth, fault.error_number, fault.for_ever ? " for ever" : "",
                             fault.writes_short ? ", short" : ""));
    CrashFs medium;
    SmallExport::prepare(medium);
    FaultFs files(medium);
    files.spare(SmallExport::kDisks);
    files.fail(fault);
    SmallExport exporting;
    try {
      exporting.run(files);
      EXPECT_TRUE(fault.operation == Operation::kRead && files.calls(fault.operation) < fault.nth)
          << "a failure was passed over";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      const bool is_planned =
          medium.find(io::join(SmallExport::kUnfinished, "plan.sqlite")).has_value();
      EXPECT_TRUE(!is_planned || error.next_step().find("--resume") != std::string::npos)
          << error.what() << "; next: " << error.next_step();
    }
    EXPECT_FALSE(SmallExport::is_verified(medium, SmallExport::kUnfinished));
    if (medium.find(SmallExport::kBundle)) {
      EXPECT_EQ(SmallExport::tree_of(medium, SmallExport::kBundle), whole_);
    }
    files.forget_faults();
    ASSERT_NO_THROW(exporting.run(files));
    EXPECT_EQ(SmallExport::tree_of(medium, SmallExport::kBundle), whole_);
  }

  // In every way once; as a medium that is full or dead for good, too.
  static void expect_resumable_after_each(Operation operation) {
    const int calls = calls_of(operation);
    ASSERT_GT(calls, 0) << testing::name_of(operation);
    for (int nth = 1; nth <= calls && !HasFailure(); ++nth) {
      for (const Failure& failure : kFailures) {
        expect_resumable({.operation = operation, .nth = nth, .error_number = failure.error_number},
                         failure.code);
      }
      for (const Failure& failure : {kFull, kDead}) {
        expect_resumable({.operation = operation,
                          .nth = nth,
                          .error_number = failure.error_number,
                          .for_ever = true},
                         failure.code);
      }
    }
    RecordProperty(testing::name_of(operation), calls);
  }

  static SmallExport::Tree whole_;
};

SmallExport::Tree FaultyMedium::whole_;

TEST_F(FaultyMedium, IsToldAndResumedAfterEveryOpen) {
  expect_resumable_after_each(Operation::kOpen);
}

TEST_F(FaultyMedium, IsToldAndResumedAfterEveryRead) {
  const int calls = calls_of(Operation::kRead);
  for (int nth = 1; nth <= calls && !HasFailure(); ++nth) {
    for (const bool for_ever : {false, true}) {
      expect_resumable({.operation = Operation::kRead, .nth = nth, .for_ever = for_ever},
                       Code::kIo);
    }
  }
}

TEST_F(FaultyMedium, IsToldAndResumedAfterEveryWrite) {
  expect_resumable_after_each(Operation::kWrite);
}

TEST_F(FaultyMedium, IsToldAndResumedAfterEveryShortWrite) {
  const int calls = calls_of(Operation::kWrite);
  for (int nth = 1; nth <= calls && !HasFailure(); ++nth) {
    for (const bool for_ever : {false, true}) {
      expect_resumable({.operation = Operation::kWrite,
                        .nth = nth,
                        .error_number = ENOSPC,
                        .for_ever = for_ever,
                        .writes_short = true},
                       Code::kNoSpace);
    }
  }
}

TEST_F(FaultyMedium, IsToldAndResumedAfterEveryChangeOfSize) {
  expect_resumable_after_each(Operation::kResize);
  expect_resumable_after_each(Operation::kReserve);
}

TEST_F(FaultyMedium, IsToldAndResumedAfterEverySync) {
  expect_resumable_after_each(Operation::kSync);
  expect_resumable_after_each(Operation::kSyncDirectory);
}

TEST_F(FaultyMedium, IsToldAndResumedAfterEveryClose) {
  expect_resumable_after_each(Operation::kClose);
}

TEST_F(FaultyMedium, IsToldAndResumedAfterEveryChangeOfNames) {
  expect_resumable_after_each(Operation::kRename);
  expect_resumable_after_each(Operation::kRemove);
  expect_resumable_after_each(Operation::kMakeDirectory);
}

}  // namespace
}  // namespace seabag::exporting
