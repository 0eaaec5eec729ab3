// SPDX-License-Identifier: Apache-2.0
#include "bundle/tarball_writer.h"

#include <gtest/gtest.h>

#include "digest/verifying_sink.h"
#include "io/posix_file_system.h"
#include "sample_bundle/sample_bundle.h"
#include "testing/fault_fs.h"
#include "testing/temp_dir.h"

namespace seabag::bundle {
namespace {

// Two tarballs, which share a layer.
class Tarballs : public ::testing::Test {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> posix_ = io::posix_file_system();
  testing::FaultFs files_{*posix_};
  sample_bundle::Sample sample_ = sample_bundle::make_sample();
  index::Graph graph_{sample_.content};
  BundlePlan plan_ = plan_bundle(sample_.content, graph_, {.by_repository = true});
  TarballWriter tarballs_{files_, dir_.path(), sample_.content, graph_, plan_};

  ManifestSpool spool_ = ManifestSpool::create(files_, io::join(dir_.path(), "spool"));

  void SetUp() override {
    for (const oci::RawManifest& manifest : sample_.manifests) spool_.add(manifest);
    tarballs_.prepare(spool_);
  }

  // One that is in so many tarballs, and no manifest.
  index::BlobId blob_in(std::size_t copies) const {
    for (index::BlobId blob = 0; blob < sample_.content.blobs.size(); ++blob) {
      if (graph_.find_manifest(blob) == nullptr && tarballs_.copies_of(blob) == copies) return blob;
    }
    throw std::logic_error("the sample has no such blob");
  }
  std::string_view bytes_of(index::BlobId blob) const {
    return sample_.bytes.at(sample_.content.blobs[blob].digest);
  }
  // How many files sync() synced.
  int synced() {
    const int before = files_.calls(testing::Operation::kSync);
    tarballs_.sync();
    return files_.calls(testing::Operation::kSync) - before;
  }
};

TEST_F(Tarballs, AreSyncedOnlyIfSomethingWasWritten) {
  EXPECT_EQ(synced(), 0) << "prepare() has synced them";
  const index::BlobId alone = blob_in(1);
  tarballs_.open_window(alone, 0)->write(io::bytes_of(bytes_of(alone)));
  EXPECT_EQ(synced(), 1);
  EXPECT_EQ(synced(), 0);
  const index::BlobId shared = blob_in(2);
  tarballs_.open_window(shared, 0)->write(io::bytes_of(bytes_of(shared)));
  EXPECT_EQ(synced(), 2);
}

// A killed run may have written what it did not sync.
TEST_F(Tarballs, AreAllSyncedOnceTheyWereReopened) {
  tarballs_.reopen(spool_);
  EXPECT_EQ(synced(), 2);
}

// The journal says nothing of manifests, and somebody may have been at them since.
TEST_F(Tarballs, HaveTheirManifestsAgainOnceTheyWereReopened) {
  const index::BlobId manifest = sample_.content.manifests.front().blob;
  const auto digest_there = [&] { return digest::digest_of(*tarballs_.open_blob(manifest)); };
  tarballs_.open_window(manifest, 0)->write(io::bytes_of("x"));
  EXPECT_NE(digest_there(), sample_.content.blobs[manifest].digest);
  tarballs_.reopen(spool_);
  EXPECT_EQ(digest_there(), sample_.content.blobs[manifest].digest);
}

TEST_F(Tarballs, HaveABlobWhereThePlanSays) {
  const index::BlobId shared = blob_in(2);
  const auto window = tarballs_.open_window(shared, 0);
  window->write(io::bytes_of(bytes_of(shared)));
  window->finish();
  for (std::uint32_t tarball = 0; tarball < plan_.tarballs.size(); ++tarball) {
    const PlannedTarball& planned = plan_.tarballs[tarball];
    const auto position = std::ranges::find(planned.blobs, shared) - planned.blobs.begin();
    std::string there(bytes_of(shared).size(), '\0');
    tarballs_.read_at(tarball,
                      planned.placement_of_blob(static_cast<std::size_t>(position)).data_offset,
                      std::as_writable_bytes(std::span(there)));
    EXPECT_EQ(there, bytes_of(shared)) << planned.path;
  }
}

}  // namespace
}  // namespace seabag::bundle
