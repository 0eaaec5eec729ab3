// SPDX-License-Identifier: Apache-2.0
#include "seabag/bundle.h"

#include <algorithm>
#include <stop_token>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "bundle/opened.h"
#include "bundle/verify.h"
#include "digest/verifying_sink.h"
#include "io/copy.h"
#include "io/posix_file_system.h"

namespace seabag {
namespace {

// No exception type of ours crosses the library's border.
template <class Work>
auto translated(const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    throw BundleError(static_cast<int>(error.code()), error.what());
  }
}

// A damaged payload is for verify() to tell, unless the index has to be made from it.
bundle::OpenedBundle open_bundle(io::FileSystem& files, const std::string& path,
                                 std::vector<std::string>& problems) {
  try {
    return bundle::OpenedBundle::open(files, path, std::nullopt, &problems);
  } catch (const Error& error) {
    if (error.code() != Code::kIntegrity) throw;
  }
  problems.clear();
  transfer::NoProgress quiet;
  const bundle::RebuildMeans means{.progress = quiet, .stop = {}};
  return bundle::OpenedBundle::open(files, path, std::nullopt, nullptr, &means);
}

class CallbackSink : public io::ByteSink {
 public:
  explicit CallbackSink(const std::function<void(std::span<const std::byte>)>& take)
      : take_(take) {}
  void write(std::span<const std::byte> chunk) override { take_(chunk); }
  void finish() override {}

 private:
  const std::function<void(std::span<const std::byte>)>& take_;
};

}  // namespace

BundleError::BundleError(int exit_status, const std::string& text)
    : std::runtime_error(text), exit_status_(exit_status) {}

struct Bundle::State {
  std::unique_ptr<io::FileSystem> files;
  bundle::OpenedBundle opened;
  std::vector<std::string> problems;
};

Bundle::Bundle(std::unique_ptr<State> state) : state_(std::move(state)) {}
Bundle::~Bundle() = default;
Bundle::Bundle(Bundle&&) noexcept = default;
Bundle& Bundle::operator=(Bundle&&) noexcept = default;

Bundle Bundle::open(const std::string& path) {
  return translated([&] {
    auto files = io::posix_file_system();
    std::vector<std::string> problems;
    auto opened = open_bundle(*files, path, problems);
    return Bundle(
        std::make_unique<State>(std::move(files), std::move(opened), std::move(problems)));
  });
}

std::string Bundle::seal() const {
  return state_->opened.seal().text();
}

std::string Bundle::index_defect() const {
  return state_->opened.index_defect();
}

std::vector<Image> Bundle::images() const {
  const index::Content& content = state_->opened.index().content;
  const index::Graph& graph = state_->opened.graph();
  std::vector<Image> images;
  for (const index::ReferenceInfo& reference : content.references) {
    Image image{.name = content.name_of(reference),
                .kind = "unknown",
                .media_type = {},
                .digest = content.blobs[reference.manifest].digest.text()};
    if (const index::ManifestInfo* manifest = graph.find_manifest(reference.manifest)) {
      image.kind = oci::name_of(manifest->kind);
      image.media_type = content.media_types[manifest->media_type];
    }
    for (const index::BlobId blob : graph.closure_of(reference.manifest)) {
      const bool present = content.blobs[blob].presence == index::Presence::kPresent;
      image.size += present ? content.blobs[blob].size : 0;
      image.whole = image.whole && present;
    }
    images.push_back(std::move(image));
  }
  return images;
}

void Bundle::read_blob(const std::string& digest,
                       const std::function<void(std::span<const std::byte>)>& take) const {
  translated([&] {
    const auto wanted = digest::parse_digest(digest);
    const auto blob = state_->opened.graph().find(wanted);
    if (!blob) throw Error(Code::kIntegrity, "blob " + wanted.text() + " is not in the bundle");
    const auto source = state_->opened.open_blob(*blob);
    CallbackSink callback(take);
    digest::VerifyingSink verifying(wanted, source->size(), callback);
    io::copy_all(*source, verifying);
  });
}

std::vector<Damage> Bundle::verify() const {
  return translated([&] {
    transfer::NoProgress quiet;
    const auto report =
        bundle::verify(state_->opened, state_->problems, {}, quiet, std::stop_token());
    std::vector<Damage> found;
    for (const bundle::Finding& finding : report.findings) {
      found.push_back({finding.text, finding.blob ? finding.blob->text() : "", finding.references});
    }
    return found;
  });
}

}  // namespace seabag
