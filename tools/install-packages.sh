#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that a job needs and that are not there yet.
#
#   tools/install-packages.sh build [samples] [tests] [lint] [fuzz]
#
# As root, or through sudo. Does nothing, and needs no network, when all is installed.
set -eu

build="g++ cmake ninja-build pkg-config libarchive-dev libcurl4-openssl-dev libssl-dev libsqlite3-dev
       nlohmann-json3-dev libcxxopts-dev libfmt-dev libdeflate-dev libisal-dev libzstd-dev"
samples="docker-registry python3 zstd gzip dpkg apt curl"
tests="$samples libgtest-dev libgmock-dev libcpp-httplib-dev skopeo umoci podman libarchive-tools tar sqlite3 openssl
       apache2-utils strace mandoc qemu-utils 7zip python3-libvhdi python3-libvmdk python3-libqcow e2fsprogs xfsprogs mount
       nbdkit libnbd-bin"
lint="clang-format-16 clang-tidy-16 python3"
fuzz="clang-16 libclang-rt-16-dev"

wanted=
for job in "$@"; do
  case $job in
    build) wanted="$wanted $build" ;;
    samples) wanted="$wanted $samples" ;;
    tests) wanted="$wanted $tests" ;;
    lint) wanted="$wanted $lint" ;;
    fuzz) wanted="$wanted $fuzz" ;;
    *) echo "install-packages.sh: unknown job: $job (build, samples, tests, lint, fuzz)" >&2; exit 2 ;;
  esac
done

missing=
for package in $wanted; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "install-packages.sh: these packages are missing, and installing them needs root or sudo:$missing" >&2
    exit 1
  fi
  as_root=sudo
fi
echo "installing:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
