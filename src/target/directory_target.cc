// SPDX-License-Identifier: Apache-2.0
#include "target/directory_target.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/file_blob.h"
#include "oci/image_layout.h"
#include "tar/reader.h"
#include "target/image_tarball.h"
#include "target/name_grammar.h"
#include "target/part_file.h"

namespace seabag::target {
namespace {

constexpr std::string_view kSuffix = ".tar";
constexpr std::string_view kPartSuffix = ".part";
// Of one name on FAT, exFAT, NTFS and ext4; ours are ASCII, so characters and bytes are the same.
constexpr std::size_t kFileNameBytes = 255;

std::string file_name_of(const oci::Reference& name) {
  if (!name.tag.empty()) return fmt::format("{}{}", name.tag, kSuffix);
  if (!name.digest) throw Error(Code::kInternal, "bug: a reference without tag and digest");
  return fmt::format("@{}-{}{}", digest::name_of(name.digest->algorithm()), name.digest->hex(),
                     kSuffix);
}

std::string path_below(const oci::Reference& name) {
  return fmt::format("{}/{}", name.repository_text(), file_name_of(name));
}

// Names that Windows gives to devices, whatever follows the first dot.
// Source: Microsoft, "Naming Files, Paths, and Namespaces".
bool is_device(std::string_view part) {
  const std::string stem = to_lower(part.substr(0, part.find('.')));
  if (std::ranges::count(std::array{"con", "prn", "aux", "nul"}, stem) != 0) return true;
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) &&
         stem[3] >= '1' && stem[3] <= '9';
}

// Why no directory or file can have that name on every file system; empty if it can.
std::string part_objection(std::string_view part) {
  if (is_device(part)) return "is the name of a device on Windows";
  if (part.size() + kPartSuffix.size() > kFileNameBytes) {
    return fmt::format("has {} characters, expected at most {}", part.size(),
                       kFileNameBytes - kPartSuffix.size());
  }
  return {};
}

// The repository is a directory, so it must not be called what a tarball beside it could be.
std::string directory_objection(std::string_view part) {
  if (part.ends_with(kSuffix) || part.ends_with(fmt::format("{}{}", kSuffix, kPartSuffix))) {
    return "is called like a tarball";
  }
  return part_objection(part);
}

}  // namespace

DirectoryTarget::DirectoryTarget(TargetName name, io::FileSystem& files)
    : name_(std::move(name)), files_(files) {
  const auto found = files_.find(name_.path);
  if (found && found->kind == io::FileKind::kRegular) {
    throw Error(Code::kUsage,
                fmt::format("{} is a file, expected a directory", seabag::quoted(name_.path)));
  }
  const auto has = [&](std::string_view file) {
    return files_.find(io::join(name_.path, std::string(file))).has_value();
  };
  if (has(oci::kLayoutPath)) {
    throw Error(Code::kUsage, fmt::format("{} is an image layout, expected a directory of tarballs",
                                          seabag::quoted(name_.path)))
        .add_next_step("write oci: for dir: to add to the layout");
  }
  if (has("bagit.txt")) {
    throw Error(Code::kUsage, fmt::format("{} is a bag, expected a directory of tarballs",
                                          seabag::quoted(name_.path)));
  }
}

DirectoryTarget::~DirectoryTarget() = default;

std::optional<std::string> DirectoryTarget::objection(const oci::Reference& name) const {
  const std::string repository = name.repository_text();
  if (auto fault = grammar_objection(repository, name.tag)) return fault;
  for (std::size_t begin = 0; begin <= repository.size();) {
    const std::size_t end = std::min(repository.find('/', begin), repository.size());
    const std::string part = repository.substr(begin, end - begin);
    if (const auto fault = directory_objection(part); !fault.empty()) {
      return fmt::format("{} in {} {}", seabag::quoted(part), seabag::quoted(repository), fault);
    }
    begin = end + 1;
  }
  const std::string file = file_name_of(name);
  if (const auto fault = part_objection(file); !fault.empty()) {
    return fmt::format("{} {}", seabag::quoted(file), fault);
  }
  return std::nullopt;
}

std::string DirectoryTarget::location(const oci::Reference& name) const {
  return io::join(name_.path, path_below(name));
}

std::string DirectoryTarget::collision_key(const oci::Reference& name) const {
  return to_lower(path_below(name));
}

std::optional<digest::Digest> DirectoryTarget::find_tag(const std::string& repository,
                                                        const std::string& tag) {
  return find_root({{}, repository, tag, std::nullopt});
}

bool DirectoryTarget::has_manifest(const std::string& repository, const digest::Digest& digest) {
  return find_root({{}, repository, {}, digest}) == digest;
}

// The digest of the image in the tarball of that name.
std::optional<digest::Digest> DirectoryTarget::find_root(const oci::Reference& name) {
  const std::string path = place_of(name);
  if (!files_.find(path)) return std::nullopt;
  try {
    const auto file = files_.open(path, io::OpenMode::kRead);
    const io::FileBlob tarball(*file, 0, file->size());
    std::optional<tar::FoundMember> index;
    tar::read_members(tarball, [&](const tar::FoundMember& found) {
      if (found.member.path == oci::kIndexPath) index = found;
    });
    if (!index || index->member.size > limits::kLayoutIndexBytes) {
      throw Error(Code::kMalformed, "no index.json");
    }
    std::string text(index->member.size, '\0');
    tarball.read_at(index->placement.data_offset, std::as_writable_bytes(std::span(text)));
    for (const oci::NamedManifest& entry : oci::parse_layout_index(text)) {
      if (entry.name == name.text()) return entry.manifest.digest;
    }
    throw Error(Code::kMalformed,
                fmt::format("no entry for {} in index.json", seabag::quoted(name.text())));
  } catch (Error& error) {
    error.add_context(printable(path))
        .add_next_step("move it out of the way: something of the same name is to be written there");
    throw;
  }
}

// Names become paths here, so they hold to the grammar, whatever objection() was asked before.
std::string DirectoryTarget::place_of(const oci::Reference& name) const {
  if (const auto fault = objection(name)) throw Error(Code::kMalformed, *fault);
  return io::join(name_.path, path_below(name));
}

void DirectoryTarget::put_image(const WholeImage& image) {
  const std::string path = place_of(image.name);
  prepare(io::parent_of(path));
  const ImageTarball tarball(image);
  PartFile part(files_, path);
  tarball.write(part.file());
  part.land();
  files_.sync_directory(io::parent_of(path));
}

void DirectoryTarget::lock() {
  const std::lock_guard guard(mutex_);
  io::create_directories(files_, name_.path);
  if (!lock_) lock_ = files_.try_lock(name_.path);
  if (!lock_) {
    throw Error(Code::kLocked, fmt::format("another run writes to {}", seabag::quoted(name_.path)))
        .add_next_step("run the same command again when that one has ended");
  }
}

void DirectoryTarget::prepare(const std::string& directory) {
  lock();
  const std::lock_guard guard(mutex_);  // two threads may want the same directory
  io::create_directories(files_, directory);
}

PutOutcome DirectoryTarget::put_blob(const std::string& /*repository*/,
                                     const oci::Descriptor& /*blob*/,
                                     const io::BlobSource& /*bytes*/,
                                     const std::vector<std::string>& /*mount_from*/) {
  throw Error(Code::kInternal, "bug: put_blob() of a target that takes whole images");
}

void DirectoryTarget::put_manifest(const std::string& /*repository*/,
                                   const oci::RawManifest& /*manifest*/,
                                   const std::optional<oci::Descriptor>& /*subject*/,
                                   const std::string& /*tag*/) {
  throw Error(Code::kInternal, "bug: put_manifest() of a target that takes whole images");
}

bool DirectoryTarget::link_referrers(const std::string& /*repository*/,
                                     const digest::Digest& /*subject*/,
                                     const std::vector<oci::Descriptor>& /*referrers*/) {
  throw Error(Code::kInternal, "bug: link_referrers() of a target that takes whole images");
}

}  // namespace seabag::target
