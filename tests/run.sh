#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds, and runs everything. This is what CI runs; it may be run again, and leaves
# nothing behind but build/.
#
#   tests/run.sh             lints, all tests, then all of them again under the address and undefined-behaviour sanitizers
#   tests/run.sh --quick     the plain tests alone
#   tests/run.sh --long      also an 8 GiB layer, clang-tidy and the thread sanitizer (about an hour on two cores)
set -euo pipefail
cd "$(dirname "$0")/.."

quick=
long=
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    --long) long=1 ;;
    *) echo "usage: tests/run.sh [--quick] [--long]" >&2; exit 2 ;;
  esac
done

began=$SECONDS
say() { printf '\n== %s (after %d s)\n' "$*" $((SECONDS - began)); }

say "packages"
tools/install-packages.sh build tests lint

build_and_test() {
  say "$1: configure and build"
  cmake --preset "$1" >"build/$1.configure.log" 2>&1 || { cat "build/$1.configure.log"; return 1; }
  cmake --build --preset "$1" >"build/$1.build.log" 2>&1 || { grep -B2 -A12 -E 'error|FAILED' "build/$1.build.log"; return 1; }
  say "$1: test"
  ctest --preset "$1" --progress -j2
}

mkdir -p build
if [ -z "$quick" ]; then
  say "lints"
  python3 -B tools/check_includes_test.py
  python3 -B tools/check_spec_ids_test.py
  python3 -B tools/check_includes.py
  python3 -B tools/check_spec_ids.py
  tools/format.sh
  mandoc -T lint -W warning docs/man/*.1
fi
SEABAG_LONG=$long build_and_test dev
[ -n "$quick" ] || build_and_test asan
if [ -n "$long" ]; then
  say "clang-tidy"
  tools/tidy.sh
  build_and_test tsan
fi
say "all done"
