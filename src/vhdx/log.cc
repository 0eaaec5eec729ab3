// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/bytes.h"
#include "vhdx/crc32c.h"
#include "vhdx/log_internal.h"

namespace seabag::vhdx {
namespace {

constexpr std::size_t kLogSectorBytes = 4096;  // entries begin at its multiples

// Entries do not overlap, and those of the round before not each other: checksums of twice the log
// are the most that an honest one costs.
constexpr std::uint64_t kRounds = 4;

constexpr std::string_view kReplay =
    "work on a copy: attach it once in Hyper-V (Mount-VHD), or qemu-img check -r all COPY";

class LogSearch {
 public:
  LogSearch(const io::File& file, const LogPlace& log) : file_(file), log_(log) {}

  // Where an intact entry begins.
  std::optional<std::uint64_t> find_entry() {
    for (std::uint64_t at = 0; at < log_.region.length; at += kLogSectorBytes) {
      if (is_entry(at)) return at;
    }
    return std::nullopt;
  }

 private:
  bool is_entry(std::uint64_t at) {
    std::array<std::byte, 64> head = {};
    file_.read_at(log_.region.offset + at, head);
    const auto length = load_little_endian<std::uint32_t>(head, 8);
    const bool is_plausible = io::text_of(head).starts_with("loge") &&
                              load_guid(head, 32) == log_.guid && length > 0 &&
                              length % kLogSectorBytes == 0 && length <= log_.region.length &&
                              load_little_endian<std::uint64_t>(head, 16) > 0;  // sequence number
    return is_plausible && checksum(at, length) == load_little_endian<std::uint32_t>(head, 4);
  }

  // Of an entry, which may go on at the beginning of the log; its own field counts as zero.
  std::uint32_t checksum(std::uint64_t at, std::uint64_t length) {
    summed_ += length;
    if (summed_ > kRounds * log_.region.length) {
      throw Error(Code::kUnsupported,
                  fmt::format("{}: what the log at {} holds overlaps, so that it is not to be told "
                              "whether there is something to replay",
                              quoted(file_.path()), log_.region.offset))
          .add_next_step(kReplay);
    }
    std::array<std::byte, kLogSectorBytes> sector = {};
    std::uint32_t crc = 0;
    for (std::uint64_t done = 0; done < length; done += sector.size()) {
      file_.read_at(log_.region.offset + (at + done) % log_.region.length, sector);
      if (done == 0) store_little_endian(std::span(sector), 4, std::uint32_t{0});
      crc = crc32c(sector, crc);
    }
    return crc;
  }

  const io::File& file_;
  LogPlace log_;
  std::uint64_t summed_ = 0;
};

}  // namespace

void require_empty_log(const io::File& file, const LogPlace& log) {
  if (log.guid == Guid() || log.region.length == 0) return;
  if (log.region.length > limits::kVhdxLogBytes) {
    throw Error(Code::kUnsupported,
                fmt::format("{}: a log in use of {} bytes, at most {} are searched",
                            quoted(file.path()), log.region.length, limits::kVhdxLogBytes))
        .add_next_step(kReplay);
  }
  if (const auto entry = LogSearch(file, log).find_entry()) {
    throw Error(Code::kUnsupported,
                fmt::format("{}: was not closed: the log has an entry to replay at {}",
                            quoted(file.path()), log.region.offset + *entry))
        .add_next_step(kReplay);
  }
}

}  // namespace seabag::vhdx
