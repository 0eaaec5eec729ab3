// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "bundle/opened.h"
#include "importing/disk_artifact.h"
#include "importing/disk_work.h"
#include "importing/names.h"
#include "importing/read_back.h"
#include "io/blob_source.h"
#include "oci/manifest.h"

namespace seabag::importing {

/// Disks on their way to a target where each becomes something with a tag: `Made`, which has the
/// `manifest` that the tag is to mean. What a disk becomes is not known before it is read, so one
/// is made to be looked at only where there is a tag.
template <class Made>
class TaggedDisks : public DiskWork {
 protected:
  TaggedDisks(const bundle::OpenedBundle& bundle, target::Target& target,
              const PushOptions& options, transfer::Progress& progress, Receipt& receipt)
      : DiskWork(progress, receipt), bundle_(bundle), target_(target), options_(options) {}

  /// A further disk; its files are read, and so many `more_bytes`.
  void add(const index::DiskInfo& disk, const NameOptions& names, std::uint64_t more_bytes) {
    disks_.push_back({&disk, mapped(disk_reference(disk), names.mappings)});
    std::uint64_t bytes = more_bytes;
    for (const std::uint32_t file : disk.files) bytes += bundle_.index().files[file].size;
    enter({.name = disk.name, .content = disk.content, .target = disks_.back().name.text()}, bytes);
  }

  /// Whether it was there already; the receipt counts it.
  bool put_blob(const std::string& repository, const oci::Descriptor& blob,
                const io::BlobSource& bytes) {
    if (target_.put_blob(repository, blob, bytes, {}) == target::PutOutcome::kWasThere) {
      ++receipt_.blobs_there;
      return true;
    }
    ++receipt_.blobs_uploaded;
    receipt_.bytes_uploaded += blob.size;
    return false;
  }

  const bundle::OpenedBundle& bundle_;
  target::Target& target_;
  const PushOptions& options_;

 private:
  struct Disk {
    const index::DiskInfo* info;
    oci::Reference name;
    std::optional<oci::RawManifest> there = {};  ///< what its tag means at the target already
  };

  virtual Made make(const index::DiskInfo& disk) = 0;
  virtual std::vector<oci::Descriptor> blobs_of(const Made& made) const = 0;
  virtual void send(const oci::Reference& name, const Made& made) = 0;

  std::optional<Error> find_conflict(std::size_t i) override {
    if (options_.on_existing_tag != OnExistingTag::kFail) return std::nullopt;
    Disk& disk = disks_[i];
    const auto there = target_.find_tag(disk.name.repository, disk.name.tag);
    if (!there) return std::nullopt;
    Made made = make(*disk.info);
    if (*there != made.manifest.digest()) {
      return tag_conflict(disk.name, *there, made.manifest.digest());
    }
    if (is_whole(made)) disk.there = std::move(made.manifest);
    return std::nullopt;
  }

  PushOutcome bring(std::size_t i, RestoredDisk& result) override {
    const Disk& disk = disks_[i];
    if (const auto objection = target_.objection(disk.name)) throw Error(Code::kUsage, *objection);
    if (disk.there) {
      if (options_.read_back) require_given_back(target_, disk.name, *disk.there);
      return PushOutcome::kAlreadyThere;
    }
    const Made made = make(*disk.info);
    auto settled = look_at_tag(target_, disk.name, made.manifest.digest(), options_.on_existing_tag,
                               result.detail);
    if (settled == PushOutcome::kAlreadyThere && !is_whole(made)) settled.reset();
    if (settled == PushOutcome::kSkipped) return *settled;
    if (!settled) send(disk.name, made);
    if (options_.read_back) require_given_back(target_, disk.name, made.manifest);
    return settled.value_or(PushOutcome::kPushed);
  }

  bool is_whole(const Made& made) const {
    return target_.keeps(made.manifest.descriptor()) &&
           std::ranges::all_of(blobs_of(made),
                               [&](const oci::Descriptor& blob) { return target_.keeps(blob); });
  }

  std::vector<Disk> disks_;
};

}  // namespace seabag::importing
