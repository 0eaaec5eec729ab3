// SPDX-License-Identifier: Apache-2.0
#include "exporting/export.h"

#include <algorithm>
#include <map>
#include <memory>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "bundle/landed_log.h"
#include "bundle/manifest_spool.h"
#include "bundle/plan_file.h"
#include "bundle/seal.h"
#include "bundle/tarball_writer.h"
#include "bundle/unfinished.h"
#include "exporting/begun.h"
#include "exporting/disks.h"
#include "exporting/fetch.h"
#include "exporting/landing.h"
#include "exporting/medium.h"
#include "exporting/resolve.h"
#include "exporting/running_checksums.h"
#include "io/clean_up.h"

// resolve -> plan -> fetch -> seal. Lines marked "final:" name what does not change any more behind
// them.

namespace seabag::exporting {
namespace {

using bundle::UnfinishedBundle;
using index::Content;
using index::Graph;
using index::Presence;

using Sources = std::vector<std::unique_ptr<source::ImageSource>>;

Sources open_sources(const std::vector<source::SourceName>& names, const Means& means) {
  Sources sources;
  for (const source::SourceName& name : names) {
    const auto same = [&](const auto& opened) { return opened->uri() == source::uri_of(name); };
    if (std::ranges::none_of(sources, same)) {
      sources.push_back(source::open_source(name, means.surroundings));
    }
  }
  return sources;
}

std::vector<source::ImageSource*> pointers(const Sources& sources) {
  std::vector<source::ImageSource*> all;
  for (const auto& source : sources) all.push_back(source.get());
  return all;
}

// In the order of Content::sources, which is not the command line's.
std::vector<source::ImageSource*> ordered(const Sources& sources, const Content& content) {
  std::vector<source::ImageSource*> all;
  for (const index::Source& wanted : content.sources) {
    const auto found = std::ranges::find_if(
        sources, [&](const auto& source) { return source->uri() == wanted.uri; });
    check(found != sources.end(), "every source of the plan is open");
    all.push_back(found->get());
  }
  return all;
}

std::map<std::string, std::string> metadata_of(const ExportRequest& request, const Means& means) {
  std::map<std::string, std::string> metadata = options_of(request);
  metadata["format-version"] = bundle::kFormatVersion;
  metadata["created"] = to_rfc3339(means.now());
  metadata["tool"] = request.tool;
  return metadata;
}

void require_something(const Resolution& resolution, const ExportRequest& request) {
  if (!resolution.content.references.empty() || !request.disks.empty()) return;
  if (resolution.first_error) throw Error(*resolution.first_error);
  throw Error(Code::kRefused, "there is nothing to export: no image matches")
      .add_next_step(
          "list what a source has with --dry-run, and look at --include, --exclude and --platform");
}

std::vector<source::SourceName> names_of(const Content& content) {
  std::vector<source::SourceName> names;
  for (const index::Source& source : content.sources) {
    if (source.uri.find('\\') != std::string::npos) {  // printable() has changed it
      throw Error(Code::kUsage, fmt::format("the bundle was begun with {}, of which not every byte "
                                            "is kept",
                                            seabag::quoted(source.uri)))
          .add_next_step("name the sources again");
    }
    names.push_back(source::parse_source(source.uri));
  }
  return names;
}

// What the images would take one by one, less what they take here: a split bundle repeats some.
std::uint64_t shared_bytes(const index::Index& index, const Graph& graph) {
  const Content& content = index.content;
  const auto bytes_of = [&](index::BlobId blob) {
    const index::Blob& known = content.blobs[blob];
    return known.presence == Presence::kPresent ? known.size : 0;
  };
  std::uint64_t alone = 0;
  std::vector<bool> is_counted(content.blobs.size(), false);  // of manifests, which may have names
  for (const index::ReferenceInfo& reference : content.references) {
    if (is_counted[reference.manifest]) continue;
    is_counted[reference.manifest] = true;
    for (const index::BlobId blob : graph.closure_of(reference.manifest)) alone += bytes_of(blob);
  }
  std::uint64_t here = 0;
  for (const index::Location& location : index.locations) here += bytes_of(location.blob);
  return std::max(alone, here) - here;
}

void report_absences(const Content& content, const Graph& graph, ExportReport& report) {
  std::unordered_map<index::BlobId, std::vector<std::string>> names;
  for (const index::Absence& absence : content.absences) {
    if (absence.blob) names[*absence.blob];
  }
  if (!names.empty()) {
    for (const index::ReferenceInfo& reference : content.references) {
      for (const index::BlobId blob : graph.closure_of(reference.manifest)) {
        const auto wanted = names.find(blob);
        if (wanted != names.end()) wanted->second.push_back(content.name_of(reference));
      }
    }
  }
  for (const index::Absence& absence : content.absences) {
    const std::string blob =
        absence.blob ? fmt::format("blob {}: ", content.blobs[*absence.blob].digest.text()) : "";
    (absence.is_on_purpose() ? report.left_out : report.missing)
        .push_back({absence.blob ? names[*absence.blob] : std::vector{absence.reference},
                    absence.reason, blob + absence.detail});
  }
}

ExportReport report_of(const ExportRequest& request, index::Index index) {
  ExportReport report;
  report.bundle = request.bundle;
  const Graph graph(index.content);
  report.blobs = static_cast<std::uint64_t>(
      std::ranges::count(index.content.blobs, Presence::kPresent, &index::Blob::presence));
  for (const index::PayloadFile& file : index.files) report.payload_bytes += file.size;
  report.shared_bytes = shared_bytes(index, graph);
  report_absences(index.content, graph, report);
  report.content = std::move(index.content);
  report.files = std::move(index.files);
  report.disks = std::move(index.disks);
  return report;
}

// `created` of image configs, which are in the bundle by now: no extra request was needed for them.
void read_creation_times(Content& content, const Graph& graph,
                         const bundle::TarballWriter& tarballs) {
  for (index::ManifestInfo& manifest : content.manifests) {
    if (manifest.kind != oci::ManifestKind::kImage || !manifest.created.empty()) continue;
    for (const index::Edge& edge : graph.edges_of(manifest.blob)) {
      const index::Blob& config = content.blobs[edge.child];
      if (edge.role != index::EdgeRole::kConfig || config.presence != Presence::kPresent) continue;
      if (config.size > limits::kManifestBytes) continue;
      io::Bytes bytes(config.size);
      tarballs.open_blob(edge.child)->read_at(0, bytes);
      manifest.created = oci::created_of_config(bytes).value_or("");
    }
  }
}

// Whether the same command may go on where that failed, once the user has seen to it.
bool may_pass(Code code) {
  switch (code) {
    case Code::kDenied:
    case Code::kUnavailable:
    case Code::kProtocol:
    case Code::kRefused:
    case Code::kNoSpace:
    case Code::kIo:
    case Code::kPermission:
    case Code::kMediumUnfit:
    case Code::kCancelled:
      return true;
    default:
      return false;
  }
}

// Whatever failed behind the freeze, what has come is kept, and the user is told so.
Error resumable(const Error& error, const UnfinishedBundle& unfinished) {
  if (!may_pass(error.code()) || error.next_step().find("--resume") != std::string::npos) {
    return error;
  }
  return Error(error.code(), error.what())
      .add_next_step(
          fmt::format("{}what has come is kept in {}: run the same command with --resume",
                      error.next_step().empty() ? "" : error.next_step() + "; ",
                      seabag::quoted(unfinished.directory())));
}

class Export {
 public:
  Export(const ExportRequest& request, Means& means) : request_(request), means_(means) {}

  ExportReport run() {
    if (request_.dry_run) return dry_run();
    UnfinishedBundle unfinished = request_.resume
                                      ? UnfinishedBundle::reopen(means_.files, request_.bundle)
                                      : UnfinishedBundle::create(means_.files, request_.bundle);
    if (unfinished.is_sealed()) return name_sealed(unfinished);
    if (!unfinished.is_planned()) {
      unfinished.clear();
      freeze(unfinished);
    }
    try {
      return finish(unfinished);
    } catch (const Error& error) {
      throw resumable(error, unfinished);
    }
  }

 private:
  Resolution resolve_all(const Sources& sources, bundle::ManifestSpool* spool) const {
    if (sources.empty()) return {};  // disks alone
    Resolution resolution = resolve({.sources = pointers(sources),
                                     .selection = request_.selection,
                                     .jobs = request_.jobs,
                                     .spool = spool,
                                     .now = means_.now},
                                    means_.progress, means_.stop);
    require_something(resolution, request_);
    return resolution;
  }

  ExportReport dry_run() {
    std::vector<index::DiskInfo> disks = plan_disks(request_, means_);
    const Sources sources = open_sources(request_.sources, means_);
    Resolution resolution = resolve_all(sources, nullptr);
    const Graph graph(resolution.content);
    const bundle::BundlePlan plan = bundle::plan_bundle(resolution.content, graph, request_.layout);
    return report_of(request_, {.metadata = {},
                                .files = plan.files(),
                                .locations = plan.locations(),
                                .content = std::move(resolution.content),
                                .disks = std::move(disks)});
  }

  // Resolves and plans. Interrupted before its end it leaves nothing worth keeping, and is done
  // anew.
  void freeze(UnfinishedBundle& unfinished) try {
    if (request_.sources.empty() && request_.disks.empty()) {
      throw Error(Code::kUsage, "the unfinished bundle does not know its sources yet")
          .add_next_step("name the sources again");
    }
    // Disks first: what is wrong with them is told at once, resolving a registry takes its time.
    std::vector<index::DiskInfo> disks = plan_disks(request_, means_);
    const Sources sources = open_sources(request_.sources, means_);
    auto spool = bundle::ManifestSpool::create(means_.files, unfinished.path(bundle::kSpoolFile));
    Resolution resolution = resolve_all(sources, &spool);
    spool.sync();
    means_.files.sync_directory(unfinished.directory());  // the plan counts on the spool's name
    // final: what goes into the bundle.
    const Graph graph(resolution.content);
    const bundle::BundlePlan plan = bundle::plan_bundle(resolution.content, graph, request_.layout);
    require_files_fit(means_.files, unfinished.directory(), plan, disks, means_.progress);
    // final: every offset.
    index::Index frozen{.metadata = metadata_of(request_, means_),
                        .files = plan.files(),
                        .locations = plan.locations(),
                        .content = std::move(resolution.content),
                        .disks = std::move(disks)};
    copy_disk_configs(request_, means_, unfinished, frozen);
    bundle::write_plan_file(means_.files, unfinished.path(bundle::kPlanFile), frozen);
  } catch (const Error&) {
    // Nothing was fetched yet: the place is left as it was found.
    io::clean_up([&] { unfinished.discard(); });
    throw;
  }

  // All is written; the run that did it was cut off before the bundle had its name.
  ExportReport name_sealed(UnfinishedBundle& unfinished) {
    index::Index sealed = bundle::read_plan_file(means_.files, unfinished.path(index::kIndexFile));
    require_begun_with(request_, means_, unfinished, sealed);
    const io::Bytes tags =
        io::read_file(means_.files, unfinished.path(std::string(bagit::kTagManifestPath)),
                      limits::kBagManifestBytes);
    unfinished.publish();
    ExportReport report = report_of(request_, std::move(sealed));
    report.seal = digest::digest_of(tags);
    return report;
  }

  // Everything behind the freeze, for a new run and for a resumed one alike.
  ExportReport finish(UnfinishedBundle& unfinished) {
    index::Index plan = bundle::read_plan_file(means_.files, unfinished.path(bundle::kPlanFile));
    if (request_.resume) {
      require_begun_with(request_, means_, unfinished, plan);
      require_disk_configs(means_, unfinished, plan);
    }
    std::vector<bundle::BegunChecksum> begun;
    std::vector<index::Location> locations = write_tarballs(unfinished, plan, begun);
    land_disks(request_, means_, unfinished, plan);
    // final: every payload file.
    require_anything(plan);
    unfinished.require_nothing_else(plan.files);
    bagit::BagInfo info = {{"Bag-Software-Agent", request_.tool},
                           {"Bagging-Date", plan.metadata.at("created").substr(0, 10)},
                           {"Seabag-Format-Version", bundle::kFormatVersion}};
    // Moved from here to the report, and sorted only if something was lost on the way: the content
    // of a large registry need not be in memory twice.
    const bool is_sorted = index::find_disorder(plan.content).empty();
    bundle::Sealed sealed =
        bundle::seal(means_.files,
                     {.directory = unfinished.directory(),
                      .index = {.metadata = std::move(plan.metadata),
                                .files = std::move(plan.files),
                                .locations = std::move(locations),
                                .content = is_sorted ? std::move(plan.content)
                                                     : index::canonical(std::move(plan.content)),
                                .disks = std::move(plan.disks)},
                      .begun = std::move(begun),
                      .bag_info = std::move(info),
                      .jobs = request_.jobs},
                     means_.progress, means_.stop);
    unfinished.publish();
    // final: the bundle.
    ExportReport report = report_of(request_, std::move(sealed.index));
    report.seal = sealed.seal;
    return report;
  }

  // As the bundle was begun: --resume need not say it again.
  static bundle::PlanOptions layout_of(const index::Index& plan) {
    const std::string& text = plan.metadata.at("layout");
    const auto options = bundle::find_plan_options(text);
    if (!options) {
      throw Error(Code::kMalformed, fmt::format("the plan has the layout {}", seabag::quoted(text)))
          .add_next_step("remove the unfinished bundle and export again");
    }
    return *options;
  }

  // What lies in the tarballs lies where the run said that began them: no offset is computed anew.
  static void require_frozen(const bundle::BundlePlan& layout, const index::Index& plan) {
    if (bundle::is_plan_of(layout, plan)) return;
    throw Error(Code::kUnsupported,
                fmt::format("the unfinished bundle was planned otherwise, by {}",
                            seabag::quoted(plan.metadata.at("tool"))))
        .add_next_step("resume with the version that began it, or remove it and export again");
  }

  // Where each blob lies. `begun`: the tarballs' checksums, as far as they were taken meanwhile.
  std::vector<index::Location> write_tarballs(UnfinishedBundle& unfinished, index::Index& plan,
                                              std::vector<bundle::BegunChecksum>& begun) {
    Content& content = plan.content;
    const Graph graph(content);
    const bundle::BundlePlan layout = bundle::plan_bundle(content, graph, layout_of(plan));
    require_frozen(layout, plan);
    plan.locations = std::vector<index::Location>();  // they are the layout's
    bundle::TarballWriter tarballs(means_.files, unfinished.directory(), content, graph, layout);
    if (!layout.tarballs.empty()) begun = fetch_all(unfinished, content, graph, layout, tarballs);
    // final: every payload byte, but for the tables of contents of images that could not be had.
    read_creation_times(content, graph, tarballs);
    if (tarballs.finish()) begun.clear();
    return layout.locations();
  }

  std::vector<bundle::BegunChecksum> fetch_all(UnfinishedBundle& unfinished, Content& content,
                                               const Graph& graph, const bundle::BundlePlan& layout,
                                               bundle::TarballWriter& tarballs) {
    std::vector<std::uint64_t> landed(content.blobs.size(), 0);
    bundle::LandedLog log = open_log(unfinished, tarballs, graph, landed);
    const Sources sources =
        open_sources(request_.sources.empty() ? names_of(content) : request_.sources, means_);
    Landing landing(content, tarballs, std::move(log));
    RunningChecksums checksums(graph, layout, tarballs, landing);
    try {
      fetch(content, graph, tarballs, landing,
            {.sources = ordered(sources, content),
             .landed = landed,
             .jobs = request_.jobs,
             .max_rate = request_.max_rate,
             .pause = means_.pause},
            means_.progress, means_.stop);
    } catch (const Error&) {
      io::clean_up([&] { landing.checkpoint(); });
      throw;
    }
    landing.checkpoint();
    landing.close();
    return checksums.take();
  }

  bundle::LandedLog open_log(UnfinishedBundle& unfinished, bundle::TarballWriter& tarballs,
                             const Graph& graph, std::vector<std::uint64_t>& landed) const {
    const std::string path = unfinished.path(bundle::kLogFile);
    const auto spool =
        bundle::ManifestSpool::reopen(means_.files, unfinished.path(bundle::kSpoolFile));
    if (means_.files.find(path)) {
      tarballs.reopen(spool);
      return bundle::LandedLog::reopen(means_.files, path,
                                       [&](const digest::Digest& digest, std::uint64_t bytes) {
                                         const auto blob = graph.find(digest);
                                         if (blob) landed[*blob] = bytes;
                                       });
    }
    tarballs.prepare(spool);
    // The log's being there says that the tarballs are prepared.
    bundle::LandedLog log = bundle::LandedLog::create(means_.files, path);
    means_.files.sync_directory(unfinished.directory());
    return log;
  }

  // A bundle without a single image or disk that can be used is no success with gaps.
  static void require_anything(const index::Index& plan) {
    if (!plan.disks.empty()) return;
    const Content& content = plan.content;
    const Graph graph(content);
    const auto has_all = [&](const index::ReferenceInfo& reference) {
      return std::ranges::none_of(graph.closure_of(reference.manifest), [&](index::BlobId blob) {
        return content.blobs[blob].presence == Presence::kMissing;
      });
    };
    if (std::ranges::any_of(content.references, has_all)) return;
    check(!content.absences.empty(), "what is missing has a reason");
    const index::Absence& absence = content.absences.back();
    throw Error(code_named(absence.reason),
                "nothing could be had in full; the last failure: " + absence.detail);
  }

  static Code code_named(const std::string& name) {
    for (const Code code : {Code::kIo, Code::kIntegrity, Code::kMalformed, Code::kUnsupported,
                            Code::kDenied, Code::kUnavailable, Code::kProtocol}) {
      if (name_of(code) == name) return code;
    }
    return Code::kRefused;
  }

  const ExportRequest& request_;
  Means& means_;
};

}  // namespace

ExportReport run_export(const ExportRequest& request, Means& means) {
  return Export(request, means).run();
}

}  // namespace seabag::exporting
