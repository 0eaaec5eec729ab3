// SPDX-License-Identifier: Apache-2.0
#include "testing/crash_fs.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "io/posix_file_system.h"

namespace seabag::testing {
namespace {

constexpr std::uint64_t kSectorBytes = 512;

// To a file: bytes at an offset, or another size.
struct FileChange {
  std::uint64_t offset = 0;
  io::Bytes bytes = {};
  std::optional<std::uint64_t> size = {};
};

void apply_change(const FileChange& change, io::Bytes& file) {
  if (change.size) return file.resize(*change.size);
  file.resize(std::max<std::uint64_t>(file.size(), change.offset + change.bytes.size()));
  std::ranges::copy(change.bytes, file.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

Error power_lost(const std::string& path) {
  return io::file_error(EIO, "(power is lost by script)", path);
}

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

const char* name_of(Damage damage) {
  switch (damage) {
    case Damage::kLost:
      return "lost";
    case Damage::kTorn:
      return "torn";
    case Damage::kReordered:
      return "reordered";
  }
  return "?";
}

struct CrashFs::Node {
  // Of a directory: a name means that node from then on, or nothing.
  struct EntryChange {
    std::uint64_t operation = 0;
    std::string name;
    NodePtr node;
  };
  using Entries = std::map<std::string, NodePtr>;

  bool is_directory = false;
  io::Bytes bytes = {};         // what a reader sees
  io::Bytes synced_bytes = {};  // what is on the medium for sure
  std::vector<FileChange> unsynced = {};
  Entries entries = {};
  Entries synced_entries = {};
  std::vector<EntryChange> unsynced_entries = {};

  void change(FileChange change) {
    apply_change(change, bytes);
    unsynced.push_back(std::move(change));
  }
  void sync() {
    for (const FileChange& change : unsynced) apply_change(change, synced_bytes);
    unsynced.clear();
    synced_entries = entries;
    unsynced_entries.clear();
  }
  void sync_all() {
    sync();
    for (const auto& [name, node] : entries) node->sync_all();
  }
};

// Decides what survives, and makes the tree of it.
struct CrashFs::Survival {
  Damage damage;
  std::uint32_t seed;
  std::uint64_t operations;  // all that there were
  std::mt19937 random{seed};
  std::uint64_t last_operation = 0;

  Survival(Damage how, std::uint32_t by, std::uint64_t of) : damage(how), seed(by), operations(of) {
    last_operation = random() % (operations + 1);
  }

  bool flip() { return (random() & 1U) != 0; }

  bool keeps_operation(std::uint64_t operation) const {
    switch (damage) {
      case Damage::kLost:
        return false;
      case Damage::kTorn:
        return operation <= last_operation;
      case Damage::kReordered:
        if (seed <= 1) return seed == 0;
        // The same answer for both halves of a rename.
        return (std::mt19937(seed ^ static_cast<std::uint32_t>(operation * 2654435761U))() & 1U) !=
               0;
    }
    return false;
  }

  io::Bytes bytes_of(const Node& node) {
    io::Bytes bytes = node.synced_bytes;
    if (damage == Damage::kTorn) {
      const std::size_t whole = random() % (node.unsynced.size() + 1);
      for (std::size_t i = 0; i < whole; ++i) apply_change(node.unsynced[i], bytes);
      if (whole < node.unsynced.size()) apply_torn(node.unsynced[whole], bytes);
    }
    if (damage == Damage::kReordered && seed != 0) {
      for (const FileChange& change : node.unsynced) {
        if (seed == 1 || flip()) apply_change(change, bytes);
      }
    }
    return bytes;
  }

  // Some sectors of one write.
  void apply_torn(const FileChange& change, io::Bytes& bytes) {
    if (change.size) {
      if (flip()) apply_change(change, bytes);
      return;
    }
    for (std::uint64_t at = 0; at < change.bytes.size();) {
      const std::uint64_t offset = change.offset + at;
      const auto length =
          std::min<std::uint64_t>(kSectorBytes - offset % kSectorBytes, change.bytes.size() - at);
      const auto sector = std::span(change.bytes).subspan(at, length);
      if (flip()) apply_change({offset, {sector.begin(), sector.end()}, std::nullopt}, bytes);
      at += length;
    }
  }

  NodePtr survivor_of(const Node& node) {
    auto survivor = std::make_shared<Node>();
    survivor->is_directory = node.is_directory;
    survivor->bytes = bytes_of(node);
    survivor->synced_bytes = survivor->bytes;
    Node::Entries entries = node.synced_entries;
    for (const Node::EntryChange& change : node.unsynced_entries) {
      if (!keeps_operation(change.operation)) continue;
      if (change.node) {
        entries[change.name] = change.node;
      } else {
        entries.erase(change.name);
      }
    }
    for (const auto& [name, child] : entries) survivor->entries[name] = survivor_of(*child);
    survivor->sync();
    return survivor;
  }
};

class CrashFile : public io::File {
 public:
  CrashFile(CrashFs& files, CrashFs::NodePtr node, std::string path)
      : files_(files), node_(std::move(node)), path_(std::move(path)) {}
  ~CrashFile() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  CrashFile(const CrashFile&) = delete;
  CrashFile& operator=(const CrashFile&) = delete;

  const std::string& path() const override { return path_; }
  std::uint64_t size() const override {
    const std::scoped_lock lock(files_.mutex_);
    return node_->bytes.size();
  }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    const std::scoped_lock lock(files_.mutex_);
    files_.require_power(path_);
    if (offset > node_->bytes.size() || out.size() > node_->bytes.size() - offset) {
      throw Error(Code::kIntegrity, fmt::format("{} ends at {}", quoted(path_), offset));
    }
    std::ranges::copy(std::span(node_->bytes).subspan(offset, out.size()), out.begin());
  }
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    change({offset, {bytes.begin(), bytes.end()}, std::nullopt});
  }
  void resize(std::uint64_t size) override { change({0, {}, size}); }
  void reserve(std::uint64_t /*size*/) override {}
  void sync() override {
    const std::scoped_lock lock(files_.mutex_);
    if (files_.begin_change(path_)) return files_.end_change(true, path_);
    if (++files_.syncs_ == files_.failing_sync_) {
      node_->unsynced.clear();
      throw io::file_error(EIO, "syncing (fails by script)", path_);
    }
    node_->sync();
  }
  void close() override {}

  // A copy of what the file has at the first call.
  int descriptor() const override {
    const std::scoped_lock lock(files_.mutex_);
    if (descriptor_ >= 0) return descriptor_;
    descriptor_ = ::memfd_create("crash_fs", MFD_CLOEXEC);
    const auto size = static_cast<ssize_t>(node_->bytes.size());
    check(::write(descriptor_, node_->bytes.data(), node_->bytes.size()) == size,
          "memory takes a copy of a file");
    return descriptor_;
  }

 private:
  void change(FileChange what) {
    const std::scoped_lock lock(files_.mutex_);
    const bool is_last = files_.begin_change(path_);
    node_->change(std::move(what));
    files_.end_change(is_last, path_);
  }

  CrashFs& files_;
  CrashFs::NodePtr node_;
  std::string path_;
  mutable int descriptor_ = -1;
};

class CrashLock : public io::Lock {
 public:
  CrashLock(std::shared_ptr<std::set<std::string>> locked, std::string path)
      : locked_(std::move(locked)), path_(std::move(path)) {}
  ~CrashLock() override { locked_->erase(path_); }

 private:
  std::shared_ptr<std::set<std::string>> locked_;  // those of the machine that took it
  std::string path_;
};

CrashFs::CrashFs()
    : root_(std::make_shared<Node>()), locked_(std::make_shared<std::set<std::string>>()) {
  root_->is_directory = true;
}

CrashFs::~CrashFs() = default;

void CrashFs::lose_power_at(int nth) {
  const std::scoped_lock lock(mutex_);
  last_change_ = changes_ + nth;
}

void CrashFs::fail_sync_at(int nth) {
  const std::scoped_lock lock(mutex_);
  failing_sync_ = syncs_ + nth;
}

bool CrashFs::has_power() const {
  const std::scoped_lock lock(mutex_);
  return has_power_;
}

int CrashFs::changes() const {
  const std::scoped_lock lock(mutex_);
  return changes_;
}

void CrashFs::restart(Damage damage, std::uint32_t seed) {
  const std::scoped_lock lock(mutex_);
  root_ = Survival(damage, seed, operations_).survivor_of(*root_);
  locked_ = std::make_shared<std::set<std::string>>();
  has_power_ = true;
  last_change_ = 0;
  failing_sync_ = 0;
}

void CrashFs::sync_all() {
  const std::scoped_lock lock(mutex_);
  root_->sync_all();
}

void CrashFs::require_power(const std::string& path) const {
  if (!has_power_) throw power_lost(path);
}

bool CrashFs::begin_change(const std::string& path) {
  require_power(path);
  return ++changes_ == last_change_;
}

void CrashFs::end_change(bool is_last, const std::string& path) {
  if (!is_last) return;
  has_power_ = false;
  throw power_lost(path);
}

CrashFs::NodePtr CrashFs::find_node(const std::string& path) const {
  NodePtr node = root_;
  for (const std::string& part : parts_of(path)) {
    const auto found = node->entries.find(part);
    if (found == node->entries.end()) return nullptr;
    node = found->second;
  }
  return node;
}

CrashFs::Node& CrashFs::directory_of(const std::string& path) const {
  const NodePtr parent = find_node(io::parent_of(path));
  if (!parent || !parent->is_directory) throw io::file_error(ENOENT, "opening", path);
  return *parent;
}

void CrashFs::set_entry(const std::string& path, NodePtr node) {
  Node& directory = directory_of(path);
  const std::string name = io::base_name_of(path);
  directory.unsynced_entries.push_back({operations_, name, node});
  if (node) {
    directory.entries[name] = std::move(node);
  } else {
    directory.entries.erase(name);
  }
}

std::unique_ptr<io::File> CrashFs::open(const std::string& path, io::OpenMode mode) {
  const std::scoped_lock lock(mutex_);
  require_power(path);
  NodePtr node = find_node(path);
  if (mode == io::OpenMode::kCreateNew) {
    if (node) throw io::file_error(EEXIST, "creating", path);
    static_cast<void>(directory_of(path));
    const bool is_last = begin_change(path);
    node = std::make_shared<Node>();
    ++operations_;
    set_entry(path, node);
    end_change(is_last, path);
  }
  if (!node) throw io::file_error(ENOENT, "opening", path);
  if (node->is_directory) throw io::file_error(EISDIR, "opening", path);
  return std::make_unique<CrashFile>(*this, std::move(node), path);
}

std::optional<io::FileInfo> CrashFs::find(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  require_power(path);
  const NodePtr node = find_node(path);
  if (!node) return std::nullopt;
  if (node->is_directory) return io::FileInfo{io::FileKind::kDirectory, 0};
  return io::FileInfo{io::FileKind::kRegular, node->bytes.size()};
}

std::vector<io::DirectoryEntry> CrashFs::list(const std::string& directory) {
  const std::scoped_lock lock(mutex_);
  require_power(directory);
  const NodePtr node = find_node(directory);
  if (!node || !node->is_directory) throw io::file_error(ENOENT, "listing", directory);
  std::vector<io::DirectoryEntry> entries;
  for (const auto& [name, child] : node->entries) {
    entries.push_back(
        {name, child->is_directory ? io::FileKind::kDirectory : io::FileKind::kRegular});
  }
  return entries;
}

void CrashFs::create_directory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  if (find_node(path)) throw io::file_error(EEXIST, "creating the directory", path);
  static_cast<void>(directory_of(path));
  const bool is_last = begin_change(path);
  auto node = std::make_shared<Node>();
  node->is_directory = true;
  ++operations_;
  set_entry(path, std::move(node));
  end_change(is_last, path);
}

void CrashFs::rename(const std::string& from, const std::string& to) {
  const std::scoped_lock lock(mutex_);
  NodePtr node = find_node(from);
  if (!node) throw io::file_error(ENOENT, "renaming", from);
  if (node->is_directory && find_node(to)) throw io::file_error(EEXIST, "renaming to", to);
  const bool is_last = begin_change(to);
  ++operations_;
  set_entry(from, nullptr);
  set_entry(to, std::move(node));
  end_change(is_last, to);
}

void CrashFs::remove(const std::string& path, bool is_directory) {
  const std::scoped_lock lock(mutex_);
  const NodePtr node = find_node(path);
  if (!node || node->is_directory != is_directory) throw io::file_error(ENOENT, "removing", path);
  if (!node->entries.empty()) throw io::file_error(ENOTEMPTY, "removing", path);
  const bool is_last = begin_change(path);
  ++operations_;
  set_entry(path, nullptr);
  end_change(is_last, path);
}

void CrashFs::remove_file(const std::string& path) {
  remove(path, false);
}

void CrashFs::remove_directory(const std::string& path) {
  remove(path, true);
}

void CrashFs::sync_directory(const std::string& directory) {
  const std::scoped_lock lock(mutex_);
  const NodePtr node = find_node(directory);
  if (!node || !node->is_directory) throw io::file_error(ENOENT, "syncing", directory);
  if (begin_change(directory)) return end_change(true, directory);
  node->sync();
}

std::uint64_t CrashFs::available_bytes(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  require_power(path);
  return 1ULL << 40U;
}

std::unique_ptr<io::Lock> CrashFs::try_lock(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  require_power(path);
  if (!find_node(path)) throw io::file_error(ENOENT, "opening", path);
  if (!locked_->insert(path).second) return nullptr;
  return std::make_unique<CrashLock>(locked_, path);
}

}  // namespace seabag::testing
