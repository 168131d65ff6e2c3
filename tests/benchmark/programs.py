"""How the programs of the benchmark are run: alike, on so many ranks, with their answer as JSON."""

import json
import os
import pathlib
import subprocess
import sys

import machine


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
        self.cpu = machine.CPUS[0]  # of what runs on one core

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

    def best(self, turns, commands):
        """Runs each of several measurements in turn, so many times; gives the fastest of each. What runs on one core
        has another one in the next turn: those of a shared machine are not equally fast."""
        found = [None] * len(commands)
        for turn in range(turns):
            self.cpu = machine.CPUS[turn % machine.cores()]
            for i, command in enumerate(commands):
                figures = command()
                if found[i] is None or figures["seconds"] < found[i]["seconds"]:
                    found[i] = figures
        return found

    def run(self, name, *arguments, ranks=1, cpu=None):
        """The output of a program of this build."""
        command = [self.path(name), *map(str, arguments)]
        if ranks > 1:
            return self.text([self.mpiexec, "-np", str(ranks), *command])
        with machine.on_cpu(self.cpu if cpu is None else cpu):
            return self.text(command)

    def measure(self, name, *arguments, ranks=1, cpu=None):
        return json.loads(self.run(name, "--json", *arguments, ranks=ranks, cpu=cpu))

    def measure_script(self, name, *arguments, variables=None, ranks=1):
        script = pathlib.Path(__file__).with_name(name)
        command = [sys.executable, str(script), *map(str, arguments)]
        if ranks > 1:
            return json.loads(self.text([*command, "--ranks", str(ranks)], variables))
        with machine.on_cpu(self.cpu):
            return json.loads(self.text(command, variables))


def words(options):
    """--name value, of a dict."""
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]
