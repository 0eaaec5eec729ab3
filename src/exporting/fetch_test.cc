// SPDX-License-Identifier: Apache-2.0
#include "exporting/fetch.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "bundle/manifest_spool.h"
#include "exporting/memory_source_internal.h"
#include "io/memory_sink.h"
#include "io/posix_file_system.h"
#include "testing/fault_fs.h"
#include "testing/temp_dir.h"

namespace seabag::exporting {
namespace {

using index::Presence;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kLayer = "application/vnd.oci.image.layer.v1.tar";

// Breaks off after some bytes of a read, a number of times; keeps the offsets that it was asked
// for.
class BreakingSource : public MemorySource {
 public:
  using MemorySource::MemorySource;
  int breaks = 0;
  std::size_t bytes_before_break = 0;
  bool spoils = false;  ///< the first read gives wrong bytes
  bool gives_no_ranges = false;
  std::size_t ends_at = 1U << 30U;  ///< whole answers end there
  std::vector<std::uint64_t> offsets;
  std::vector<std::uint64_t> sizes;  // of the blobs that were asked for
  std::uint64_t waits_for = 0;       // a blob of that size to be asked for, before it gives any
  std::string refuses_in;            // gives nothing of this repository

  void read_blob(const oci::Reference& repository, const oci::Descriptor& blob,
                 std::uint64_t offset, io::ByteSink& sink) override {
    std::unique_lock lock(mutex_);
    if (repository.repository == refuses_in) throw Error(Code::kRefused, "404");
    offsets.push_back(offset);
    sizes.push_back(blob.size);
    asked_.notify_all();
    asked_.wait_for(lock, std::chrono::seconds(10),
                    [&] { return waits_for == 0 || std::ranges::count(sizes, waits_for) > 0; });
    lock.unlock();
    io::MemorySink whole(16U << 20U, "blob");
    MemorySource::read_blob(repository, blob, offset, whole);
    io::Bytes bytes = whole.take();
    if (spoils) {
      bytes.front() ^= std::byte{1};
      spoils = false;
    }
    bytes.resize(std::min(bytes.size(), std::max<std::size_t>(ends_at, offset) - offset));
    if (offset > 0 && gives_no_ranges) throw Error(Code::kProtocol, "status 416");
    if (breaks == 0) return sink.write(bytes);
    --breaks;
    sink.write(std::span(bytes).first(std::min(bytes_before_break, bytes.size())));
    throw Error(Code::kUnavailable, "connection reset");
  }

 private:
  std::mutex mutex_;
  std::condition_variable asked_;
};

// The parameter: bytes of the blob. The larger is hashed on one thread and written on another.
class Fetch : public ::testing::TestWithParam<std::size_t> {
 protected:
  testing::TempDir dir_;
  std::unique_ptr<io::FileSystem> posix_ = io::posix_file_system();
  testing::FaultFs files_{*posix_};
  BreakingSource source_;
  std::uint64_t landed_ = 0;  // bytes of the blob, of an earlier run
  index::Content content_;
  std::string bytes_ = std::string(GetParam(), 'x');
  std::string layer_;
  int pauses_ = 0;
  int syncs_ = 0;  // in with_landing()
  int jobs_ = 1;

  void SetUp() override {
    layer_ = source_.put(bytes_, kLayer);
    source_.tag("a", "1", source_.put_image("", {layer_}));
  }

  // Runs `work` with a Landing over tarballs that are prepared, and counts the syncs in it.
  void with_landing(
      const Checkpoints& checkpoints,
      const std::function<void(Landing&, bundle::TarballWriter&, const index::Graph&)>& work) {
    auto spool = bundle::ManifestSpool::create(files_, io::join(dir_.path(), "spool"));
    content_ = content_of(source_, spool);
    const index::Graph graph(content_);
    const bundle::BundlePlan plan = bundle::plan_bundle(content_, graph, {});
    bundle::TarballWriter tarballs(files_, dir_.path(), content_, graph, plan);
    tarballs.prepare(spool);
    Landing landing(content_, tarballs, bundle::LandedLog::create(files_, log_path()), checkpoints);
    const int before = files_.calls(testing::Operation::kSync);
    work(landing, tarballs, graph);
    syncs_ = files_.calls(testing::Operation::kSync) - before;
  }
  // Resolves, plans and fetches; `prepare` may put bytes in their place as an earlier run would
  // have.
  void run(const std::function<void(bundle::TarballWriter&)>& prepare = {}) {
    with_landing({},
                 [&](Landing& landing, bundle::TarballWriter& tarballs, const index::Graph& graph) {
                   if (prepare) prepare(tarballs);
                   fetch_all(landing, tarballs, graph);
                   EXPECT_EQ(landing.standing_of(*graph.find(digest())).is_landed,
                             presence() == Presence::kPresent);
                   if (presence() == Presence::kPresent) {
                     io::Bytes read(bytes_.size());
                     tarballs.open_blob(*graph.find(digest()))->read_at(0, read);
                     EXPECT_EQ(io::text_of(read), bytes_);
                   }
                 });
  }
  void fetch_all(Landing& landing, bundle::TarballWriter& tarballs, const index::Graph& graph) {
    transfer::NoProgress quiet;
    const std::vector<source::ImageSource*> sources = {&source_};
    std::vector<std::uint64_t> landed(content_.blobs.size(), 0);
    landed[*graph.find(digest())] = landed_;
    try {
      fetch(content_, graph, tarballs, landing,
            {.sources = sources,
             .landed = landed,
             .jobs = jobs_,
             .pause = [&](auto, const auto&) { ++pauses_; }},
            quiet, std::stop_token());
    } catch (const Error&) {
      landing.checkpoint();
      throw;
    }
    landing.checkpoint();
  }
  std::string log_path() const { return io::join(dir_.path(), "log"); }
  bundle::LandedBytes journal() {
    bundle::LandedBytes found;
    bundle::LandedLog::reopen(
        files_, log_path(),
        [&](const digest::Digest& blob, std::uint64_t bytes) { found[blob] = bytes; });
    return found;
  }
  std::uint64_t bytes_in_journal() {
    const bundle::LandedBytes found = journal();
    const auto line = found.find(digest());
    return line == found.end() ? 0 : line->second;
  }
  digest::Digest digest() const { return digest::parse_digest(MemorySource::digest_in(layer_)); }
  Presence presence() const {
    const index::Graph graph(content_);
    return content_.blobs[*graph.find(digest())].presence;
  }
};

TEST_P(Fetch, PutsTheBytesInTheirPlace) {
  run();
  EXPECT_EQ(presence(), Presence::kPresent);
  EXPECT_THAT(content_.absences, IsEmpty());
}

TEST_P(Fetch, FetchesSmallOnesFirstAndThenTheOthersAsTheyLie) {
  std::vector<std::string> layers;
  std::map<std::string, std::uint64_t> large;  // by digest: their order in the tarball
  for (std::size_t i = 0; i < 6; ++i) {
    const std::string bytes(i % 2 == 0 ? 3'000'000 + i : 3'000 + i, static_cast<char>('a' + i));
    layers.push_back(source_.put(bytes, kLayer));
    if (i % 2 == 0) large[MemorySource::digest_in(layers.back())] = bytes.size();
  }
  source_.tag("a", "2", source_.put_image("", layers));
  if (bytes_.size() > 1'000'000) large[digest().text()] = bytes_.size();
  run();
  const auto first_large =
      std::ranges::find_if(source_.sizes, [](std::uint64_t size) { return size > 1'000'000; });
  std::vector<std::uint64_t> as_they_lie;
  for (const auto& [digest, size] : large) as_they_lie.push_back(size);
  EXPECT_EQ(std::vector(first_large, source_.sizes.end()), as_they_lie);
}

TEST_P(Fetch, BeginsWithABlobThatWouldBeWaitedForInTheEnd) {
  jobs_ = 2;
  std::vector<std::string> layers;
  for (std::size_t i = 0; i < 20; ++i) {
    layers.push_back(source_.put(std::string(1500 + i, static_cast<char>('a' + i)), kLayer));
  }
  constexpr std::size_t kLargest = 9'000'000;
  layers.push_back(source_.put(std::string(kLargest, 'z'), kLayer));
  source_.tag("a", "2", source_.put_image("", layers));
  source_.waits_for = kLargest;
  run();
  EXPECT_THAT(std::vector(source_.sizes.begin(), source_.sizes.begin() + 2),
              ::testing::Contains(kLargest));
}

TEST_P(Fetch, GoesOnWhereATransferBrokeOff) {
  source_.breaks = 3;
  source_.bytes_before_break = 600;
  run();
  EXPECT_EQ(presence(), Presence::kPresent);
  EXPECT_THAT(source_.offsets, ::testing::IsSupersetOf({0, 600, 1200, 1800}));
}

TEST_P(Fetch, GoesOnAfterEveryMebibyte) {  // F10, J1
  bytes_ = std::string(9'000'000, 'y');
  layer_ = source_.put(bytes_, kLayer);
  source_.tag("a", "1", source_.put_image("", {layer_}));
  source_.breaks = 8;
  source_.bytes_before_break = 1U << 20U;
  run();
  EXPECT_EQ(presence(), Presence::kPresent);
}

TEST_P(Fetch, GivesABlobUpThatGetsOnByAByteAtATime) {  // F10
  source_.breaks = 1000;
  source_.bytes_before_break = 1;
  run();
  EXPECT_EQ(presence(), Presence::kMissing);
  EXPECT_LT(source_.offsets.size(), 20U);
}

TEST_P(Fetch, GivesABlobUpThatNeverGetsOn) {
  source_.breaks = 1000;
  run();
  EXPECT_EQ(presence(), Presence::kMissing);
  ASSERT_FALSE(content_.absences.empty());
  EXPECT_EQ(content_.absences[0].reason, "unavailable");
  EXPECT_GT(pauses_, 1);
}

TEST_P(Fetch, GivesABlobUpThatIsShorterThanItsSize) {  // F1
  source_.ends_at = 600;
  run();
  EXPECT_EQ(presence(), Presence::kMissing);
  EXPECT_EQ(content_.absences.at(0).reason, "integrity");
  EXPECT_THAT(source_.offsets, ::testing::IsSupersetOf({0, 600, 0, 600}));
  EXPECT_LT(source_.offsets.size(), 10U);
}

TEST_P(Fetch, TakesABlobOnceMoreThatCameWrong) {
  source_.spoils = true;
  run();
  EXPECT_EQ(presence(), Presence::kPresent);
}

TEST_P(Fetch, TakesABlobOnceMoreWhoseRestIsNotGiven) {  // F6
  source_.gives_no_ranges = true;
  source_.breaks = 1;
  source_.bytes_before_break = 600;
  run();
  EXPECT_EQ(presence(), Presence::kPresent);
  EXPECT_THAT(source_.offsets, ::testing::IsSupersetOf({0, 600, 0}));
}

TEST_P(Fetch, RecordsABlobThatTheSourceDoesNotHave) {
  source_.remove(layer_);
  run();
  EXPECT_EQ(presence(), Presence::kMissing);
  ASSERT_FALSE(content_.absences.empty());
  EXPECT_THAT(content_.absences[0].detail, HasSubstr("404"));
}

TEST_P(Fetch, EndsUnfinishedWhenTheSourceIsGone) {
  try {
    run([&](auto&) { source_.go_down(); });
    FAIL() << "fetched without a source";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kUnavailable);
    EXPECT_THAT(error.next_step(), HasSubstr("--resume"));
  }
}

TEST_P(Fetch, ContinuesBehindTheBytesOfAnEarlierRun) {
  landed_ = 700;
  run([&](bundle::TarballWriter& tarballs) {
    const index::Graph graph(content_);
    tarballs.open_window(*graph.find(digest()), 0)->write(io::bytes_of(bytes_).first(700));
  });
  EXPECT_THAT(source_.offsets, ::testing::Contains(700));
}

TEST_P(Fetch, DoesNotBelieveWhatAnEarlierRunLeft) {
  landed_ = 700;  // but zeros lie there
  run();
  EXPECT_EQ(presence(), Presence::kPresent);
  EXPECT_THAT(source_.offsets, ::testing::IsSupersetOf({700, 0}));
}

TEST_P(Fetch, DoesNotFetchWhatLanded) {
  landed_ = bytes_.size();
  run([&](bundle::TarballWriter& tarballs) {
    const index::Graph graph(content_);
    tarballs.open_window(*graph.find(digest()), 0)->write(io::bytes_of(bytes_));
  });
  EXPECT_EQ(source_.reads(), 0) << "and an empty config needs no request";
}

// However many names it has in the one that refuses it.
TEST_P(Fetch, AsksTheNextRepositoryThatHasTheBlob) {
  for (const char* tag : {"2", "3", "4"}) {
    source_.tag("a", tag, source_.put_image("", {layer_}, fmt::format(R"(,"x":"{}")", tag)));
  }
  source_.tag("b", "1", source_.put_image("", {layer_}));
  source_.refuses_in = "a";
  run();
  EXPECT_EQ(presence(), Presence::kPresent);
}

TEST_P(Fetch, WritesWhatLandedIntoTheJournal) {
  run();
  const bundle::LandedBytes found = journal();
  EXPECT_EQ(found.at(digest()), bytes_.size());
}

TEST_P(Fetch, WritesHowFarABrokenTransferCame) {
  source_.breaks = 1;
  source_.bytes_before_break = 600;
  EXPECT_THROW(run([&](auto&) { source_.go_down_after_reads(1); }), Error);
  const bundle::LandedBytes found = journal();
  EXPECT_EQ(found.at(digest()), 600U);
}

TEST_P(Fetch, EndsWithWhatTheFileFailedWithAndKeepsWhatLiesInItsPlace) {
  const std::uint64_t chunks = bytes_.size() / limits::kBufferBytes;
  const std::uint64_t chunk = chunks / 2;
  try {
    run([&](auto&) {
      files_.fail({.operation = testing::Operation::kWrite,
                   .nth = static_cast<int>(chunk) + 1,
                   .error_number = ENOSPC});
    });
    FAIL() << "the medium is full";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::kNoSpace);
  }
  EXPECT_EQ(bytes_in_journal(), chunk * limits::kBufferBytes);
}

TEST_P(Fetch, WritesNothingIntoTheJournalOnceASyncFailed) {
  with_landing({}, [&](Landing& landing, auto& tarballs, const index::Graph& graph) {
    const auto blob = *graph.find(digest());
    landing.begin(blob, 0);
    tarballs.open_window(blob, 0)->write(io::bytes_of(bytes_));
    files_.fail({.operation = testing::Operation::kSync});
    EXPECT_THROW(landing.checkpoint(), Error);
    landing.landed(blob);
    // The kernel may have dropped the bytes, and would say now that all is written.
    EXPECT_THROW(landing.checkpoint(), Error);
  });
  EXPECT_EQ(files_.find(log_path())->size, 0U);
}

// What the journal says of the blob after it landed in two pieces, `between` them and at the end.
class JournalOfTwoPieces : public Fetch {
 protected:
  std::uint64_t between_ = 0;
  std::uint64_t at_the_end_ = 0;

  void land(const Checkpoints& checkpoints) {
    with_landing(checkpoints, [&](Landing& landing, auto& tarballs, const index::Graph& graph) {
      const auto blob = *graph.find(digest());
      const auto window = tarballs.open_window(blob, 0);
      landing.begin(blob, 0);
      const std::size_t half = bytes_.size() / 2;
      window->write(io::bytes_of(bytes_).first(half));
      landing.wrote(blob, half);
      between_ = bytes_in_journal();
      window->write(io::bytes_of(bytes_).subspan(half));
      landing.wrote(blob, bytes_.size() - half);
      landing.landed(blob);
      at_the_end_ = bytes_in_journal();
    });
  }
  // Ten pieces, of which each could be one too many.
  void write_ten(const Checkpoints& checkpoints, std::chrono::milliseconds before = {}) {
    with_landing(checkpoints, [&](Landing& landing, auto& tarballs, const index::Graph& graph) {
      const auto blob = *graph.find(digest());
      const auto window = tarballs.open_window(blob, 0);
      landing.begin(blob, 0);
      std::this_thread::sleep_for(before);
      for (int i = 0; i < 10; ++i) {
        window->write(io::bytes_of(bytes_).first(bytes_.size() / 10));
        landing.wrote(blob, bytes_.size() / 10);
      }
    });
  }
};

TEST_P(JournalOfTwoPieces, IsWrittenWhenEnoughBytesCame) {
  land({.bytes = 100});
  EXPECT_EQ(between_, bytes_.size() / 2);
  EXPECT_EQ(at_the_end_, bytes_.size());
}

TEST_P(JournalOfTwoPieces, IsWrittenWhenEnoughBlobsLanded) {
  land({.blobs = 1});
  EXPECT_EQ(between_, 0U);
  EXPECT_EQ(at_the_end_, bytes_.size());
}

TEST_P(JournalOfTwoPieces, IsWrittenWhenItsTimeHasCome) {
  land({.time = std::chrono::seconds(0)});
  EXPECT_EQ(between_, bytes_.size() / 2);
  EXPECT_EQ(at_the_end_, bytes_.size());
}

constexpr int kSyncsOfACheckpoint = 2;  // the tarball's and the journal's

TEST_P(JournalOfTwoPieces, CountsBytesAnewOnceItIsWritten) {
  write_ten({.bytes = bytes_.size() / 10 * 4});
  EXPECT_EQ(syncs_, 2 * kSyncsOfACheckpoint) << "behind the fourth and the eighth piece";
}

TEST_P(JournalOfTwoPieces, CountsTimeAnewOnceItIsWritten) {
  write_ten({.time = std::chrono::milliseconds(300)}, std::chrono::milliseconds(300));
  EXPECT_GE(syncs_, kSyncsOfACheckpoint);
  EXPECT_LT(syncs_, 10 * kSyncsOfACheckpoint) << "behind each piece";
}

TEST_P(JournalOfTwoPieces, CountsBlobsAnewOnceItIsWritten) {
  with_landing({.blobs = 1}, [&](Landing& landing, auto& tarballs, const index::Graph& graph) {
    const auto blob = *graph.find(digest());
    landing.begin(blob, 0);
    tarballs.open_window(blob, 0)->write(io::bytes_of(bytes_));
    landing.landed(blob);
    const index::BlobId other = content_.manifests.front().blob;
    landing.begin(other, 0);
    tarballs.open_window(other, 0)->write(io::bytes_of("piece"));
    landing.wrote(other, 5);
  });
  EXPECT_EQ(syncs_, kSyncsOfACheckpoint);
}

TEST_P(JournalOfTwoPieces, IsWrittenOfBlobsThatCouldNotBeHadToo) {
  with_landing({.blobs = 1}, [&](Landing& landing, auto&, const index::Graph& graph) {
    landing.begin(*graph.find(digest()), 0);
    landing.drop(*graph.find(digest()));
  });
  EXPECT_EQ(journal(), (bundle::LandedBytes{{digest(), 0}}));
}

TEST_P(JournalOfTwoPieces, IsNotWrittenBefore) {
  land({.time = std::chrono::hours(1)});
  EXPECT_EQ(at_the_end_, 0U);
}

INSTANTIATE_TEST_SUITE_P(ShortAndLong, JournalOfTwoPieces, ::testing::Values(2000, 5'000'000));
INSTANTIATE_TEST_SUITE_P(ShortAndLong, Fetch, ::testing::Values(2000, 5'000'000));

}  // namespace
}  // namespace seabag::exporting
