#!/bin/bash
# Installs what is missing, builds, and runs every check: the style of the source, clang-tidy, the tests under the
# address and undefined-behaviour sanitizers, and last all the tests of the program as users get it.
# It stops at the first that fails.
set -euo pipefail
# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

install_packages "${build_packages[@]}" "${test_packages[@]}"
mapfile -t sources < <(find include src tests -name '*.[ch]' | LC_ALL=C sort)

heading "Style (clang-format)"
clang-format --dry-run --Werror "${sources[@]}" || fail "clang-format would write it differently"

heading "Building, warnings are errors"
build build -DLSTM_MPI_WERROR=ON

heading "Lint (clang-tidy)"
# Of what is built: a benchmark of a peer that is not installed is not. The count of warnings in other people's headers
# is not for us.
mapfile -t compiled < <(python3 -c '
import json
print(*sorted({unit["file"] for unit in json.load(open("build/compile_commands.json"))}), sep="\n")')
printf '%s\n' "${compiled[@]}" |
    xargs --delimiter '\n' --max-args 1 --max-procs "$(cpus)" clang-tidy -p build --quiet 2>/dev/null ||
    fail "clang-tidy objects"

heading "Building with sanitizers"
build build-sanitize -DLSTM_MPI_SANITIZE=ON -DLSTM_MPI_WERROR=ON -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g"

heading "Tests under the sanitizers"
# The tests of the whole program only where the text comes from users: the others take long and run the same code.
ctest --test-dir build-sanitize --output-on-failure --parallel "$(cpus)" --label-exclude program
ctest --test-dir build-sanitize --output-on-failure --parallel "$(cpus)" --tests-regex 'bad_input|command_line/Configuration'

heading "Tests"
# Open MPI 4.1's mpirun locks itself up now and then when it is killed or asked to end: a test gets a second try.
ctest --test-dir build --output-on-failure --parallel "$(cpus)" --repeat until-pass:2
