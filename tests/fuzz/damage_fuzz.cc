// SPDX-License-Identifier: Apache-2.0
// Any text as a list of what is damaged.

#include "bundle/damage_file.h"
#include "harness.h"
#include "index/disks.h"

using namespace seabag;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accept_or_refuse([&] {
    const bundle::Damage damage = bundle::parse_damage(fuzz::text_of(data, size), "the list");
    for (const bundle::DamagedDisk& disk : damage.disks) {
      fuzz::require(index::is_disk_name(disk.disk.name), "disks have plain names");
    }
    const std::string written = bundle::write_damage(damage);
    fuzz::require(bundle::write_damage(bundle::parse_damage(written, "ours")) == written,
                  "a list survives being written");
  });
  return 0;
}
