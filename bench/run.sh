#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures the programs beside their peers and floors, on the same input, in one run: writes bench/results.md, its plot
# and bench/results.json.
#
#   bench/run.sh              everything: five rounds, warm and cold; about an hour on two cores, 25 GB of scratch space
#   bench/run.sh --short      one round on small inputs, into build/bench: shows that the benchmark works, not how fast we are
#   bench/run.sh --only WORD  the comparisons whose name has WORD (repeatable)
#   bench/run.sh --rounds N
#
# Installs what is missing from Debian's archive. oras, crane, regctl, hauler and imgpkg take part where they are on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install-packages.sh build tests
cmake --preset release >/dev/null
cmake --build --preset release --target seabag-export seabag-import >/dev/null
exec python3 -B bench/bench.py "$@"
