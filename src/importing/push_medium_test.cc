// SPDX-License-Identifier: Apache-2.0
// A layout, a directory of tarballs and restored disks on a medium that fails at every call, or
// loses power there; then the same is run again.

#include <functional>
#include <map>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.h"
#include "bundle/seal.h"
#include "bundle/unfinished.h"
#include "conversion/copy_disk.h"
#include "conversion/open_disk.h"
#include "importing/push.h"
#include "importing/restore_disks.h"
#include "oci/image_layout.h"
#include "oci/media_types.h"
#include "sample_bundle/sample_bundle.h"
#include "target/open_target.h"
#include "testing/crash_fs.h"
#include "testing/fault_fs.h"

namespace seabag::importing {
namespace {

using testing::CrashFs;
using testing::Damage;
using testing::Fault;
using testing::FaultFs;
using testing::kDamages;
using testing::Operation;

// Path and digest of every file.
using Tree = std::map<std::string, std::string>;

constexpr const char* kTarget = "/target";

void add_to(Tree& tree, io::FileSystem& files, const std::string& path) {
  for (const io::DirectoryEntry& entry : files.list(path)) {
    const std::string inner = io::join(path, entry.name);
    if (entry.kind == io::FileKind::kDirectory) {
      add_to(tree, files, inner);
    } else {
      tree[inner] = digest::digest_of(io::read_file(files, inner, 16U << 20U)).text();
    }
  }
}

Tree tree_of(io::FileSystem& files) {
  Tree tree;
  if (files.find(kTarget)) add_to(tree, files, kTarget);
  return tree;
}

// Two bundles whose names mean other images in one than in the other, and one with a disk.
class Bundles {
 public:
  Bundles() {
    sample_bundle::Sample sample = sample_bundle::make_sample();
    sample_bundle::write_sample(files_, "/new.bag", sample, {});
    const index::BlobId other = manifest_of(sample.content, "1.0");
    for (index::ReferenceInfo& reference : sample.content.references) {
      if (reference.tag == "v1") reference.manifest = other;
    }
    sample.content = index::canonical(std::move(sample.content));
    sample_bundle::write_sample(files_, "/old.bag", sample, {});
    write_disk();
  }

  bundle::OpenedBundle open(const std::string& path) {
    return bundle::OpenedBundle::open(files_, path, std::nullopt);
  }
  io::FileSystem& files() { return files_; }

 private:
  static index::BlobId manifest_of(const index::Content& content, const std::string& tag) {
    return std::ranges::find(content.references, tag, &index::ReferenceInfo::tag)->manifest;
  }

  void write_disk() {
    auto unfinished = bundle::UnfinishedBundle::create(files_, "/disk.bag");
    io::create_directories(files_, unfinished.path("data/disks"));
    io::Bytes bytes(96U << 10U);
    std::fill_n(bytes.begin() + 4096, 70'000, std::byte{'d'});
    io::write_new_file(files_, unfinished.path("data/disks/web.raw"), bytes);
    transfer::NoProgress quiet;
    const auto opened = conversion::open_disk(files_, unfinished.path("data/disks/web.raw"),
                                              conversion::find_source_format("raw"));
    const auto copied =
        conversion::copy_disk(*opened.disk, nullptr, {.jobs = 1}, quiet, std::stop_token());
    index::Index index{.metadata = {{"format-version", bundle::kFormatVersion},
                                    {"created", "2024-01-01T00:00:00Z"}},
                       .files = {{"data/disks/web.raw", bytes.size(), {}}},
                       .locations = {},
                       .content = index::canonical({}),
                       .disks = {{.name = "web",
                                  .server = "",
                                  .boots = false,
                                  .format = "raw",
                                  .size = bytes.size(),
                                  .content = copied.content.text(),
                                  .files = {0},
                                  .source = "disk:/web.raw",
                                  .source_format = "raw",
                                  .source_size = bytes.size(),
                                  .read_at = {1700000000}}}};
    bundle::seal(files_,
                 {.directory = unfinished.directory(),
                  .index = std::move(index),
                  .bag_info = {{"Bagging-Date", "2024-01-01"}}},
                 quiet, std::stop_token());
    unfinished.publish();
  }

  CrashFs files_;
};

Receipt empty_receipt() {
  return {.tool = "test",
          .bundle = "b.bag",
          .seal = digest::digest_of(io::bytes_of("")),
          .target = kTarget,
          .started = {},
          .finished = {},
          .references = {}};
}

// What is done to the target: the exit status it would have.
class Import {
 public:
  virtual ~Import() = default;
  /// Brings a new medium to what it is before.
  virtual void prepare(io::FileSystem& medium) = 0;
  virtual int run(io::FileSystem& medium) = 0;
  /// Whatever happened, this holds for what is there.
  virtual void expect_sound(io::FileSystem& medium) = 0;
};

class PushImport : public Import {
 public:
  explicit PushImport(std::string transport) : transport_(std::move(transport)) {
    CrashFs before;
    prepare(before);
    old_ = tree_of(before);
    run(before);
    new_ = tree_of(before);
  }
  void prepare(io::FileSystem& medium) override {
    EXPECT_EQ(
        push_bundle("/old.bag", {.mappings = {}, .only = {"team/tool:v1"}, .except = {}}, medium),
        0);
  }
  int run(io::FileSystem& medium) override { return push_bundle("/new.bag", {}, medium); }
  void expect_sound(io::FileSystem& medium) override {
    for (const auto& [path, bytes] : tree_of(medium)) {
      if (path.ends_with(".part")) continue;
      EXPECT_TRUE((old_.contains(path) && old_.at(path) == bytes) ||
                  (new_.contains(path) && new_.at(path) == bytes))
          << path << " is neither what it was nor what it is to be";
    }
    if (transport_ == "oci:") expect_whole_layout(medium);
  }

 private:
  int push_bundle(const std::string& path, const NameOptions& names, io::FileSystem& medium) {
    const auto bundle = bundles_.open(path);
    const auto target = target::open_target(target::parse_target(transport_ + kTarget),
                                            {.files = &medium, .registry = {}});
    const NamePlan plan = plan_names(bundle.index().content, bundle.graph(), names, *target);
    transfer::NoProgress quiet;
    Receipt receipt = empty_receipt();
    push(bundle, plan.names, *target, {.on_existing_tag = OnExistingTag::kReplace, .jobs = 1},
         quiet, {}, receipt);
    return exit_status(receipt);
  }

  static void expect_whole_layout(io::FileSystem& medium) {
    const std::string index = io::join(kTarget, "index.json");
    ASSERT_TRUE(medium.find(index));
    const io::Bytes text = io::read_file(medium, index, 1U << 20U);
    for (const oci::NamedManifest& entry : oci::parse_layout_index(io::text_of(text))) {
      expect_whole_manifest(medium, entry.manifest);
    }
  }

  static void expect_whole_manifest(io::FileSystem& medium, const oci::Descriptor& descriptor) {
    const auto manifest = oci::parse_manifest(
        oci::verified(blob(medium, descriptor), descriptor.media_type, descriptor.digest));
    for (const oci::Descriptor& child : manifest.manifests) expect_whole_manifest(medium, child);
    if (manifest.config) blob(medium, *manifest.config);
    for (const oci::Descriptor& layer : manifest.layers) blob(medium, layer);
  }

  static io::Bytes blob(io::FileSystem& medium, const oci::Descriptor& descriptor) {
    const std::string path = io::join(kTarget, oci::blob_path(descriptor.digest));
    if (!medium.find(path)) {
      ADD_FAILURE() << path << " is not there";
      return {};
    }
    io::Bytes bytes = io::read_file(medium, path, 1U << 20U);
    EXPECT_EQ(digest::digest_of(bytes), descriptor.digest);
    return bytes;
  }

  Bundles bundles_;
  std::string transport_;
  Tree old_;
  Tree new_;
};

class DiskImport : public Import {
 public:
  explicit DiskImport(std::optional<conversion::OutputFormat> as) : as_(as) {
    CrashFs after;
    prepare(after);
    run(after);
    new_ = tree_of(after);
  }
  void prepare(io::FileSystem& medium) override { io::create_directories(medium, kTarget); }
  int run(io::FileSystem& medium) override {
    const auto bundle = bundles_.open("/disk.bag");
    // The bundle and the target are on one file system for a conversion, which opens by path.
    Both files(bundles_.files(), medium);
    transfer::NoProgress quiet;
    Receipt receipt = empty_receipt();
    restore_disks(bundle, files, {0}, kTarget,
                  {.as = as_, .on_existing = OnExistingTag::kReplace, .jobs = 1}, quiet, {},
                  receipt)
        ->run();
    return exit_status(receipt);
  }
  void expect_sound(io::FileSystem& medium) override {
    for (const auto& [path, bytes] : tree_of(medium)) {
      if (path.find(".part") != std::string::npos) continue;
      EXPECT_TRUE(new_.contains(path) && new_.at(path) == bytes) << path << " is half there";
    }
  }

 private:
  // Opens below /disk.bag on one, does all else on the other.
  class Both : public io::FileSystem {
   public:
    Both(io::FileSystem& bundle, io::FileSystem& target) : bundle_(bundle), target_(target) {}
    std::unique_ptr<io::File> open(const std::string& path, io::OpenMode mode) override {
      return at(path).open(path, mode);
    }
    std::optional<io::FileInfo> find(const std::string& path) override {
      return at(path).find(path);
    }
    std::vector<io::DirectoryEntry> list(const std::string& directory) override {
      return at(directory).list(directory);
    }
    void create_directory(const std::string& path) override { target_.create_directory(path); }
    void rename(const std::string& from, const std::string& to) override {
      target_.rename(from, to);
    }
    void remove_file(const std::string& path) override { target_.remove_file(path); }
    void remove_directory(const std::string& path) override { target_.remove_directory(path); }
    void sync_directory(const std::string& directory) override {
      target_.sync_directory(directory);
    }
    std::uint64_t available_bytes(const std::string& path) override {
      return target_.available_bytes(path);
    }
    std::unique_ptr<io::Lock> try_lock(const std::string& path) override {
      return target_.try_lock(path);
    }

   private:
    io::FileSystem& at(const std::string& path) {
      return path.starts_with("/disk.bag") ? bundle_ : target_;
    }
    io::FileSystem& bundle_;
    io::FileSystem& target_;
  };

  Bundles bundles_;
  std::optional<conversion::OutputFormat> as_;
  Tree new_;
};

struct Kind {
  const char* name;
  std::function<std::unique_ptr<Import>()> make;
};

const Kind kKinds[] = {
    {"layout", [] { return std::make_unique<PushImport>("oci:"); }},
    {"directory", [] { return std::make_unique<PushImport>("dir:"); }},
    {"disk", [] { return std::make_unique<DiskImport>(std::nullopt); }},
    {"converted_disk",
     [] { return std::make_unique<DiskImport>(conversion::OutputFormat::kVmdk); }},
};

class ImportOntoBadMedium : public ::testing::TestWithParam<Kind> {
 protected:
  ImportOntoBadMedium() {
    CrashFs medium;
    import_->prepare(medium);
    import_->run(medium);
    whole_ = tree_of(medium);
  }

  // The status that the program would end with.
  int status_of_run(io::FileSystem& medium) {
    try {
      return import_->run(medium);
    } catch (const Error& error) {
      return static_cast<int>(error.code());
    }
  }

  void expect_repeatable(io::FileSystem& medium) {
    EXPECT_EQ(status_of_run(medium), 0);
    EXPECT_EQ(tree_of(medium), whole_);
  }

  int calls_of(Operation operation) {
    CrashFs medium;
    import_->prepare(medium);
    FaultFs files(medium);
    import_->run(files);
    return files.calls(operation);
  }

  void expect_told(const Fault& fault, Code code) {
    SCOPED_TRACE(fmt::format("{} {}, error {}{}{}", testing::name_of(fault.operation), fault.nth,
                             fault.error_number, fault.for_ever ? " for ever" : "",
                             fault.writes_short ? ", short" : ""));
    CrashFs medium;
    import_->prepare(medium);
    FaultFs files(medium);
    files.fail(fault);
    EXPECT_EQ(status_of_run(files), static_cast<int>(code));
    import_->expect_sound(medium);
    expect_repeatable(medium);
  }

  std::unique_ptr<Import> import_ = GetParam().make();
  Tree whole_;
};

TEST_P(ImportOntoBadMedium, TellsEveryFailureAndEndsWellWhenRepeated) {
  int faults = 0;
  for (const Operation operation :
       {Operation::kOpen, Operation::kWrite, Operation::kResize, Operation::kReserve,
        Operation::kSync, Operation::kClose, Operation::kRename, Operation::kMakeDirectory,
        Operation::kSyncDirectory}) {
    const int calls = calls_of(operation);
    for (int nth = 1; nth <= calls && !HasFailure(); ++nth) {
      for (const auto& [error_number, code] :
           {std::pair(ENOSPC, Code::kNoSpace), std::pair(EDQUOT, Code::kNoSpace),
            std::pair(EIO, Code::kIo), std::pair(EROFS, Code::kPermission),
            std::pair(EFBIG, Code::kMediumUnfit)}) {
        for (const bool for_ever : {false, true}) {
          if (for_ever && error_number != ENOSPC && error_number != EIO) continue;
          expect_told({.operation = operation,
                       .nth = nth,
                       .error_number = error_number,
                       .for_ever = for_ever,
                       .writes_short = error_number == ENOSPC},
                      code);
          ++faults;
        }
      }
    }
  }
  RecordProperty("faults", faults);
}

TEST_P(ImportOntoBadMedium, LosesNothingWithThePowerAndEndsWellWhenRepeated) {
  for (const Damage damage : kDamages) {
    for (std::uint32_t seed = 0; seed < (damage == Damage::kLost ? 1U : 3U); ++seed) {
      bool was_hit = true;
      for (int change = 1; was_hit && !HasFailure(); ++change) {
        SCOPED_TRACE(fmt::format("{}, seed {}, change {}", testing::name_of(damage), seed, change));
        CrashFs medium;
        import_->prepare(medium);
        medium.sync_all();
        medium.lose_power_at(change);
        was_hit = status_of_run(medium) != 0;
        medium.restart(damage, seed);
        import_->expect_sound(medium);
        expect_repeatable(medium);
        medium.restart(Damage::kLost, 0);
        EXPECT_EQ(tree_of(medium), whole_);
      }
    }
  }
}

// What the kernel dropped reads right until the power goes.
TEST_P(ImportOntoBadMedium, TrustsNoFileWhoseSyncFailed) {
  bool failed = true;
  for (int sync = 1; failed && !HasFailure(); ++sync) {
    SCOPED_TRACE(fmt::format("sync {}", sync));
    CrashFs medium;
    import_->prepare(medium);
    medium.sync_all();
    medium.fail_sync_at(sync);
    failed = status_of_run(medium) != 0;
    if (failed) expect_repeatable(medium);
    medium.restart(Damage::kLost, 0);
    EXPECT_EQ(tree_of(medium), whole_);
  }
}

INSTANTIATE_TEST_SUITE_P(EachTarget, ImportOntoBadMedium, ::testing::ValuesIn(kKinds),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace seabag::importing
