// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/bytes.h"

namespace seabag::io {

/// A run of a file. What is not stored reads as zeros.
struct FileExtent {
  std::uint64_t length = 0;
  bool is_stored = true;
};

/// Which file or directory something is, whatever it is called.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  friend bool operator==(const FileId&, const FileId&) = default;
};

/// An open regular file, or a block device that the user named.
///
/// Errors:  kIo, kNoSpace, kPermission or kMediumUnfit (the file would be too large), naming the
/// path. Threads: read_at() and write_at() may run concurrently on ranges that do not overlap.
class File {
 public:
  virtual ~File() = default;
  virtual const std::string& path() const = 0;
  virtual std::uint64_t size() const = 0;
  /// Fills all of `out`. Errors: also kIntegrity if the file ends before.
  virtual void read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
  /// Writes all of `bytes`, beyond the end too.
  virtual void write_at(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  virtual void resize(std::uint64_t size) = 0;
  /// The range reads as zeros afterwards; it is not written where the file system or device can do
  /// it otherwise. Requires: it lies within size().
  virtual void zero(std::uint64_t offset, std::uint64_t length);
  /// Claims the space of the first `size` bytes where the file system can do that without writing;
  /// elsewhere does nothing. size() stays as it is. Errors: kNoSpace.
  virtual void reserve(std::uint64_t size) = 0;
  /// Asks that what was written in the range gets on its way to the medium, so that sync() has less
  /// to wait for. Promises nothing, and reports nothing: that is for sync().
  virtual void start_write_back(std::uint64_t /*offset*/, std::uint64_t /*length*/) {}
  /// All that was written is on the medium when this returns. A failure is final for the file:
  /// the kernel may have dropped the pages, so a second sync() proves nothing.
  virtual void sync() = 0;
  /// Closes and reports what only close(2) reports (NFS, quotas). Not called: closed silently.
  virtual void close() = 0;
  /// The run of bytes that begins at `offset`: stored, or a hole that reads as zeros. As long as
  /// the file system tells; stored up to the end where it tells nothing. Requires: offset < size().
  virtual FileExtent extent_at(std::uint64_t offset) const;
  /// Lets this file share `length` bytes of `from`; false, and nothing done, where the file systems
  /// cannot: the caller copies. Offsets and length are multiples of the file system's block.
  virtual bool share(const File& from, std::uint64_t from_offset, std::uint64_t offset,
                     std::uint64_t length);
  /// The kernel's handle, for libraries that read the open file by "/proc/self/fd/N"; -1: none.
  virtual int descriptor() const = 0;
  /// Nothing where the file system does not tell.
  virtual std::optional<FileId> id() const { return std::nullopt; }
};

enum class OpenMode {
  kRead,         ///< must exist and be a regular file; a symbolic link is refused
  kReadWrite,    ///< the same
  kCreateNew,    ///< must not exist; read and write, mode 0666 less the umask
  kReadDisk,     ///< a regular file or a block device that the user named: links are followed
  kWriteDevice,  ///< a block device that nobody uses: neither mounted nor a member of a volume
};

enum class FileKind { kRegular, kDirectory, kOther };  ///< kOther: links, devices, pipes, sockets

struct FileInfo {
  FileKind kind = FileKind::kOther;
  std::uint64_t size = 0;
};

struct DirectoryEntry {
  std::string name;
  FileKind kind = FileKind::kOther;
};

/// A lock that is held until it is destroyed or the process ends.
class Lock {
 public:
  virtual ~Lock() = default;
};

/// Every touch of the file system goes through here, so that a test can fail or kill at each call.
///
/// Errors:  kIo, kNoSpace, kPermission, kNotABundle (open of a path that does not exist),
///          kUsage (making something in a directory that does not exist), kMalformed (a path that
///          is not of the kind asked for); all name the path.
/// Threads: may be called concurrently.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual std::unique_ptr<File> open(const std::string& path, OpenMode mode) = 0;
  /// What lies at `path`, without following a symbolic link there; nothing if there is nothing.
  virtual std::optional<FileInfo> find(const std::string& path) = 0;
  /// What `path` leads to, links followed; nothing if it leads nowhere, or out of sight, or where
  /// the file system does not tell.
  virtual std::optional<FileId> identify(const std::string& /*path*/) { return std::nullopt; }
  /// Sorted by name, without "." and "..".
  virtual std::vector<DirectoryEntry> list(const std::string& directory) = 0;
  /// The parent must exist. Errors: kPermission, also if the path exists.
  virtual void create_directory(const std::string& path) = 0;
  /// Replaces a file at `to`. A directory moves only onto a path that does not exist; else
  /// kPermission.
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void remove_file(const std::string& path) = 0;
  virtual void remove_directory(const std::string& path) = 0;
  /// The names in `directory` are on the medium when this returns. File systems that cannot do that
  /// (EINVAL, ENOSYS, ENOTSUP) are let off; EIO is not.
  virtual void sync_directory(const std::string& directory) = 0;
  /// Bytes that an unprivileged user can still write where `path` lies.
  virtual std::uint64_t available_bytes(const std::string& path) = 0;
  /// Bytes that one file can have where `path` lies, as far as that is told beforehand: FAT ends
  /// before 4 GiB, and the process may have a limit (ulimit -f).
  virtual std::uint64_t largest_file(const std::string& path);
  /// The same text for all paths that lead to one place: links are followed as far as something is
  /// there, and a block device is told by its number.
  virtual std::string place_of(const std::string& path);
  /// Takes an exclusive lock on the file or directory at `path`; nothing if another process holds
  /// it.
  virtual std::unique_ptr<Lock> try_lock(const std::string& path) = 0;
};

/// "a/b" from ("a", "b").
std::string join(const std::string& directory, const std::string& name);
/// "a" from "a/b", "." from "b", "/" from "/b".
std::string parent_of(const std::string& path);
/// "b" from "a/b" and from "a/b/".
std::string base_name_of(const std::string& path);

/// The whole file. Errors: as open(); kMalformed if it is larger than `max_bytes`.
Bytes read_file(FileSystem& files, const std::string& path, std::uint64_t max_bytes);

/// Creates `path` with these bytes, synced. The path must not exist. The caller syncs the
/// directory.
void write_new_file(FileSystem& files, const std::string& path, std::span<const std::byte> bytes);

/// Puts these bytes at `path` so that a reader, or a crash, meets the old bytes or the new, never a
/// mix: written beside, synced, renamed, directory synced.
void replace_file(FileSystem& files, const std::string& path, std::span<const std::byte> bytes);

/// Creates `path` and what lacks above it, durably.
void create_directories(FileSystem& files, const std::string& path);

/// Whether `path`, which need not exist, would lie in `directory` or is it, at any depth, whatever
/// links lead there. A link at the end of `path` counts as what it leads to only if that is a
/// directory: a new file takes the place of the link.
bool lies_in(FileSystem& files, const std::string& directory, const std::string& path);

/// Removes `path` and all in it; links are removed, not followed. Nothing there: nothing done.
void remove_tree(FileSystem& files, const std::string& path);

}  // namespace seabag::io
