#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks that the C++ files are formatted as .clang-format says, or with --fix makes them so.
#
#   tools/format.sh [--fix]
set -eu
cd "$(dirname "$0")/.."

case "${1-}" in
  '') mode='--dry-run -Werror' ;;
  --fix) mode=-i ;;
  *) echo "usage: tools/format.sh [--fix]" >&2; exit 2 ;;
esac

# Other versions format other ways: this one is pinned.
formatter=clang-format-16
command -v "$formatter" >/dev/null || { echo "format.sh: install $formatter" >&2; exit 2; }

# shellcheck disable=SC2086 # two words
find src include tests samples -name '*.h' -print0 -o -name '*.cc' -print0 |
  xargs -0 -r "$formatter" $mode
