// SPDX-License-Identifier: Apache-2.0
#include "target/target.h"

#include "base/error.h"

namespace seabag::target {

void Target::put_image(const WholeImage& /*image*/) {
  check(takes_whole_images(), "put_image() is for targets that take whole images");
}

void Target::read_back_blob(const std::string& /*repository*/, const oci::Descriptor& /*blob*/) {
  throw Error(Code::kInternal, "bug: reading back from a target that is no registry");
}

void Target::read_back_manifest(const std::string& /*repository*/,
                                const digest::Digest& /*digest*/) {
  throw Error(Code::kInternal, "bug: reading back from a target that is no registry");
}

}  // namespace seabag::target
