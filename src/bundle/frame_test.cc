// SPDX-License-Identifier: Apache-2.0
#include "bundle/frame.h"

#include <gtest/gtest.h>

#include "bundle/opened.h"
#include "digest/hasher.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

using sample_bundle::Sample;

class FramesOfABundle : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> files_ = io::posix_file_system();
  std::string path_ = io::join(dir_.path(), "sample.bag");
  Sample sample_ = sample_bundle::make_sample();

  // The tarball put together from its frame and the blobs, every byte once.
  static void expect_whole(const OpenedBundle& bundle) {
    const index::Index& index = bundle.index();
    const Frames frames(index);
    for (std::uint32_t file = 0; file < index.files.size(); ++file) {
      ASSERT_TRUE(frames.has(file)) << index.files[file].path;
      io::Bytes made(index.files[file].size);
      std::vector<int> times(made.size(), 0);
      std::uint64_t behind = 0;
      frames.for_each(file, [&](std::uint64_t offset, const io::BlobSource& bytes) {
        EXPECT_GE(offset, behind);
        behind = offset + bytes.size();
        bytes.read_at(0, std::span(made).subspan(offset, bytes.size()));
        for (std::uint64_t i = offset; i < behind; ++i) ++times[i];
      });
      for (const index::Location& at : index.locations) {
        const index::Blob& blob = index.content.blobs[at.blob];
        if (at.file != file || blob.presence != index::Presence::kPresent) continue;
        bundle.payload(file)->read_at(at.offset, std::span(made).subspan(at.offset, blob.size));
        for (std::uint64_t i = 0; i < blob.size; ++i) ++times[at.offset + i];
      }
      EXPECT_EQ(digest::digest_of(made).hex(), index.files[file].sha256);
      EXPECT_TRUE(std::ranges::all_of(times, [](int n) { return n == 1; }));
    }
  }
};

TEST_F(FramesOfABundle, AndItsBlobsMakeTheTarball) {
  write_sample(*files_, path_, sample_, {});
  expect_whole(OpenedBundle::open(*files_, path_, std::nullopt));
}

TEST_F(FramesOfABundle, AndItsBlobsMakeATarballThatLacksABlob) {
  write_sample(*files_, path_, sample_, {}, {digest::digest_of(io::bytes_of("app layer"))});
  expect_whole(OpenedBundle::open(*files_, path_, std::nullopt));
}

TEST_F(FramesOfABundle, AreNotKnownWhereTheIndexDoesNotFollowFromThePlan) {
  write_sample(*files_, path_, sample_, {});
  index::Index index = OpenedBundle::open(*files_, path_, std::nullopt).index();
  EXPECT_TRUE(Frames(index).has(0));
  index.locations.back().offset += 512;
  EXPECT_FALSE(Frames(index).has(0));
  index.locations.back().offset -= 512;
  index.metadata["layout"] = "--split-by=size";
  EXPECT_FALSE(Frames(index).has(0));
}

}  // namespace
}  // namespace seabag::bundle
