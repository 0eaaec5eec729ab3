// SPDX-License-Identifier: Apache-2.0
#include "io/posix_file_system.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <system_error>

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <dirent.h>
#include <fmt/format.h>

#include "base/arith.h"
#include "base/error.h"
#include "base/text.h"

namespace seabag::io {

Error file_error(int error_number, const std::string& action, const std::string& path) {
  const std::string text =
      fmt::format("{} {}: {}", action, quoted(path), std::generic_category().message(error_number));
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return {Code::kNotABundle, text};
    case ENOSPC:
    case EDQUOT:
      return Error(Code::kNoSpace, text)
          .add_next_step("free some space there, or choose another place");
    case EACCES:
    case EPERM:
    case EROFS:
    case EEXIST:
      return {Code::kPermission, text};
    case EFBIG:
    case ENAMETOOLONG:
      return Error(Code::kMediumUnfit, text)
          .add_next_step(
              "the file system or a limit (ulimit -f) forbids this; smaller files: --tarball-size "
              "for "
              "images, vmdk-2gb for disks");
    case EBUSY:
      return Error(Code::kPermission, text)
          .add_next_step("something uses it: unmount it, or take it out of its volume group first");
    case EMFILE:
    case ENFILE:
      return Error(Code::kIo, text)
          .add_next_step("every file of a bundle is open at once: raise the limit (ulimit -n)");
    case EISDIR:
      return {Code::kMalformed, text};
    case ELOOP:
      return {Code::kMalformed, text + " (a symbolic link is not followed here)"};
    default:
      return {Code::kIo, text};
  }
}

namespace {

// Something new is to be made: where its directory is not there, another place was meant.
Error creation_error(int error_number, const std::string& action, const std::string& path) {
  Error error = file_error(error_number, action, path);
  if (error_number != ENOENT && error_number != ENOTDIR) return error;
  return Error(Code::kUsage, error.what())
      .add_next_step("make its directory first, or choose another place");
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

FileId id_of(const struct stat& status) {
  return {.device = status.st_dev, .inode = status.st_ino};
}

class PosixFile : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  const std::string& path() const override { return path_; }
  int descriptor() const override { return fd_.get(); }

  std::optional<FileId> id() const override {
    struct stat status = {};
    if (::fstat(fd_.get(), &status) != 0) throw file_error(errno, "looking at", path_);
    return id_of(status);
  }

  std::uint64_t size() const override {
    struct stat status = {};
    if (::fstat(fd_.get(), &status) != 0) throw file_error(errno, "reading the size of", path_);
    if (!S_ISBLK(status.st_mode)) return narrow<std::uint64_t>(status.st_size);
    const off_t end = ::lseek(fd_.get(), 0, SEEK_END);
    if (end < 0) throw file_error(errno, "reading the size of", path_);
    return narrow<std::uint64_t>(end);
  }

  FileExtent extent_at(std::uint64_t offset) const override {
    const std::uint64_t rest = size() - offset;
    const off_t data = ::lseek(fd_.get(), narrow<off_t>(offset), SEEK_DATA);
    // ENXIO: no data up to the end. All else (EINVAL: a device, a file system that does not know):
    // a hint is not to be had, and reading finds out.
    if (data < 0) return {rest, errno != ENXIO};
    const std::uint64_t begin = narrow<std::uint64_t>(data) - offset;
    if (begin > 0) return {std::min(begin, rest), false};
    const off_t hole = ::lseek(fd_.get(), narrow<off_t>(offset), SEEK_HOLE);
    if (hole <= data) return {rest, true};
    return {std::min(narrow<std::uint64_t>(hole) - offset, rest), true};
  }

  bool share(const File& from, std::uint64_t from_offset, std::uint64_t offset,
             std::uint64_t length) override {
    file_clone_range range = {};
    range.src_fd = from.descriptor();
    range.src_offset = from_offset;
    range.src_length = length;
    range.dest_offset = offset;
    if (::ioctl(fd_.get(), FICLONERANGE, &range) == 0) return true;
    if (errno == EIO || errno == ENOSPC || errno == EDQUOT || errno == EFBIG) {
      throw file_error(errno, fmt::format("sharing {} bytes at {} of", length, offset), path_);
    }
    return false;
  }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    while (!out.empty()) {
      const ssize_t n = ::pread(fd_.get(), out.data(), out.size(), narrow<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int reason = errno;
        read_no_more_than_asked(offset, out.size());
        throw file_error(reason, fmt::format("reading {} bytes at {} of", out.size(), offset),
                         path_);
      }
      if (n == 0) {
        const std::uint64_t end = std::min(offset, size());
        throw Error(Code::kIntegrity, fmt::format("{} ends at {}, expected {} more bytes",
                                                  quoted(path_), end, offset + out.size() - end));
      }
      offset += static_cast<std::uint64_t>(n);
      out = out.subspan(static_cast<std::size_t>(n));
    }
  }

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), narrow<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        throw file_error(errno, fmt::format("writing {} bytes at {} of", bytes.size(), offset),
                         path_);
      }
      // pwrite(2) may return 0 only for a length of 0; a file system that does it anyway would hang
      // us.
      if (n == 0) throw file_error(EIO, "writing", path_);
      offset += static_cast<std::uint64_t>(n);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }

  void resize(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), narrow<off_t>(size)) != 0) {
      throw file_error(errno, fmt::format("setting {} bytes as the size of", size), path_);
    }
  }

  void zero(std::uint64_t offset, std::uint64_t length) override {
    if (length == 0) return;
    int result = 0;
    do {
      result = ::fallocate(fd_.get(), FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                           narrow<off_t>(offset), narrow<off_t>(length));
    } while (result != 0 && errno == EINTR);
    if (result == 0) return;
    if (errno == ENOSPC || errno == EDQUOT || errno == EIO) {
      throw file_error(errno, fmt::format("writing {} zeros at {} of", length, offset), path_);
    }
    File::zero(offset, length);
  }

  void reserve(std::uint64_t size) override {
    if (size == 0) return;
    // fallocate(2) itself, not posix_fallocate(3): glibc's falls back to writing zeros. The size
    // stays, so that it is the same where this is not supported.
    int result = 0;
    do {
      result = ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, narrow<off_t>(size));
    } while (result != 0 && errno == EINTR);
    if (result == 0) return;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO) {
      throw file_error(errno, fmt::format("reserving {} bytes for", size), path_);
    }
  }

  // Without the flags that wait, sync_file_range(2) takes no error away that fsync(2) would report.
  void start_write_back(std::uint64_t offset, std::uint64_t length) override {
    ::sync_file_range(fd_.get(), narrow<off_t>(offset), narrow<off_t>(length),
                      SYNC_FILE_RANGE_WRITE);
  }

  void sync() override {
    if (::fsync(fd_.get()) != 0) throw file_error(errno, "syncing", path_);
  }

  void close() override {
    if (::close(fd_.release()) != 0 && errno != EINTR) throw file_error(errno, "closing", path_);
  }

 private:
  // Linux reads disks in runs of up to 2 MiB, and takes all of a run for unreadable where one
  // sector is, also when it is asked again. Told to read only what is asked for, and to forget what
  // it has there, it gives to who comes back with smaller parts all that can be read.
  void read_no_more_than_asked(std::uint64_t offset, std::size_t length) const {
    constexpr std::uint64_t kRunBytes = 2U << 20U;
    const std::uint64_t begin = offset - offset % kRunBytes;
    const std::uint64_t end = round_up(offset + length, kRunBytes);
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_RANDOM);
    ::posix_fadvise(fd_.get(), narrow<off_t>(begin), narrow<off_t>(end - begin),
                    POSIX_FADV_DONTNEED);
  }

  Descriptor fd_;
  std::string path_;
};

// Source: Microsoft, "FAT32 File System Specification": the size is a field of 32 bits.
constexpr std::uint64_t kLargestOnFat = 0xFFFF'FFFF;

class PosixLock : public Lock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;
};

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::kRegular;
  return S_ISDIR(mode) ? FileKind::kDirectory : FileKind::kOther;
}

Error not_regular(const std::string& path) {
  return {Code::kMalformed, fmt::format("{} is not a regular file", quoted(path))};
}

class PosixFileSystem : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::string& path, OpenMode mode) override {
    // O_NONBLOCK: opening a FIFO must fail the test below, not hang.
    int flags = O_CLOEXEC | O_NONBLOCK;
    if (mode != OpenMode::kReadDisk && mode != OpenMode::kWriteDevice) flags |= O_NOFOLLOW;
    if (mode == OpenMode::kReadWrite) flags |= O_RDWR;
    if (mode == OpenMode::kCreateNew) flags |= O_RDWR | O_CREAT | O_EXCL;
    // Without O_CREAT, O_EXCL asks that nobody uses the device (open(2)).
    if (mode == OpenMode::kWriteDevice) flags |= O_RDWR | O_EXCL;
    const int fd = ::open(path.c_str(), flags, 0666);
    if (fd < 0 && errno == ENXIO) throw not_regular(path);  // a socket
    if (fd < 0 && mode == OpenMode::kCreateNew) throw creation_error(errno, "creating", path);
    if (fd < 0) throw file_error(errno, "opening", path);
    auto file = std::make_unique<PosixFile>(fd, path);
    struct stat status = {};
    if (::fstat(fd, &status) != 0) throw file_error(errno, "opening", path);
    const bool is_device = S_ISBLK(status.st_mode);
    if (mode == OpenMode::kWriteDevice) {
      if (!is_device) throw Error(Code::kUsage, quoted(path) + " is not a block device");
    } else if (!S_ISREG(status.st_mode) && !(is_device && mode == OpenMode::kReadDisk)) {
      throw not_regular(path);
    }
    return file;
  }

  std::optional<FileInfo> find(const std::string& path) override {
    struct stat status = {};
    if (::lstat(path.c_str(), &status) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      throw file_error(errno, "looking at", path);
    }
    return FileInfo{kind_of(status.st_mode), narrow<std::uint64_t>(status.st_size)};
  }

  std::optional<FileId> identify(const std::string& path) override {
    struct stat status = {};
    if (::stat(path.c_str(), &status) == 0) return id_of(status);
    if (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP) {
      return std::nullopt;
    }
    throw file_error(errno, "looking at", path);
  }

  std::vector<DirectoryEntry> list(const std::string& directory) override {
    struct Close {
      void operator()(DIR* handle) const noexcept { ::closedir(handle); }
    };
    const std::unique_ptr<DIR, Close> handle(::opendir(directory.c_str()));
    if (!handle) throw file_error(errno, "listing", directory);
    std::vector<DirectoryEntry> entries;
    for (;;) {
      errno = 0;
      // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone.
      const dirent* entry = ::readdir(handle.get());
      if (entry == nullptr) {
        if (errno != 0) throw file_error(errno, "listing", directory);
        break;
      }
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      const auto info = find(join(directory, name));
      if (info) entries.push_back({name, info->kind});
    }
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }

  void create_directory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0777) != 0) {
      throw creation_error(errno, "creating the directory", path);
    }
  }

  void rename(const std::string& from, const std::string& to) override {
    const auto moved = find(from);
    // rename(2) would put a directory in the place of an empty one.
    if (moved && moved->kind == FileKind::kDirectory && find(to)) {
      throw file_error(EEXIST, fmt::format("renaming {} to", quoted(from)), to);
    }
    if (::rename(from.c_str(), to.c_str()) != 0) {
      throw file_error(errno, fmt::format("renaming {} to", quoted(from)), to);
    }
  }

  void remove_file(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) throw file_error(errno, "removing", path);
  }

  void remove_directory(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0) throw file_error(errno, "removing the directory", path);
  }

  void sync_directory(const std::string& directory) override {
    const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) throw file_error(errno, "opening", directory);
    if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) {
      throw file_error(errno, "syncing the directory", directory);
    }
  }

  std::uint64_t available_bytes(const std::string& path) override {
    struct statvfs status = {};
    if (::statvfs(path.c_str(), &status) != 0) {
      throw file_error(errno, "reading the free space of", path);
    }
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  }

  std::uint64_t largest_file(const std::string& path) override {
    rlimit limit = {};
    std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
      largest = limit.rlim_cur;
    }
    struct statfs status = {};
    if (::statfs(path.c_str(), &status) != 0) {
      throw file_error(errno, "looking at the file system of", path);
    }
    return status.f_type == MSDOS_SUPER_MAGIC ? std::min(largest, kLargestOnFat) : largest;
  }

  std::string place_of(const std::string& path) override {
    struct stat status = {};
    if (::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode)) {
      return fmt::format("block device {}:{}", major(status.st_rdev), minor(status.st_rdev));
    }
    struct Free {
      void operator()(char* text) const noexcept { std::free(text); }
    };
    const std::unique_ptr<char, Free> real(::realpath(path.c_str(), nullptr));
    if (real) return real.get();
    const std::string parent = parent_of(path);
    return parent == path ? path : join(place_of(parent), base_name_of(path));
  }

  std::unique_ptr<Lock> try_lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) throw file_error(errno, "opening", path);
    auto lock = std::make_unique<PosixLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno == EWOULDBLOCK) return nullptr;
    throw file_error(errno, "locking", path);
  }
};

}  // namespace

std::unique_ptr<FileSystem> posix_file_system() {
  return std::make_unique<PosixFileSystem>();
}

}  // namespace seabag::io
