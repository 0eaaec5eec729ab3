// SPDX-License-Identifier: Apache-2.0
#include "testing/fault_fs.h"

#include <algorithm>

#include <fmt/format.h>

#include "io/posix_file_system.h"

namespace seabag::testing {
namespace {

Error error_of(const Fault& fault, const std::string& path) {
  return io::file_error(fault.error_number,
                        fmt::format("({} fails by script)", name_of(fault.operation)), path);
}

}  // namespace

const char* name_of(Operation operation) {
  switch (operation) {
    case Operation::kOpen:
      return "open";
    case Operation::kRead:
      return "read";
    case Operation::kWrite:
      return "write";
    case Operation::kResize:
      return "resize";
    case Operation::kReserve:
      return "reserve";
    case Operation::kSync:
      return "sync";
    case Operation::kClose:
      return "close";
    case Operation::kRename:
      return "rename";
    case Operation::kRemove:
      return "remove";
    case Operation::kMakeDirectory:
      return "mkdir";
    case Operation::kSyncDirectory:
      return "sync_directory";
  }
  return "?";
}

class FaultFile : public io::File {
 public:
  FaultFile(FaultFs& files, std::unique_ptr<io::File> inner)
      : files_(files), inner_(std::move(inner)) {}

  const std::string& path() const override { return inner_->path(); }
  std::uint64_t size() const override { return inner_->size(); }
  int descriptor() const override { return inner_->descriptor(); }
  std::optional<io::FileId> id() const override { return inner_->id(); }
  io::FileExtent extent_at(std::uint64_t offset) const override {
    if (!files_.finds_data_) return {.length = size() - offset, .is_stored = false};
    return inner_->extent_at(offset);
  }

  bool share(const io::File& from, std::uint64_t from_offset, std::uint64_t offset,
             std::uint64_t length) override {
    files_.pass(Operation::kWrite, path());
    return inner_->share(from, from_offset, offset, length);
  }

  void read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (files_.before_reads_) files_.before_reads_(offset + out.size());
    files_.pass(Operation::kRead, path());
    inner_->read_at(offset, out);
  }

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override {
    const auto fault = files_.met(Operation::kWrite, path());
    if (!fault) return inner_->write_at(offset, bytes);
    if (fault->writes_short) inner_->write_at(offset, bytes.first(bytes.size() / 2));
    throw error_of(*fault, path());
  }

  void resize(std::uint64_t size) override {
    files_.pass(Operation::kResize, path());
    inner_->resize(size);
  }

  void zero(std::uint64_t offset, std::uint64_t length) override {
    files_.pass(Operation::kWrite, path());
    inner_->zero(offset, length);
  }

  void reserve(std::uint64_t size) override {
    files_.pass(Operation::kReserve, path());
    inner_->reserve(size);
  }

  void sync() override {
    files_.pass(Operation::kSync, path());
    inner_->sync();
  }

  void close() override {
    const auto fault = files_.met(Operation::kClose, path());
    inner_->close();
    if (fault) throw error_of(*fault, path());
  }

 private:
  FaultFs& files_;
  std::unique_ptr<io::File> inner_;
};

void FaultFs::fail(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault.nth +=
      calls_[static_cast<std::size_t>(fault.operation)];  // from now on it counts all calls
  faults_.push_back(fault);
}

void FaultFs::forget_faults() {
  const std::lock_guard lock(mutex_);
  faults_.clear();
}

int FaultFs::calls(Operation operation) const {
  const std::lock_guard lock(mutex_);
  return calls_[static_cast<std::size_t>(operation)];
}

std::optional<Fault> FaultFs::met(Operation operation, const std::string& path) {
  if (!spared_.empty() && path.starts_with(spared_)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const int call = ++calls_[static_cast<std::size_t>(operation)];
  const auto found = std::ranges::find_if(faults_, [&](const Fault& fault) {
    return fault.operation == operation &&
           (call == fault.nth || (fault.for_ever && call > fault.nth));
  });
  if (found == faults_.end()) return std::nullopt;
  return *found;
}

void FaultFs::pass(Operation operation, const std::string& path) {
  if (const auto fault = met(operation, path)) throw error_of(*fault, path);
}

std::unique_ptr<io::File> FaultFs::open(const std::string& path, io::OpenMode mode) {
  pass(Operation::kOpen, path);
  return std::make_unique<FaultFile>(*this, inner_.open(path, mode));
}

void FaultFs::create_directory(const std::string& path) {
  pass(Operation::kMakeDirectory, path);
  inner_.create_directory(path);
}

void FaultFs::rename(const std::string& from, const std::string& to) {
  pass(Operation::kRename, to);
  inner_.rename(from, to);
}

void FaultFs::remove_file(const std::string& path) {
  pass(Operation::kRemove, path);
  inner_.remove_file(path);
}

void FaultFs::remove_directory(const std::string& path) {
  pass(Operation::kRemove, path);
  inner_.remove_directory(path);
}

void FaultFs::sync_directory(const std::string& directory) {
  pass(Operation::kSyncDirectory, directory);
  inner_.sync_directory(directory);
}

}  // namespace seabag::testing
