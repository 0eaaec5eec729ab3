// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/blob_source.h"
#include "io/byte_sink.h"
#include "transfer/progress.h"
#include "transfer/rate_limit.h"

/// Stages of a blob's way that count and slow down. Each takes the next by reference and lives on
/// the stack of the worker that runs it.
namespace seabag::transfer {

/// Counts what passes and keeps to the rate. Errors: those of `next`; kCancelled.
class MeteredSink : public io::ByteSink {
 public:
  MeteredSink(io::ByteSink& next, Progress& progress, RateLimit& limit);
  void write(std::span<const std::byte> chunk) override;
  void finish() override;

 private:
  io::ByteSink& next_;
  Progress& progress_;
  RateLimit& limit_;
};

/// The same for bytes that are read to be sent.
class MeteredSource : public io::BlobSource {
 public:
  MeteredSource(const io::BlobSource& from, Progress& progress, RateLimit& limit);
  std::uint64_t size() const override;
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  const io::BlobSource& from_;
  Progress& progress_;
  RateLimit& limit_;
};

}  // namespace seabag::transfer
