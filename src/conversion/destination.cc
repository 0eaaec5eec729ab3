// SPDX-License-Identifier: Apache-2.0
#include "conversion/destination.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/arith.h"
#include "base/text.h"

namespace seabag::conversion {
namespace {

constexpr std::uint64_t kKiB = 1ULL << 10U;
constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr std::uint64_t kGiB = 1ULL << 30U;
constexpr std::uint64_t kTiB = 1ULL << 40U;

struct Rule {
  Destination destination;
  std::string_view name;
  std::vector<OutputFormat> formats;  // the first is the default
  std::uint64_t min_size;
  std::uint64_t max_size;
  std::uint64_t multiple;
};

const std::array<Rule, 6>& rules() {
  using enum OutputFormat;
  static const std::array<Rule, 6> kRules = {
      // Upload of a managed disk: whole MiB, with a footer of 512 bytes 20,972,032 to
      // 35,183,298,347,520 bytes. The documentation calls the latter 32 TiB; it is 32,767 GiB.
      Rule{Destination::kAzure, "azure", {kVhdFixed}, 20 * kMiB, 32767 * kGiB, kMiB},
      // Image templates: "100 GB", boot volume alone; converts VMDK to VHD itself.
      Rule{Destination::kIbmClassic, "ibm-classic", {kVhd, kVhdFixed, kVmdk}, 512, 100 * kGiB, 512},
      Rule{Destination::kXenServer, "xenserver", {kVhd}, 512, 2040 * kGiB, 512},
      // The largest volume that VM Import makes.
      Rule{Destination::kAws, "aws", {kVmdk, kVhd, kVhdFixed, kRaw}, 512, 16 * kTiB, 512},
      // VMware's specification wants whole grains; VirtualBox rounds a capacity up to them as well.
      Rule{Destination::kVsphere, "vsphere", {kVmdk}, 64 * kKiB, 62 * kTiB, 64 * kKiB},
      Rule{Destination::kHyperV, "hyper-v", {kVhd, kVhdFixed}, 512, 2040 * kGiB, 512}};
  return kRules;
}

const Rule& rule_of(Destination destination) {
  return *std::ranges::find(rules(), destination, &Rule::destination);
}

}  // namespace

std::string_view name_of(Destination destination) {
  return rule_of(destination).name;
}

std::optional<Destination> find_destination(std::string_view name) {
  const auto found = std::ranges::find(rules(), name, &Rule::name);
  if (found == rules().end()) return std::nullopt;
  return found->destination;
}

std::string destination_names() {
  std::vector<std::string_view> names;
  for (const Rule& rule : rules()) names.push_back(rule.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

OutputFormat default_format(Destination destination) {
  return rule_of(destination).formats.front();
}

std::uint64_t size_for(Destination destination, OutputFormat format, std::uint64_t size) {
  const Rule& rule = rule_of(destination);
  if (std::ranges::find(rule.formats, format) == rule.formats.end()) {
    std::vector<std::string_view> names;
    for (const OutputFormat taken : rule.formats) names.push_back(name_of(taken));
    throw Error(Code::kUsage, fmt::format("{} does not take {} disks", rule.name, name_of(format)))
        .add_next_step(fmt::format("pass --disk-format {}", fmt::join(names, " or ")));
  }
  if (size > rule.max_size) {
    throw Error(Code::kUsage, fmt::format("the disk has {} bytes, {} takes at most {} ({})", size,
                                          rule.name, rule.max_size, readable_size(rule.max_size)))
        .add_next_step("make the disk smaller in its guest first, or leave out --for");
  }
  return round_up(std::max(size, rule.min_size), rule.multiple);
}

void require_takes(Destination destination, const Identity& identity, UtcTime now) {
  const bool is_xen =
      destination == Destination::kXenServer || destination == Destination::kIbmClassic;
  if (!is_xen || !identity.timestamp || time_of_timestamp(*identity.timestamp) <= now) return;
  throw Error(Code::kUsage,
              fmt::format("{} refuses a time stamp in the future, {}", name_of(destination),
                          to_rfc3339(time_of_timestamp(*identity.timestamp))))
      .add_next_step("leave out timestamp=, or give a time that has passed");
}

}  // namespace seabag::conversion
