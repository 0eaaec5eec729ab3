// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace seabag::io {

/// Runs what tidies up behind a failure. What it fails with itself is dropped: the failure that led
/// there is the one that counts, and a dead medium fails at both.
template <class Work>
void clean_up(const Work& work) {
  try {
    work();
  } catch (const Error&) {
    return;
  }
}

}  // namespace seabag::io
