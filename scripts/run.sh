#!/bin/bash
# Installs what is missing, builds, and trains the built-in corpus on all cores of this machine.
# Called again, it goes on with the run, or says that it is done.
#
#   ./scripts/run.sh                                          the default run, in runs/lstm
#   ./scripts/run.sh --corpus novel.txt --run-dir runs/novel  its arguments go to lstm_mpi
#   ./scripts/run.sh generate --checkpoint runs/lstm/checkpoint.h5 --prefix 我有一剑
#
# RANKS=N starts N ranks instead.
set -euo pipefail
# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

# How many cores: two CPUs of one core would share its arithmetic.
cores() {
    local cores
    cores=$(lscpu --parse=core,socket 2>/dev/null | grep -v '^#' | sort -u | wc -l) || true
    [ "$cores" -gt 0 ] || cores=1
    [ "$cores" -le "$(cpus)" ] || cores=$(cpus)
    echo "$cores"
}

# Training goes on where it stopped, and in one place, unless the arguments say otherwise. A rank needs a row of
# the batch.
resume=(--resume)
run_dir=(--run-dir "$root/runs/lstm")
rows=32
previous=
for argument; do
    case $argument in
    --resume | --overwrite) resume=() ;;
    --run-dir | --run-dir=* | --config | --config=*) run_dir=() ;;
    --batch-size=*) rows=${argument#*=} ;;
    esac
    [ "$previous" != --batch-size ] || rows=$argument
    previous=$argument
done

install_packages "${build_packages[@]}"
heading "Building in $root/build"
build "$root/build"
program=$root/build/src/lstm_mpi

case ${1:-train} in
train) ;;
--help | --version | [!-]*) # every other command
    heading "Running lstm_mpi $1"
    exec "$program" "$@"
    ;;
esac

ranks=${RANKS:-$(cores)}
if [[ -z ${RANKS:-} && $rows =~ ^[0-9]+$ && $rows -gt 0 && $rows -lt $ranks ]]; then
    ranks=$rows
fi
[ "${1:-}" != train ] || shift
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
heading "Training on $ranks ranks"
exec mpirun --quiet --oversubscribe -np "$ranks" "$program" train "${resume[@]}" "${run_dir[@]}" "$@"
