"""Runs the built program from outside, alone or under mpirun, within a time limit.

The full path of the program is in the environment variable LSTM_MPI. A test that ends, in whatever
way, leaves no process and no file behind.
"""

import hashlib
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

# More ranks than CPUs, as root, without the half second that the choice of a network takes.
MPI_ENVIRONMENT = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "LSTM_MPI_CPUS": "64",  # every rank owns rows
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

    def __init__(
        self,
        arguments,
        ranks=None,
        environment=None,
        folder=None,
        stdout=None,
        stdin=None,
        user=None,
        launcher=(),
    ):
        """ranks None: without mpirun, or by a launcher of one's own. environment: variables to add, or with None to take away.
        stdin: an open file, empty without it. stdout: an open file or a descriptor; without it stdout() tells what was printed.
        user: whose process it is to be."""
        self.command = [*launcher, program(), *map(str, arguments)]
        if ranks is not None:
            self.command = ["mpirun", "--oversubscribe", "-np", str(ranks), *self.command]
        variables = os.environ | MPI_ENVIRONMENT | (environment or {})
        self._stdout = tempfile.TemporaryFile()
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=self._stdout if stdout is None else stdout,
            stderr=self._stderr,
            env={name: value for name, value in variables.items() if value is not None},
            cwd=folder,
            user=user,
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

    def ranks(self):
        """Process ids of the ranks, by rank; of the program where it runs alone."""
        found = {}
        for pid in self.processes():
            try:
                program_file = os.readlink(f"/proc/{pid}/exe")
                variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended
            if program_file == os.path.realpath(program()):
                rank = [v for v in variables if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
                found[int(rank[0].partition(b"=")[2]) if rank else 0] = pid
        return [found[rank] for rank in sorted(found)]

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

    def wait_for_ranks(self, timeout=60):
        """Until no rank lives; then mpirun has a few seconds to end. Open MPI 4.1's mpirun can lock itself up when
        it is asked to end, with its ranks gone: that is not the program's fault, and it is killed."""
        deadline = time.monotonic() + timeout
        while self.running() and self.ranks():
            if time.monotonic() > deadline:
                self.wait(0)
            time.sleep(0.05)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
        return Result(self.command, self._process.returncode, self.stdout(), self.stderr())

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


def run_all(calls, at_once=6):
    """The Results of calls to run, each a pair: arguments, what else run is told."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda call: run(*call[0], **call[1]), calls))


def text(length, kinds=60, seed=1):
    """Chinese characters, some frequent and some rare; those of the default prefixes are in it."""
    characters = "你是我有一剑" + "".join(chr(0x5200 + i) for i in range(kinds - 6))
    weights = [1 / (i + 1) for i in range(kinds)]
    return "".join(random.Random(seed).choices(characters, weights, k=length))


def tree(folder):
    """Everything below a folder: what it is, when it was written, and a digest of its bytes."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        facts = path.lstat()
        what = "folder" if path.is_dir() else (facts.st_ino, facts.st_mtime_ns)
        bytes_ = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        found[str(path.relative_to(folder))] = (what, bytes_)
    return found


def h5_contents(path):
    """Every dataset by its path, and every attribute by PATH@NAME."""
    found = {}

    def visit(name, thing):
        for key, value in thing.attrs.items():
            found[f"{name}@{key}"] = value
        if isinstance(thing, h5py.Dataset):
            found[name] = thing[()]

    with h5py.File(path) as file:
        visit("", file)
        file.visititems(lambda name, thing: visit("/" + name, thing))
    return found


def updates_done(checkpoint):
    with h5py.File(checkpoint) as file:
        return int(file["progress"].attrs["update"])


def is_of_the_run(name):
    """Neither a time, nor the options, of which some may change when a run goes on."""
    return not re.search(r"second|@created|^/config|^/checksum/metrics", name)


def strace_works():
    """Where it is there, and may trace."""
    command = ("strace", "-qq", "-o", "/dev/null", "true")
    return shutil.which("strace") and subprocess.run(command, check=False).returncode == 0


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own, which is removed afterwards."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lstm_mpi_test_")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, contents):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return path

    def assertStatus(self, status, result):
        self.assertEqual(status, result.status, f"\n{result}")

    def assertDone(self, result):
        """Status 0, and neither a warning nor anything else on standard error."""
        self.assertStatus(0, result)
        self.assertEqual("", result.stderr, f"\n{result}")

    def assertError(self, status, result, *named):
        """One error line in its form, nothing beside it but warnings, and all of `named` in it."""
        self.assertStatus(status, result)
        lines = [
            line
            for line in result.stderr.splitlines()
            if not line.startswith("lstm_mpi: warning: ")
        ]
        self.assertEqual(1, len(lines), f"not one line\n{result}")
        self.assertRegex(lines[0], r"^lstm_mpi: error: .+: .+ \(.+\)$", f"\n{result}")
        for what in named:
            self.assertIn(str(what), lines[0], f"\n{result}")

    def assertWhole(self, checkpoint):
        """The program and h5py read it from end to end."""
        self.assertDone(run("generate", "--checkpoint", checkpoint, "--length", 0))
        h5_contents(checkpoint)

    def assertAllWhole(self, run_dir):
        """Every file under a final name is whole, and there is no other."""
        for path in sorted(Path(run_dir).iterdir()):
            self.assertRegex(path.name, r"^(checkpoint|checkpoint-\d+|metrics)\.h5$")
            if path.name == "metrics.h5":
                h5_contents(path)
            else:
                self.assertWhole(path)

    def assertSameRun(self, expected, measured):
        """Two run directories hold the same run, bit for bit, the times aside."""
        for file in ("checkpoint.h5", "metrics.h5"):
            self.assertSameContents(expected / file, measured / file)

    def assertSameContents(self, expected, measured):
        one = {k: v for k, v in h5_contents(expected).items() if is_of_the_run(k)}
        other = {k: v for k, v in h5_contents(measured).items() if is_of_the_run(k)}
        self.assertEqual(sorted(one), sorted(other))
        differing = [
            name
            for name in one
            if np.asarray(one[name]).tobytes() != np.asarray(other[name]).tobytes()
        ]
        told = "".join(f"\n{name}: {one[name]} and {other[name]}" for name in differing[:3])
        self.assertEqual([], differing, f"{expected} and {measured} differ{told}")


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
