#!/usr/bin/python3
"""Full disks, read-only folders, killed ranks: an error soon, no hang, and good files stay good.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_faults.py [unittest's arguments]

Small file systems of their own need root; without it their tests are skipped.
"""

import ctypes
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

import h5py

import support
from support import run

LIMIT = 60  # seconds: by far too long for such runs, so a hang


class FaultTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.write("corpus.txt", support.text(400))

    def options(self, run_dir, *others):
        return (
            *("train", "--corpus", self.corpus, "--run-dir", run_dir, "--hidden-size", 32),
            *("--batch-size", 8, "--num-steps", 8, "--predict-length", 0, "--quiet", *others),
        )

    def file_system(self, name, kilobytes):
        """A folder with so much room."""
        folder = self.folder / name
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder],
            stderr=subprocess.PIPE,
            check=False,
        )
        if mounted.returncode != 0:
            self.skipTest("no file system can be mounted here: " + mounted.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", "--lazy", folder], check=True)
        return folder

    def remount(self, folder, option):
        subprocess.run(["mount", "-o", f"remount,{option}", folder], check=True)

    def assertResumes(self, run_dir, **how):
        update = support.updates_done(run_dir / "checkpoint.h5")
        self.assertDone(run("train", "--resume", "--run-dir", run_dir, "--quiet", **how))
        self.assertGreater(support.updates_done(run_dir / "checkpoint.h5"), update)
        self.assertAllWhole(run_dir)


class FullDiskTest(FaultTest):
    SIZES = (4, 8, 16, 28, 40, 48, 56, 64, 72, 96, 112, 128, 160, 224, 320)  # KiB

    def check(self, ranks, sizes):
        """A run in every size: done, or one error and nothing but whole files."""
        folders = [self.file_system(f"disk{size}", size) for size in sizes]
        results = support.run_all(
            [
                (
                    self.options(folder / "run", "--epochs", 6, "--checkpoint-every", 1),
                    {"ranks": ranks, "timeout": LIMIT},
                )
                for folder in folders
            ]
        )
        statuses = []
        for size, folder, result in zip(sizes, folders, results):
            with self.subTest(ranks=ranks, kilobytes=size):
                statuses.append(result.status)
                if result.status == 0:
                    self.assertEqual("", result.stderr)
                else:
                    self.assertError(1, result, "No space left on device")
                if (folder / "run").exists():
                    self.assertAllWhole(folder / "run")
                if result.status != 0 and (folder / "run/checkpoint.h5").exists():
                    self.remount(folder, "size=4m")
                    self.assertResumes(folder / "run")
        self.assertEqual(1, statuses[0], "the smallest disk was large enough")
        self.assertEqual(0, statuses[-1], "the largest disk was too small")

    def test_alone(self):
        self.check(None, self.SIZES)

    def test_ranks(self):
        self.check(4, self.SIZES[1::3] + self.SIZES[-1:])

    def test_filled_by_others(self):
        """The disk becomes full while the run is going."""
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                folder = self.file_system(f"disk{ranks}", 1024)
                run_dir = folder / "run"
                with support.start(
                    *self.options(run_dir, "--epochs", 10**6, "--checkpoint-every", 1), ranks=ranks
                ) as running:
                    wait_for_update(self, running, run_dir, 20)
                    with open(folder / "filler", "wb", buffering=0) as filler:
                        while running.running():
                            try:
                                filler.write(bytes(1024))
                            except OSError:
                                time.sleep(0.001)
                    self.assertError(1, running.wait(LIMIT), "No space left on device")
                (folder / "filler").unlink()
                self.assertAllWhole(run_dir)
                update = support.updates_done(run_dir / "checkpoint.h5")
                self.assertDone(
                    run("train", "--resume", "--run-dir", run_dir, "--max-updates", update + 3, "--quiet")
                )


class FileSizeTest(FaultTest):
    LIMIT_BYTES = 24 << 20  # MPI's own files are smaller

    def test_limit(self):
        """A file that may not be so large: an error, and the checkpoints stay."""
        run_dir = self.folder / "run"
        self.assertDone(run(*self.options(run_dir, "--hidden-size", 1300, "--max-updates", 1)))
        self.assertGreater((run_dir / "checkpoint.h5").stat().st_size, self.LIMIT_BYTES)
        before = support.tree(run_dir)
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                result = run(
                    *("train", "--resume", "--run-dir", run_dir, "--max-updates", 2, "--quiet"),
                    ranks=ranks,
                    launcher=("prlimit", f"--fsize={self.LIMIT_BYTES}"),
                    timeout=LIMIT,
                )
                self.assertError(1, result, "File too large", "ulimit -f")
                self.assertEqual(before, support.tree(run_dir))


class ReadOnlyTest(FaultTest):
    def test_from_the_start(self):
        folder = self.file_system("disk", 1024)
        (folder / "empty").mkdir()
        self.remount(folder, "ro")
        for ranks in (None, 3):
            for run_dir in (folder / "new", folder / "empty"):
                with self.subTest(ranks=ranks, run_dir=run_dir.name):
                    result = run(*self.options(run_dir), ranks=ranks, timeout=LIMIT)
                    self.assertError(1, result, run_dir, "Read-only file system")

    def test_while_it_runs(self):
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                folder = self.file_system(f"disk{ranks}", 1024)
                run_dir = folder / "run"
                with support.start(
                    *self.options(run_dir, "--epochs", 10**6, "--checkpoint-every", 1), ranks=ranks
                ) as running:
                    wait_for_update(self, running, run_dir, 20)
                    while running.running():
                        try:
                            self.remount(folder, "ro")
                            break
                        except subprocess.CalledProcessError:
                            pass  # a file was open for writing
                    result = running.wait(LIMIT)
                    self.assertError(1, result, run_dir)
                    self.assertRegex(result.stderr, "(?i)read.only")
                self.assertWhole(run_dir / "checkpoint.h5")
                self.remount(folder, "rw")
                update = support.updates_done(run_dir / "checkpoint.h5")
                self.assertDone(
                    run("train", "--resume", "--run-dir", run_dir, "--max-updates", update + 3, "--quiet")
                )
                self.assertAllWhole(run_dir)

    def test_finished_run(self):
        """What is only read needs no permission to write."""
        folder = self.file_system("disk", 1024)
        run_dir = folder / "run"
        self.assertDone(run(*self.options(run_dir, "--epochs", 2)))
        self.remount(folder, "ro")
        self.assertWhole(run_dir / "checkpoint.h5")
        self.assertDone(run("train", "--resume", "--run-dir", run_dir))


class DirectoryTest(FaultTest):
    def test_removed_while_it_runs(self):
        for ranks in (None, 3):
            with self.subTest(ranks=ranks):
                run_dir = self.folder / f"run{ranks}"
                with support.start(
                    *self.options(run_dir, "--epochs", 10**6, "--checkpoint-every", 1), ranks=ranks
                ) as running:
                    wait_for_update(self, running, run_dir, 10)
                    run_dir.rename(self.folder / f"elsewhere{ranks}")
                    self.assertError(1, running.wait(LIMIT), run_dir)
                self.assertFalse(run_dir.exists())
                self.assertWhole(self.folder / f"elsewhere{ranks}" / "checkpoint.h5")

    def test_moved_and_made_again(self):
        """Another run has the name of the folder now: nothing of it is touched."""
        cases = (
            (None, ("--checkpoint-every", 1)),
            (2, ("--checkpoint-every", 1)),
            (None, ("--checkpoint-every", 0, "--log-every", 1)),
        )
        for number, (ranks, cadence) in enumerate(cases):
            with self.subTest(ranks=ranks, cadence=cadence):
                run_dir = self.folder / f"run{number}"
                moved = self.folder / f"moved{number}"
                with support.start(*self.options(run_dir, "--epochs", 10**6, *cadence), ranks=ranks) as running:
                    wait_for_update(self, running, run_dir, 10 if "--log-every" not in cadence else 0)
                    for pid in running.ranks():
                        os.kill(pid, signal.SIGSTOP)
                    run_dir.rename(moved)
                    self.assertDone(run(*self.options(run_dir, "--epochs", 3)))
                    (run_dir / "checkpoint.h5.part").write_bytes(b"of the other run")
                    before = support.tree(run_dir)
                    for pid in running.ranks():
                        os.kill(pid, signal.SIGCONT)
                    self.assertError(1, running.wait(LIMIT), run_dir)
                self.assertEqual(before, support.tree(run_dir))
                self.assertWhole(moved / "checkpoint.h5")

    def test_two_runs_at_once(self):
        """The second one refuses; when the first is gone, in whatever way, it may go on."""
        run_dir = self.folder / "run"
        endless = self.options(run_dir, "--epochs", 10**6, "--checkpoint-every", 1)
        with support.start(*endless, ranks=2) as running:
            wait_for_update(self, running, run_dir, 10)
            for result in support.run_all([((*endless, how), {"ranks": 2}) for how in ("--resume", "--overwrite")]):
                self.assertError(1, result, run_dir, "another run is at work", "--run-dir")
            self.assertTrue(running.running(), running.stderr())
            running.kill()
        update = support.updates_done(run_dir / "checkpoint.h5")
        self.assertDone(run("train", "--resume", "--run-dir", run_dir, "--max-updates", update + 3, "--quiet"))
        self.assertAllWhole(run_dir)

    def test_begun_at_once(self):
        run_dir = self.folder / "run"
        results = support.run_all([(self.options(run_dir, "--epochs", 3000), {"ranks": 2})] * 3)
        failed = [result for result in results if result.status != 0]
        self.assertEqual(2, len(failed), f"{results}")
        for result in failed:
            self.assertError(1, result, run_dir, "--run-dir")
        self.assertAllWhole(run_dir)


class StartTest(FaultTest):
    @unittest.skipUnless(support.strace_works(), "needs strace")
    def test_error_of_all_ranks(self):
        """What the ranks agreed on before there is a command is said once."""
        injected = ("-e", "trace=fallocate", "-e", "inject=fallocate:error=ENOSPC")
        result = run(
            "--version",
            ranks=3,
            launcher=("strace", "-f", "-qq", "-o", "/dev/null", *injected),
            environment={"LSTM_MPI_CPUS": "1"},
            timeout=LIMIT,
        )
        self.assertError(1, result, "short of memory", "No space left on device")


class KillTest(FaultTest):
    def test_rank(self):
        """Whichever rank it is, all end within seconds, and the run goes on from its checkpoint."""
        for rank in range(3):
            with self.subTest(rank=rank):
                run_dir = self.folder / f"run{rank}"
                with support.start(
                    *self.options(run_dir, "--epochs", 10**6, "--checkpoint-every", 5), ranks=3
                ) as running:
                    wait_for_update(self, running, run_dir, 60)
                    os.kill(running.ranks()[rank], signal.SIGKILL)
                    start = time.monotonic()
                    result = running.wait(LIMIT)
                    self.assertLess(time.monotonic() - start, 15)
                    self.assertNotEqual(0, result.status)
                    self.assertEqual([], running.processes())
                self.assertWhole(run_dir / "checkpoint.h5")
                update = support.updates_done(run_dir / "checkpoint.h5")
                self.assertDone(
                    run(
                        *("train", "--resume", "--run-dir", run_dir, "--quiet"),
                        *("--max-updates", update + 3),
                        ranks=3,
                    )
                )
                self.assertAllWhole(run_dir)

    def test_killed_while_it_opened_a_file(self):
        """What another run's killed rank holds on this host, by the name of a file, stops nobody."""
        name = b"/OMPIO_checkpoint.h5.part"
        library = ctypes.CDLL(None, use_errno=True)
        library.sem_open.restype = ctypes.c_void_p
        held = library.sem_open(name, os.O_CREAT, 0o600, 0)
        self.assertTrue(held, os.strerror(ctypes.get_errno()))
        self.addCleanup(library.sem_unlink, name)
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                run_dir = self.folder / f"run{ranks}"
                self.assertDone(run(*self.options(run_dir, "--epochs", 2), ranks=ranks, timeout=LIMIT))
                self.assertAllWhole(run_dir)

    def test_again_and_again(self):
        """checkpoint.h5 is whole at every moment, and what was half written is gone in the end."""
        for ranks, times in ((None, 12), (3, 3)):
            with self.subTest(ranks=ranks):
                run_dir = self.folder / f"run{ranks}"
                newest = 0
                for _ in range(times):
                    with support.start(
                        *self.options(run_dir, "--epochs", 10**6, "--checkpoint-every", 1, "--resume"),
                        ranks=ranks,
                    ) as running:
                        wait_for_update(self, running, run_dir, newest + 1)
                        time.sleep(random.random() * 0.1)
                        for pid in running.processes():
                            try:
                                os.kill(pid, signal.SIGKILL)
                            except ProcessLookupError:
                                pass
                        running.wait(LIMIT)
                    for path in run_dir.glob("*.h5"):
                        if path.name != "metrics.h5":
                            self.assertWhole(path)
                    update = support.updates_done(run_dir / "checkpoint.h5")
                    self.assertGreaterEqual(update, newest)
                    newest = update
                self.assertDone(
                    run("train", "--resume", "--run-dir", run_dir, "--max-updates", newest + 3, "--quiet")
                )
                self.assertAllWhole(run_dir)

    def test_read_while_it_is_written(self):
        """At every moment there is a whole checkpoint.h5 and metrics.h5, and they only grow."""
        run_dir = self.folder / "run"
        with support.start(
            *self.options(run_dir, "--epochs", 10**6, "--checkpoint-every", 1, "--log-every", 1)
        ) as running:
            wait_for_update(self, running, run_dir, 1)
            newest = rows = reads = 0
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                with h5py.File(run_dir / "checkpoint.h5") as file:
                    update = int(file["progress"].attrs["update"])
                    file["model/layer0/W_x"][:]
                with h5py.File(run_dir / "metrics.h5") as file:
                    epochs = len(file["metrics/epoch"])
                self.assertGreaterEqual(update, newest)
                self.assertGreaterEqual(epochs, rows)
                newest, rows, reads = update, epochs, reads + 1
            self.assertTrue(running.running(), running.stderr())
        self.assertGreater(reads, 5)
        shutil.rmtree(run_dir)


def wait_for_update(test, running, run_dir, update):
    """Until a checkpoint that is at least so old is there."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            if support.updates_done(run_dir / "checkpoint.h5") >= update:
                return
        except OSError:
            pass  # not yet there
        test.assertTrue(running.running(), running.stderr())
        test.assertLess(time.monotonic(), deadline)
        time.sleep(0.005)


if __name__ == "__main__":
    unittest.main()
