#!/bin/bash
# Installs what is missing, builds, and measures: see README.md, or --help. On an idle machine.
set -euo pipefail
# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

install_packages "${build_packages[@]}" "${test_packages[@]}"
build build
exec /usr/bin/python3 tests/benchmark/benchmark.py --build build "$@"
