"""Runs the built program from outside, alone or under mpirun, within a time limit.

The full path of the program is in the environment variable LSTM_MPI. A test that ends, in whatever
way, leaves no process and no file behind.
"""

import os
import shlex
import signal
import subprocess
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

# More ranks than cores, as root, without the half second that the choice of a network takes.
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_MCA_pml": "ob1",
    "OMPI_MCA_btl": "self,vader,tcp",
    "OMPI_MCA_orte_execute_quiet": "1",
}


def program():
    path = os.environ.get("LSTM_MPI", "")
    if not os.path.isabs(path) or not os.access(path, os.X_OK):
        raise RuntimeError(f"LSTM_MPI is {path!r}, not the full path of the built program")
    return path


def rank_counts(default=(1, 2, 3, 4, 5, 8)):
    """Numbers of ranks to test with: those in LSTM_MPI_TEST_NP, such as 1,2,8, or the default."""
    counts = os.environ.get("LSTM_MPI_TEST_NP")
    return [int(count) for count in counts.split(",")] if counts else list(default)


@dataclass
class Result:
    command: list
    status: int  # negative: ended by that signal
    stdout: str
    stderr: str

    def __str__(self):
        return (
            f"{shlex.join(self.command)}\nstatus {self.status}"
            f"\n--- standard output\n{self.stdout}\n--- standard error\n{self.stderr}"
        )


class Running:
    """A program that was started; as a context it ends with all its processes."""

    def __init__(self, arguments, ranks=None, environment=None, folder=None):
        """ranks None: without mpirun. environment: variables to add, or with None to take away."""
        self.command = [program(), *map(str, arguments)]
        if ranks is not None:
            self.command = ["mpirun", "--oversubscribe", "-np", str(ranks), *self.command]
        variables = os.environ | MPI_ENVIRONMENT | (environment or {})
        self._stdout = tempfile.TemporaryFile()
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=self._stderr,
            env={name: value for name, value in variables.items() if value is not None},
            cwd=folder,
            start_new_session=True,  # mpirun gives every rank a group of its own, but no session
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._stdout.close()
        self._stderr.close()

    @property
    def pid(self):
        """Of the program, or of mpirun."""
        return self._process.pid

    def processes(self):
        """Process ids of the program, of mpirun and of all ranks that still live."""
        return _session_members(self._process.pid)

    def send(self, number):
        self._process.send_signal(number)

    def stdout(self):
        """What was printed so far."""
        return _contents(self._stdout)

    def stderr(self):
        return _contents(self._stderr)

    def running(self):
        return self._process.poll() is None

    def wait(self, timeout=60):
        """The Result; an AssertionError, with everything killed, if it takes longer."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            late = Result(self.command, self._process.returncode, self.stdout(), self.stderr())
            raise AssertionError(f"still running after {timeout} s: {late}") from None
        return Result(self.command, status, self.stdout(), self.stderr())

    def kill(self):
        """Ends what still runs: mpirun by SIGTERM first, so that it removes its files."""
        if self.running():
            self.send(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        deadline = time.monotonic() + 10
        while (members := self.processes()) and time.monotonic() < deadline:
            for pid in members:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._process.poll()
            time.sleep(0.01)
        self._process.wait(10)


def start(*arguments, **how):
    """Starts the program; see Running for what else can be said."""
    return Running(arguments, **how)


def run(*arguments, timeout=60, **how):
    """Runs the program to its end."""
    with start(*arguments, **how) as running:
        return running.wait(timeout)


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own, which is removed afterwards."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lstm_mpi_test_")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def assertStatus(self, status, result):
        self.assertEqual(status, result.status, f"\n{result}")


def _contents(file):
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode(errors="replace")


def _session_members(session):
    members = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text()
        except OSError:
            continue  # it has just ended
        state, _, _, its_session = stat.rpartition(")")[2].split()[:4]
        if int(its_session) == session and state != "Z":
            members.append(int(entry.name))
    return members
