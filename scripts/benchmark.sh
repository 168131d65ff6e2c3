#!/bin/bash
# Installs what is missing, builds, and measures: tokens per second, the share of the FMA peak, where the time goes,
# on 1, 2, 4 and 8 ranks, and against PyTorch where python3-torch is installed. On an idle machine.
set -euo pipefail
# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

install_packages "${build_packages[@]}" "${test_packages[@]}"
build build
cmake --build build --target benchmark
