#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole way once, on this machine: builds Seabag, makes sample images out of Debian packages, puts them into a
# registry, exports that registry into a bundle, checks the bundle, and imports it into an image layout on disk and
# into a second, empty registry. At the end it compares what came out with what went in.
#
#   samples/quickstart.sh [DIR]     DIR: where the bundle and the layout are to lie (default: ./quickstart)
#
# Takes some minutes and about 2 GB. Installs what is missing from Debian's archive. May be run again.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$PWD/quickstart}
work=$(mktemp -d)
source_pid=
target_pid=
clean_up() {
  # shellcheck disable=SC2317
  [ -z "$source_pid" ] || stop_registry "$source_pid"
  # shellcheck disable=SC2317
  [ -z "$target_pid" ] || stop_registry "$target_pid"
  # shellcheck disable=SC2317
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }
# shellcheck source=samples/registry.sh
. "$here/samples/registry.sh"

say "1. Building Seabag"
"$here/tools/install-packages.sh" build samples
(cd "$here" && cmake --preset release >"$work/configure.log" 2>&1 && cmake --build --preset release >"$work/build.log" 2>&1) || {
  tail -n 40 "$work/configure.log" "$work/build.log" >&2
  exit 1
}
PATH=$here/build/release/bin:$PATH
seabag-export --version

say "2. Making sample images out of Debian packages (takes the longest; kept for the next time)"
corpus=${XDG_CACHE_HOME:-$HOME/.cache}/seabag/sample-images
if [ ! -f "$corpus/corpus.json" ]; then
  rm -rf "$corpus"
  mkdir -p "$corpus"
  "$here/samples/make-corpus" "$corpus" --apps 4 --cache "$corpus.debs"
fi

say "3. Starting a registry and filling it: this is what you would have in the connected world"
mkdir -p "$work/source" "$work/target"
start_registry "$work/source"
source_pid=$registry_pid
source=127.0.0.1:$registry_port
"$here/samples/push-corpus" "$corpus" "$source"

say "4. Exporting all of it into one bundle"
rm -rf "$out/sample.bag" "$out/sample.bag.unfinished" "$out/layout"
mkdir -p "$out"
seabag-export "$out/sample.bag" "docker://$source" --plain-http "$source"
stop_registry "$source_pid"
source_pid=

say "5. The source is gone now. Checking the bundle, as one would on the far side"
seabag-import verify "$out/sample.bag"
(cd "$out/sample.bag" && sha256sum --quiet -c manifest-sha256.txt && sha256sum --quiet -c tagmanifest-sha256.txt)
echo "sha256sum agrees, without Seabag"

say "6. Importing it into an image layout on disk"
seabag-import push "$out/sample.bag" "oci:$out/layout"

say "7. Importing it into a second, empty registry"
start_registry "$work/target"
target_pid=$registry_pid
target=127.0.0.1:$registry_port
seabag-import push "$out/sample.bag" "docker://$target" --plain-http "$target" --receipt "$out/receipt.json"

say "8. Comparing the digests with what the sample images had"
python3 "$here/samples/compare-digests" "$corpus" "$target" "$out/layout"

say "Done. What lies where"
cat <<EOF
  $out/sample.bag       the bundle: a BagIt bag; look into it with tar, sqlite3 and sha256sum
  $out/layout           an OCI image layout with every image: skopeo inspect oci:$out/layout:library/busybox:1.35
  $out/receipt.json     what was pushed into the second registry
  $corpus               the sample images
The two registries that this script started have been ended, and their storage removed.
EOF
