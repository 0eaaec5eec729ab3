// SPDX-License-Identifier: Apache-2.0
#include "tar/foreign_archive.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <locale.h>  // POSIX: newlocale(), uselocale()

#include "base/arith.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/memory_sink.h"
#include "io/posix_file_system.h"

// libarchive reads strangers' archives; this file keeps it on a short lead. It gets no file name,
// only bytes through a callback over a file that we opened. Only the tar format is switched on, and
// only those filters that work inside the process: others (lrzip, grzip, lzop) would start
// programs. Its warnings are errors here: they say that it guesses.
//
// Plain tars are read at a member's header by starting a new pass there: libarchive tells where
// each header (with its pax or GNU extensions) starts, and a tar has no state before it but global
// pax headers, which libarchive ignores.

namespace seabag::tar {
namespace {

constexpr int kLinksInARow = 8;

// What an entry of the listing takes besides its texts, roughly.
constexpr std::size_t kEntryCost = 128;

// libarchive converts the texts of pax headers from UTF-8 to the thread's locale and warns when
// that cannot hold them: in the C locale, a member's or its owner's name with an umlaut. So headers
// are read in one that holds all.
class Utf8Locale {
 public:
  Utf8Locale()
      : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)), previous_(::uselocale(locale_)) {}
  ~Utf8Locale() {
    ::uselocale(previous_);
    if (locale_ != nullptr) ::freelocale(locale_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t locale_;  // null where the system has none: uselocale() then changes nothing
  locale_t previous_;
};

/// One run of libarchive over the file, from an offset on. Threads: one.
class Pass {
 public:
  /// `buffer_bytes`: what is read at once, and so beyond what is wanted.
  Pass(const io::File& file, std::uint64_t offset, std::size_t buffer_bytes);
  ~Pass() = default;
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  /// The next entry of any kind; null at the end. It is valid until the next call.
  archive_entry* next();
  /// Content of the current entry; 0 at its end. Holes of sparse files are read as zeros.
  std::size_t read(std::span<std::byte> out);
  /// From the start of this pass. Requires: not is_compressed().
  std::uint64_t header_position() const;
  bool is_compressed() const;

 private:
  struct Free {
    void operator()(archive* handle) const noexcept { archive_read_free(handle); }
  };

  static la_ssize_t on_read(archive* handle, void* self, const void** out) noexcept;
  static la_int64_t on_skip(archive* handle, void* self, la_int64_t bytes) noexcept;
  void require_ok(la_ssize_t result);

  const io::File& file_;
  std::uint64_t position_;
  std::uint64_t size_;
  io::Bytes buffer_;
  std::exception_ptr failure_;  // of a callback, until require_ok() throws it
  std::unique_ptr<archive, Free> handle_;
};

Pass::Pass(const io::File& file, std::uint64_t offset, std::size_t buffer_bytes)
    : file_(file),
      position_(offset),
      size_(file.size()),
      buffer_(buffer_bytes),
      handle_(archive_read_new()) {
  if (!handle_) throw std::bad_alloc();
  archive* const handle = handle_.get();
  archive_read_support_filter_gzip(handle);
  archive_read_support_filter_bzip2(handle);
  archive_read_support_filter_xz(handle);
  archive_read_support_filter_lzma(handle);
  archive_read_support_filter_zstd(handle);
  archive_read_support_filter_lz4(handle);
  archive_read_support_filter_lzip(handle);
  archive_read_support_filter_compress(handle);
  archive_read_support_format_tar(handle);
  archive_read_set_read_callback(handle, &Pass::on_read);
  archive_read_set_skip_callback(handle, &Pass::on_skip);
  archive_read_set_callback_data(handle, this);
  require_ok(archive_read_open1(handle));
}

// An exception must not unwind through libarchive's frames: it is parked, and require_ok() throws
// it.
la_ssize_t Pass::on_read(archive*, void* self, const void** out) noexcept {
  auto& pass = *static_cast<Pass*>(self);
  try {
    const std::uint64_t rest = pass.size_ - std::min(pass.position_, pass.size_);
    const auto chunk =
        std::span(pass.buffer_).first(std::min<std::uint64_t>(rest, pass.buffer_.size()));
    pass.file_.read_at(pass.position_, chunk);
    pass.position_ += chunk.size();
    *out = chunk.data();
    return static_cast<la_ssize_t>(chunk.size());
  } catch (...) {
    pass.failure_ = std::current_exception();
    return ARCHIVE_FATAL;
  }
}

// Stops at the end of the file, so that libarchive notices an archive that is cut.
la_int64_t Pass::on_skip(archive*, void* self, la_int64_t bytes) noexcept {
  auto& pass = *static_cast<Pass*>(self);
  const std::uint64_t rest = pass.size_ - std::min(pass.position_, pass.size_);
  const std::uint64_t skipped =
      std::min(rest, static_cast<std::uint64_t>(std::max<la_int64_t>(bytes, 0)));
  pass.position_ += skipped;
  return static_cast<la_int64_t>(skipped);
}

void Pass::require_ok(la_ssize_t result) {
  if (failure_) std::rethrow_exception(failure_);
  if (result >= 0) return;
  const char* text = archive_error_string(handle_.get());
  throw Error(Code::kMalformed, fmt::format("not a tar archive that can be read: {}",
                                            text == nullptr ? "no reason given" : printable(text)));
}

archive_entry* Pass::next() {
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(handle_.get(), &entry);
  require_ok(result);
  return result == ARCHIVE_EOF ? nullptr : entry;
}

std::size_t Pass::read(std::span<std::byte> out) {
  const la_ssize_t n = archive_read_data(handle_.get(), out.data(), out.size());
  require_ok(n);
  return static_cast<std::size_t>(n);
}

std::uint64_t Pass::header_position() const {
  return static_cast<std::uint64_t>(archive_read_header_position(handle_.get()));
}

// The last filter in the chain is the file itself.
bool Pass::is_compressed() const {
  return archive_filter_count(handle_.get()) > 1;
}

// `path`, without "." and empty components, appended to `base`; ".." takes one component away.
// Nothing if that leads out of the archive, or to its root.
std::optional<std::string> find_normal(std::string base, std::string_view path) {
  if (path.starts_with('/')) return std::nullopt;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    const auto component = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (base.empty()) return std::nullopt;
      const auto parent = base.rfind('/');
      base.resize(parent == std::string::npos ? 0 : parent);
      continue;
    }
    if (!base.empty()) base += '/';
    base += component;
  }
  if (base.empty()) return std::nullopt;
  return base;
}

bool has_dot_dot(std::string_view path) {
  return path == ".." || path.starts_with("../") || path.ends_with("/..") ||
         path.find("/../") != std::string_view::npos;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string name_of(archive_entry* entry) {
  const char* text = archive_entry_pathname(entry);
  if (text == nullptr) throw Error(Code::kMalformed, "member path cannot be read");
  const auto name = find_normal({}, text);
  if (!name || has_dot_dot(text)) {
    throw Error(Code::kMalformed,
                fmt::format("member path {} leads out of the archive", seabag::quoted(text)));
  }
  return *name;
}

std::unique_ptr<io::File> open_input(const std::string& path) try {
  std::error_code error;
  // The user may well name a link; what is refused behind it is anything but a regular file.
  const auto real = std::filesystem::canonical(path, error);
  if (error) throw io::file_error(error.value(), "opening", path);
  return io::posix_file_system()->open(real.string(), io::OpenMode::kRead);
} catch (const Error& error) {
  if (error.code() != Code::kNotABundle && error.code() != Code::kMalformed) throw;
  throw Error(Code::kUsage, error.what());
}

}  // namespace

struct ForeignArchive::Listing {
  struct Entry {
    std::string path;
    std::optional<std::string> link_target;  // a path in the archive; "": it leads out of it
    std::uint64_t size = 0;
    std::uint64_t header_offset = 0;  // of a member of a plain tar, from the start of the file
  };

  explicit Listing(std::string archive_path);
  void list();
  void add(archive_entry* entry, const Pass& pass);
  void index();
  const Entry* find_entry(std::string_view member) const;
  const Entry* find_regular(std::string_view member) const;
  const Entry& regular(const std::string& member) const;
  static bool go_to(Pass& pass, const Entry& entry);
  static std::size_t bytes_to_read(const Entry& entry);
  void stream(const Entry& entry, std::uint64_t offset, io::ByteSink& to) const;

  std::string path;
  std::unique_ptr<io::File> file;
  bool compressed = false;
  std::vector<Entry> entries;  // in the order of the archive
  std::vector<std::uint32_t> by_path;
  std::size_t cost = 0;
};

ForeignArchive::Listing::Listing(std::string archive_path)
    : path(std::move(archive_path)), file(open_input(path)) {
  list();
  index();
}

void ForeignArchive::Listing::list() {
  const Utf8Locale locale;
  Pass pass(*file, 0, limits::kBufferBytes);
  while (archive_entry* const entry = pass.next()) add(entry, pass);
  compressed = pass.is_compressed();
}

void ForeignArchive::Listing::add(archive_entry* entry, const Pass& pass) {
  const char* const hard_link = archive_entry_hardlink(entry);
  const auto type = archive_entry_filetype(entry);
  if (hard_link == nullptr && type != AE_IFREG && type != AE_IFLNK) return;
  Entry added;
  added.path = name_of(entry);
  if (hard_link != nullptr) {
    added.link_target = find_normal({}, hard_link).value_or("");
  } else if (type == AE_IFLNK) {
    const char* const target = archive_entry_symlink(entry);
    added.link_target =
        find_normal(directory_of(added.path), target == nullptr ? "" : target).value_or("");
  } else {
    added.size = narrow<std::uint64_t>(archive_entry_size(entry));
    if (!pass.is_compressed()) added.header_offset = pass.header_position();
  }
  cost += kEntryCost + added.path.size() + added.link_target.value_or("").size();
  if (cost > limits::kArchiveListingBytes) {
    throw Error(Code::kMalformed,
                fmt::format("archive has too many members: listing the first {} takes over {}",
                            entries.size(), readable_size(limits::kArchiveListingBytes)));
  }
  entries.push_back(std::move(added));
}

void ForeignArchive::Listing::index() {
  by_path.resize(entries.size());
  for (std::uint32_t i = 0; i < by_path.size(); ++i) by_path[i] = i;
  const auto path_of = [this](std::uint32_t i) -> const std::string& { return entries[i].path; };
  std::ranges::sort(by_path, {}, path_of);
  const auto twice = std::ranges::adjacent_find(by_path, {}, path_of);
  if (twice != by_path.end()) {
    throw Error(Code::kMalformed,
                fmt::format("member path {} is there twice", seabag::quoted(path_of(*twice))));
  }
}

const ForeignArchive::Listing::Entry* ForeignArchive::Listing::find_entry(
    std::string_view member) const {
  const auto path_of = [this](std::uint32_t i) -> std::string_view { return entries[i].path; };
  const auto at = std::ranges::lower_bound(by_path, member, {}, path_of);
  return at == by_path.end() || path_of(*at) != member ? nullptr : &entries[*at];
}

const ForeignArchive::Listing::Entry* ForeignArchive::Listing::find_regular(
    std::string_view member) const {
  const Entry* entry = find_entry(member);
  for (int links = 0; entry != nullptr && entry->link_target; ++links) {
    if (links == kLinksInARow) return nullptr;
    entry = find_entry(*entry->link_target);
  }
  return entry;
}

const ForeignArchive::Listing::Entry& ForeignArchive::Listing::regular(
    const std::string& member) const {
  const Entry* const entry = find_regular(member);
  if (entry == nullptr) {
    const char* const why =
        find_entry(member) == nullptr ? "has no member" : "has no file behind the link";
    throw Error(Code::kIntegrity,
                fmt::format("archive {} {} {}", seabag::quoted(path), why, seabag::quoted(member)));
  }
  return *entry;
}

// Moves `pass` to the content of `entry`; false if it is not there any more.
bool ForeignArchive::Listing::go_to(Pass& pass, const Entry& entry) {
  const Utf8Locale locale;
  while (archive_entry* const found = pass.next()) {
    const bool regular =
        archive_entry_filetype(found) == AE_IFREG && archive_entry_hardlink(found) == nullptr;
    if (regular && name_of(found) == entry.path) return true;
  }
  return false;
}

// A large registry's archive has tens of thousands of members of less than a KiB: a quarter of a
// MiB for each took 13 of 20 s for 20,000 images.
std::size_t ForeignArchive::Listing::bytes_to_read(const Entry& entry) {
  static constexpr std::uint64_t kForHeaders = 4096;
  return std::min<std::uint64_t>(entry.size, limits::kBufferBytes - kForHeaders) + kForHeaders;
}

void ForeignArchive::Listing::stream(const Entry& entry, std::uint64_t offset,
                                     io::ByteSink& to) const {
  check(offset <= entry.size, "a member is read from inside it on");
  Pass pass(*file, entry.header_offset, compressed ? limits::kBufferBytes : bytes_to_read(entry));
  const bool found = go_to(pass, entry);
  io::Bytes buffer(bytes_to_read(entry));
  std::uint64_t position = 0;
  while (const std::size_t n = found ? pass.read(buffer) : 0) {
    const std::uint64_t dropped = std::min<std::uint64_t>(n, offset - std::min(offset, position));
    position += n;
    if (dropped < n) to.write(std::span(buffer).first(n).subspan(dropped));
  }
  if (position != entry.size) {
    throw Error(Code::kIntegrity,
                fmt::format("member {} has {} bytes, expected {}: did the archive change?",
                            seabag::quoted(entry.path), position, entry.size));
  }
  to.finish();
}

ForeignArchive::ForeignArchive(const std::string& path) try
    : listing_(std::make_unique<const Listing>(path)) {
} catch (Error& error) {
  // That it cannot be opened already names it.
  if (error.code() != Code::kUsage) {
    error.add_context(fmt::format("archive {}", seabag::quoted(path)));
  }
  throw;
}

ForeignArchive::~ForeignArchive() = default;

const std::string& ForeignArchive::path() const {
  return listing_->path;
}

bool ForeignArchive::contains(const std::string& member) const {
  return listing_->find_regular(member) != nullptr;
}

std::uint64_t ForeignArchive::size_of(const std::string& member) const {
  return listing_->regular(member).size;
}

io::Bytes ForeignArchive::read_member(const std::string& member, std::uint64_t max_bytes) const {
  io::MemorySink sink(max_bytes, fmt::format("member {}", seabag::quoted(member)));
  read_member(member, 0, sink);
  return sink.take();
}

void ForeignArchive::read_member(const std::string& member, std::uint64_t offset,
                                 io::ByteSink& to) const {
  listing_->stream(listing_->regular(member), offset, to);
}

void ForeignArchive::for_each_member(
    const std::function<void(const std::string& path, std::uint64_t size)>& visit) const {
  for (const auto& entry : listing_->entries) {
    if (!entry.link_target) visit(entry.path, entry.size);
  }
}

}  // namespace seabag::tar
