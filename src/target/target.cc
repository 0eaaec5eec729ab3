// SPDX-License-Identifier: Apache-2.0
#include "target/target.h"

#include "base/error.h"

namespace seabag::target {

void Target::put_image(const WholeImage& /*image*/) {
  check(takes_whole_images(), "put_image() is for targets that take whole images");
}

}  // namespace seabag::target
