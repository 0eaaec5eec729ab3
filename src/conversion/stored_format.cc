// SPDX-License-Identifier: Apache-2.0
#include "conversion/stored_format.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "io/bytes.h"
#include "vhd/footer.h"
#include "vmdk/descriptor.h"
#include "vmdk/header.h"

namespace seabag::conversion {
namespace {

Error not_ours(const io::File& file, const char* what) {
  return {Code::kMalformed, fmt::format("{} is not {}", seabag::quoted(file.path()), what)};
}

OutputFormat vhd_format_of(const io::File& file) {
  vhd::FooterBytes footer = {};
  if (file.size() < footer.size()) throw not_ours(file, "a VHD");
  file.read_at(file.size() - footer.size(), footer);
  if (vhd::find_footer_fault(footer)) throw not_ours(file, "a VHD with a footer");
  return vhd::decode_footer(footer).type == vhd::DiskType::kFixed ? OutputFormat::kVhdFixed
                                                                  : OutputFormat::kVhd;
}

OutputFormat described_format_of(const io::File& file) {
  if (file.size() > limits::kVmdkDescriptorBytes) throw not_ours(file, "a VMDK descriptor");
  io::Bytes text(file.size());
  file.read_at(0, text);
  const vmdk::Descriptor descriptor = vmdk::parse_descriptor(io::text_of(text));
  if (descriptor.create_type == "monolithicFlat") return OutputFormat::kVmdkFlat;
  if (descriptor.create_type == "twoGbMaxExtentSparse") return OutputFormat::kVmdk2Gb;
  throw not_ours(file, "a VMDK that a bundle holds");
}

OutputFormat vmdk_format_of(const io::File& file) {
  vmdk::SectorBytes begin = {};
  const auto read = std::span(begin).first(std::min<std::uint64_t>(begin.size(), file.size()));
  file.read_at(0, read);
  switch (vmdk::signature_of(begin)) {
    case vmdk::Signature::kText:
      return described_format_of(file);
    case vmdk::Signature::kSparse:
      return vmdk::decode_header(begin).has(vmdk::kIsCompressed) ? OutputFormat::kVmdk
                                                                 : OutputFormat::kVmdkSparse;
    default:
      throw not_ours(file, "a VMDK that a bundle holds");
  }
}

}  // namespace

OutputFormat stored_format_of(const io::File& main) {
  if (main.path().ends_with(".raw")) return OutputFormat::kRaw;
  if (main.path().ends_with(".vhd")) return vhd_format_of(main);
  if (main.path().ends_with(".vmdk")) return vmdk_format_of(main);
  throw not_ours(main, "named as the disks of a bundle are");
}

}  // namespace seabag::conversion
