#!/usr/bin/env bash
# Builds and runs all tests.
#
# Tests against the real model need HALTER_TEST_MODEL, its .gguf file; it is fetched unless set.
# Tests over real texts need HALTER_TEST_DATA, a directory with chat/alpaca_en_demo.json (optional).
# What cannot be had is said here and skipped. Arguments go to `swift test`, such as --filter NAME.
set -euo pipefail
cd "$(dirname "$0")/.."

# Kernels at full speed also in a debug build: the tests run real models.
swift build --build-tests -Xcc -O2
halter=$(swift build --show-bin-path -Xcc -O2)/halter

if [[ -z ${HALTER_TEST_MODEL:-} ]]; then
  if HALTER_TEST_MODEL=$("$halter" model pull --quiet smollm2-135m-instruct); then
    export HALTER_TEST_MODEL
  else
    unset HALTER_TEST_MODEL
    echo "NOTE: the model could not be fetched; the tests that need it will be skipped." >&2
  fi
fi
if [[ -z ${HALTER_TEST_DATA:-} && -d ../shared/data ]]; then
  HALTER_TEST_DATA=$(cd ../shared/data && pwd)
  export HALTER_TEST_DATA
fi
echo "HALTER_TEST_MODEL=${HALTER_TEST_MODEL:-(not set)}"
echo "HALTER_TEST_DATA=${HALTER_TEST_DATA:-(not set)}"

swift test -Xcc -O2 --skip-build "$@"
