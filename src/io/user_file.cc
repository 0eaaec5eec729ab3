// SPDX-License-Identifier: Apache-2.0
#include "io/user_file.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "io/memory_sink.h"
#include "io/posix_file_system.h"

namespace seabag::io {
namespace {

Bytes read_to_end(int fd, const std::string& path, std::uint64_t max_bytes) {
  MemorySink sink(max_bytes, quoted(path));
  std::array<std::byte, 4096> buffer = {};
  for (;;) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw file_error(errno, "reading", path);
    if (n == 0) return sink.take();
    sink.write(std::span(buffer).first(static_cast<std::size_t>(n)));
  }
}

// Closes what it holds; standard input stays open.
class Input {
 public:
  explicit Input(const std::string& path)
      : fd_(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) {
      throw Error(Code::kUsage, fmt::format("opening {}: {}", quoted(path),
                                            std::generic_category().message(errno)));
    }
  }
  ~Input() {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Bytes read_user_file(const std::string& path, std::uint64_t max_bytes) {
  const Input input(path);
  return read_to_end(input.fd(), path, max_bytes);
}

}  // namespace seabag::io
