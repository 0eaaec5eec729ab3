// SPDX-License-Identifier: Apache-2.0
#include "importing/receipt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "digest/hasher.h"
#include "io/bytes.h"

namespace seabag::importing {
namespace {

Receipt sample() {
  return {.tool = "seabag-import/0.1.0",
          .bundle = "nightly.bag",
          .seal = digest::digest_of(io::bytes_of("{}")),
          .target = "docker://registry.site/mirror",
          .started = {1795237980},
          .finished = {1795238050},
          .complete = true,
          .references = {{.source = "registry.example/team/app:1.2",
                          .target = "team/app:1.2",
                          .digest = digest::digest_of(io::bytes_of("{}")),
                          .outcome = PushOutcome::kPushed}},
          .blobs_uploaded = 3,
          .blobs_mounted = 1,
          .bytes_uploaded = 1048576};
}

TEST(WriteReceipt, GivesTheExampleOfTheSpecification) {
  EXPECT_EQ(write_receipt(sample()), R"({
  "receiptVersion": 1,
  "tool": "seabag-import/0.1.0",
  "bundle": {
    "name": "nightly.bag",
    "seal": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
  },
  "target": "docker://registry.site/mirror",
  "started": "2026-11-21T05:13:00Z",
  "finished": "2026-11-21T05:14:10Z",
  "complete": true,
  "blobs": {
    "uploaded": 3,
    "mounted": 1,
    "alreadyThere": 0,
    "bytesUploaded": 1048576
  },
  "references": [
    {
      "source": "registry.example/team/app:1.2",
      "target": "team/app:1.2",
      "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
      "outcome": "pushed"
    }
  ],
  "disks": []
}
)");
}

TEST(WriteReceipt, NamesTheErrorAndWhatWasReplaced) {
  Receipt receipt = sample();
  receipt.references[0].outcome = PushOutcome::kFailed;
  receipt.references[0].code = Code::kRefused;
  receipt.references[0].detail = "413";
  receipt.references[0].replaced = digest::digest_of(io::bytes_of("old"));
  const std::string json = write_receipt(receipt);
  EXPECT_THAT(json, ::testing::HasSubstr(R"("error": "refused")"));
  EXPECT_THAT(json, ::testing::HasSubstr(R"("detail": "413")"));
  EXPECT_THAT(json, ::testing::HasSubstr(R"("replaced": "sha256:)"));
}

TEST(WriteReceipt, StaysJsonWithBytesThatAreNotUtf8) {
  Receipt receipt = sample();
  receipt.target = "oci:/tmp/\xff";
  EXPECT_THAT(write_receipt(receipt), ::testing::HasSubstr("oci:/tmp/"));
}

}  // namespace
}  // namespace seabag::importing
