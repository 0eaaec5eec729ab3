// SPDX-License-Identifier: Apache-2.0
#include "conversion/copy_disk.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "base/error.h"
#include "disk/zeros.h"
#include "transfer/threads.h"

// Every worker takes the next two chunks that have data, reads, hashes and encodes them on its own,
// waits until the chunks before them have their places, takes their places, and writes. So the
// layout depends on the disk alone, and reading, hashing, compressing and writing overlap without a
// queue between them.

namespace seabag::conversion {
namespace {

using disk::EncodedChunk;
using disk::kChunkBytes;

// What a worker takes at once: disk::digests_of_chunks() takes two in little more time than one.
constexpr std::size_t kChunksAtOnce = 2;

// What is given up when a disk fails to read: the page that the kernel reads, or a disk's physical
// sector.
constexpr std::uint64_t kUnreadableBytes = 4096;

// Blocks that a file system shares: both XFS and btrfs use 4096 bytes, or a multiple that they then
// refuse to cut.
constexpr std::uint64_t kShareUnit = 4096;

// Of what was shared, compared at once with what was read.
constexpr std::size_t kCompareBytes = 256U << 10U;

// One thread a core works, and one more waits for the medium or its turn. More than that only take
// the caches from one another: a disk of 8 GiB to streamOptimized on two cores with 2, 4 and 8
// threads, from the cache 1.07, 1.11 and 1.19 s, from the medium 1.32, 1.13 and 1.42.
int threads_for(int jobs) {
  const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return std::min(jobs, 2 * cores);
}

class Copy {
 public:
  Copy(const disk::DiskSource& from, disk::DiskWriter* to, const CopyOptions& options,
       transfer::Progress& progress, const std::stop_token& stop)
      : from_(from),
        to_(to),
        options_(options),
        progress_(progress),
        stop_(stop),
        writing_(to == nullptr ? 0 : to->files().size()),
        hasher_(from.size()) {}

  CopyReport run() {
    transfer::run_on_threads(threads_for(options_.jobs), [&] {
      failure_.guard([&] { work(); });
      if (failure_.is_set()) wake_all();
    });
    failure_.rethrow();
    progress_.pass_hole(from_.size() - next_skipped_from_);
    CopyReport report{.content = hasher_.finish(), .data_bytes = data_bytes_, .zeroed = joined()};
    if (to_ != nullptr) to_->finish(report.content);
    return report;
  }

 private:
  struct Claim {
    std::array<std::uint64_t, kChunksAtOnce> offsets = {};
    std::size_t chunks = 0;
    std::uint64_t turn = 0;
  };

  // A chunk and the memory that it lies in.
  struct Slot {
    io::Bytes bytes;
    EncodedChunk chunk;
    bool has_data = false;
    disk::ChunkDigest digest = {};
  };

  void work() {
    std::array<Slot, kChunksAtOnce> slots;
    while (const auto claim = claim_next()) {
      copy(*claim, std::span(slots).first(claim->chunks));
    }
  }

  // Those who wait for their turn behind one that failed must not wait for ever.
  void wake_all() {
    const std::scoped_lock lock(mutex_);
    turn_changed_.notify_all();
  }

  // The next chunks of which something may be data.
  std::optional<Claim> claim_next() {
    if (stop_.stop_requested()) throw Error(Code::kCancelled, "stopped");
    const std::scoped_lock lock(mutex_);
    if (failure_.is_set()) return std::nullopt;
    Claim claim;
    while (claim.chunks < kChunksAtOnce) {
      const auto offset = next_chunk();
      if (!offset) break;
      claim.offsets[claim.chunks++] = *offset;
    }
    if (claim.chunks == 0) return std::nullopt;
    claim.turn = claimed_++;
    return claim;
  }

  std::optional<std::uint64_t> next_chunk() {
    while (next_ < from_.size()) {
      if (next_ >= extent_.offset + extent_.length) extent_ = from_.extent_at(next_);
      check(extent_.length > 0, "an extent has bytes");
      if (extent_.has_data) break;
      next_ = extent_.offset + extent_.length;
    }
    if (next_ >= from_.size()) return std::nullopt;
    const std::uint64_t offset = next_ - next_ % kChunkBytes;
    progress_.pass_hole(offset - next_skipped_from_);
    next_ = std::min(offset + kChunkBytes, from_.size());
    next_skipped_from_ = next_;
    return offset;
  }

  void copy(const Claim& claim, std::span<Slot> slots) {
    for (std::size_t i = 0; i < slots.size(); ++i) load(claim.offsets[i], slots[i]);
    hash(slots);
    if (to_ != nullptr) {
      for (Slot& slot : slots) {
        if (slot.has_data) to_->encode(slot.chunk);
      }
    }
    if (!take_turn(claim.turn, [&] { place(slots); })) return;
    for (const Slot& slot : slots) {
      write(slot.chunk);
      progress_.add_bytes(slot.chunk.data.size());
    }
  }

  void load(std::uint64_t offset, Slot& slot) {
    const auto length = std::min<std::uint64_t>(kChunkBytes, from_.size() - offset);
    slot.bytes.resize(length);
    read(offset, slot.bytes);
    slot.chunk.offset = offset;
    slot.chunk.data = slot.bytes;
    slot.chunk.pieces.clear();
    slot.has_data = !disk::is_zero(slot.chunk.data);
  }

  static void hash(std::span<Slot> slots) {
    if (slots.size() == 2 && slots[0].has_data && slots[1].has_data) {
      const auto digests = disk::digests_of_chunks(slots[0].bytes, slots[1].bytes);
      slots[0].digest = digests[0];
      slots[1].digest = digests[1];
      return;
    }
    for (Slot& slot : slots) {
      if (slot.has_data) slot.digest = disk::digest_of_chunk(slot.bytes);
    }
  }

  void place(std::span<Slot> slots) {
    for (Slot& slot : slots) {
      if (!slot.has_data) continue;
      hasher_.add(slot.chunk.offset, slot.digest);
      data_bytes_ += slot.chunk.data.size();
      if (to_ != nullptr) to_->place(slot.chunk);
    }
  }

  // False: another worker failed, and nothing was done.
  template <class Work>
  bool take_turn(std::uint64_t turn, Work work) {
    std::unique_lock lock(mutex_);
    turn_changed_.wait(lock, [&] { return turn_ == turn || failure_.is_set(); });
    if (failure_.is_set()) return false;
    work();
    ++turn_;
    turn_changed_.notify_all();
    return true;
  }

  void read(std::uint64_t offset, std::span<std::byte> out) {
    try {
      from_.read_at(offset, out);
    } catch (const Error& error) {
      if (error.code() != Code::kIo) throw;
      salvage(offset, out, error);
    }
  }

  // Finds out which parts cannot be read.
  void salvage(std::uint64_t offset, std::span<std::byte> out, const Error& reason) {
    std::vector<ZeroedRange> unreadable;
    for (std::size_t at = 0; at < out.size(); at += kUnreadableBytes) {
      const auto part = out.subspan(at, std::min<std::size_t>(kUnreadableBytes, out.size() - at));
      try {
        from_.read_at(offset + at, part);
      } catch (const Error& error) {
        if (error.code() != Code::kIo) throw;
        std::ranges::fill(part, std::byte{0});
        if (unreadable.empty() ||
            unreadable.back().offset + unreadable.back().length != offset + at) {
          unreadable.push_back({offset + at, 0});
        }
        unreadable.back().length += part.size();
      }
    }
    if (!options_.zero_unreadable && !unreadable.empty()) {
      throw Error(Code::kIo, fmt::format("{}; of the {} bytes at {} these cannot be read: {}",
                                         reason.what(), out.size(), offset, text_of(unreadable)))
          .add_next_step(
              "pass --on-read-error zero to go on with zeros there, each range being recorded");
    }
    const std::scoped_lock lock(mutex_);
    zeroed_.insert(zeroed_.end(), unreadable.begin(), unreadable.end());
  }

  static std::string text_of(const std::vector<ZeroedRange>& ranges) {
    std::string text;
    for (const ZeroedRange& range : ranges) {
      if (!text.empty()) text += ", ";
      text += fmt::format("{} bytes at {}", range.length, range.offset);
    }
    return text;
  }

  void write(const EncodedChunk& chunk) {
    for (std::size_t first = 0; first < chunk.pieces.size();) {
      const EncodedChunk::Piece& piece = chunk.pieces[first];
      std::span<const std::byte> bytes = piece.bytes;
      std::size_t end = first + 1;
      for (; end < chunk.pieces.size(); ++end) {
        const EncodedChunk::Piece& next = chunk.pieces[end];
        if (next.file != piece.file || next.offset != piece.offset + bytes.size() ||
            next.bytes.data() != bytes.data() + bytes.size()) {
          break;
        }
        bytes = {bytes.data(), bytes.size() + next.bytes.size()};
      }
      if (!share(chunk, piece, bytes)) {
        io::File& file = *to_->files()[piece.file];
        {
          const std::scoped_lock lock(writing_[piece.file]);
          file.write_at(piece.offset, bytes);
        }
        file.start_write_back(piece.offset, bytes.size());
      }
      first = end;
    }
  }

  // Lets the file system share what is stored as it is, where it can.
  bool share(const EncodedChunk& chunk, const EncodedChunk::Piece& piece,
             std::span<const std::byte> bytes) {
    if (!can_share_.load(std::memory_order_relaxed)) return false;
    const bool is_as_it_is = bytes.data() >= chunk.data.data() &&
                             bytes.data() + bytes.size() <= chunk.data.data() + chunk.data.size();
    const auto stored = is_as_it_is ? from_.stored_at(piece.disk_offset) : std::nullopt;
    if (!stored || stored->length < bytes.size() || bytes.size() % kShareUnit != 0 ||
        stored->offset % kShareUnit != 0 || piece.offset % kShareUnit != 0) {
      return false;
    }
    io::File& file = *to_->files()[piece.file];
    if (file.share(*stored->file, stored->offset, piece.offset, bytes.size())) {
      return holds(file, piece.offset, bytes);
    }
    can_share_ = false;  // it is for the file systems to say, and they say the same every time
    return false;
  }

  // A disk that is in use may have been written to since it was read, and what is shared then is
  // not what was hashed. From here on nobody can write to it.
  static bool holds(const io::File& file, std::uint64_t offset, std::span<const std::byte> bytes) {
    io::Bytes there(std::min<std::size_t>(bytes.size(), kCompareBytes));
    for (std::size_t at = 0; at < bytes.size(); at += there.size()) {
      const std::span part = std::span(there).first(std::min(there.size(), bytes.size() - at));
      file.read_at(offset + at, part);
      if (std::memcmp(part.data(), bytes.data() + at, part.size()) != 0) return false;
    }
    return true;
  }

  std::vector<ZeroedRange> joined() {
    std::ranges::sort(zeroed_, {}, &ZeroedRange::offset);
    std::vector<ZeroedRange> ranges;
    for (const ZeroedRange& range : zeroed_) {
      if (!ranges.empty() && ranges.back().offset + ranges.back().length == range.offset) {
        ranges.back().length += range.length;
      } else {
        ranges.push_back(range);
      }
    }
    return ranges;
  }

  const disk::DiskSource& from_;
  disk::DiskWriter* to_;
  CopyOptions options_;
  transfer::Progress& progress_;
  const std::stop_token& stop_;
  transfer::FirstFailure failure_;
  std::atomic<bool> can_share_ = true;

  // By file: the kernel lets one writer in at a time, and the others spin on the inode's lock
  // meanwhile (ext4: 3 to 8 % of the processor time of a disk of 8 GiB on two cores).
  std::vector<std::mutex> writing_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable turn_changed_;
  disk::Extent extent_;                  // the one that next_ is in, or the one before
  std::uint64_t next_ = 0;               // nothing before it is to be read any more
  std::uint64_t next_skipped_from_ = 0;  // end of the last chunk that was claimed
  std::uint64_t claimed_ = 0;            // claims
  std::uint64_t turn_ = 0;               // of the claim that gets its places next
  disk::ContentHasher hasher_;
  std::uint64_t data_bytes_ = 0;
  std::vector<ZeroedRange> zeroed_;
};

}  // namespace

CopyReport copy_disk(const disk::DiskSource& from, disk::DiskWriter* to, const CopyOptions& options,
                     transfer::Progress& progress, const std::stop_token& stop) {
  return Copy(from, to, options, progress, stop).run();
}

}  // namespace seabag::conversion
