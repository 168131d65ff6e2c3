#!/bin/bash
# What run.sh and test.sh share. Called by itself it installs the packages that building needs.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# One BLIS is enough, and a rank needs one thread: any of its builds that is there already will do.
blis_packages=(libblis-serial-dev libblis-pthread-dev libblis-openmp-dev)
build_packages=(gcc libc6-dev make cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-openmpi-dev
    libpopt-dev libinih-dev libjansson-dev libcurl4-openssl-dev libunistring-dev librandom123-dev libxxhash-dev
    libcmocka-dev)
# shellcheck disable=SC2034 # test.sh uses them
test_packages=(hdf5-tools iproute2 python3 python3-h5py python3-numpy clang-format clang-tidy)

heading() {
    printf '\n== %s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a command and shows what it says only if it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || status=$?
    [ $status -eq 0 ] || cat "$log" >&2
    rm -f "$log"
    return $status
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages NAME...: those that are missing; nothing is asked of the network if none is.
install_packages() {
    local name missing=() as_root=()
    if ! command -v apt-get >/dev/null; then
        printf 'There is no apt here. If the build fails, install what Debian calls\n  %s\n' \
            "$* ${blis_packages[0]}"
        return
    fi
    for name; do
        is_installed "$name" || missing+=("$name")
    done
    for name in "${blis_packages[@]}" none; do
        [ "$name" != none ] || missing+=("${blis_packages[0]}")
        ! is_installed "$name" || break
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    heading "Installing ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "root must install these packages first: ${missing[*]}"
        as_root=(sudo)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300)
    [ ${#as_root[@]} -eq 0 ] || sudo -v
    quietly "${apt[@]}" update || fail "apt-get update failed"
    quietly "${apt[@]}" install --no-install-recommends "${missing[@]}" || fail "apt-get install failed"
}

# build FOLDER [CMAKE OPTION...]: configures and builds the program and its tests.
build() {
    local folder=$1 generator=()
    shift
    [ -e "$folder/CMakeCache.txt" ] || ! command -v ninja >/dev/null || generator=(-G Ninja)
    quietly cmake -S "$root" -B "$folder" "${generator[@]}" "$@" || fail "the build cannot be configured"
    if [ -t 1 ]; then
        cmake --build "$folder" --parallel || fail "the build failed"
    else
        quietly cmake --build "$folder" --parallel || fail "the build failed"
    fi
}

# The CPUs that this process may use, by its affinity and by the limit of its container.
cpus() {
    local cpus quota period
    cpus=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)
    if read -r quota period </sys/fs/cgroup/cpu.max && [ "$quota" != max ]; then
        quota=$(((quota + period - 1) / period))
        [ "$quota" -ge "$cpus" ] || cpus=$quota
    fi 2>/dev/null
    echo "$cpus"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    install_packages "${build_packages[@]}"
fi
