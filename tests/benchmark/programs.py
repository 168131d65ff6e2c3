"""How the programs of the benchmark are run: alike, on so many ranks, with their answer as JSON."""

import json
import os
import pathlib
import subprocess
import sys


class Unavailable(Exception):
    """What cannot be measured here, and why."""


def environment():
    variables = dict(os.environ)
    variables.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    variables.update(OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_orte_execute_quiet="1")
    variables.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    # A machine may name an older CPU than it has: that would cripple this program's peers, or this program.
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "BLIS_ARCH_TYPE"):
        variables.pop(name, None)
    return variables


class Programs:
    def __init__(self, build, mpiexec, timeout=300):
        self.build = pathlib.Path(build)
        self.mpiexec = mpiexec
        self.timeout = timeout

    def path(self, name):
        folder = self.build / ("src" if name == "lstm_mpi" else "tests/benchmark")
        if not (folder / name).exists():
            raise Unavailable(f"{name} is not built here")
        return str(folder / name)

    def text(self, command, variables=None):
        try:
            result = subprocess.run(command, capture_output=True, text=True, env=environment() | (variables or {}),
                                    check=False, stdin=subprocess.DEVNULL, timeout=self.timeout)
        except (OSError, subprocess.TimeoutExpired) as failure:
            raise Unavailable(str(failure)) from failure
        if result.returncode != 0:
            last = (result.stderr.strip().splitlines() or [f"status {result.returncode}"])[-1]
            raise Unavailable(last)
        return result.stdout

    def run(self, name, *arguments, ranks=1):
        """The output of a program of this build."""
        command = [self.path(name), *map(str, arguments)]
        if ranks > 1:
            command = [self.mpiexec, "-np", str(ranks), *command]
        return self.text(command)

    def measure(self, name, *arguments, ranks=1):
        return json.loads(self.run(name, "--json", *arguments, ranks=ranks))

    def measure_script(self, name, *arguments, variables=None):
        script = pathlib.Path(__file__).with_name(name)
        return json.loads(self.text([sys.executable, str(script), *map(str, arguments)], variables))


def words(options):
    """--name value, of a dict."""
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]
