#!/usr/bin/python3
"""Signals and the clock stop a run with a whole checkpoint and, where mpirun lets it, status 75.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_signals.py [unittest's arguments]
"""

import os
import random
import signal
import time
import unittest

import h5py

import support
from support import run

STOPPED = 75
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class SignalTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.write("corpus.txt", support.text(400))
        self.count = 0

    def start(self, *options, ranks=None):
        """A run that does not end by itself."""
        self.count += 1
        self.run_dir = self.folder / f"run{self.count}"
        return support.start(
            *("train", "--corpus", self.corpus, "--run-dir", self.run_dir, "--hidden-size", 16),
            *("--batch-size", 8, "--num-steps", 8, "--epochs", 10**9, "--predict-length", 0),
            *("--checkpoint-every", 0, "--log-every", 1, *options),
            ranks=ranks,
        )

    def wait_for_training(self, running):
        """Until epochs are done, so that all ranks are past their start."""
        deadline = time.monotonic() + 60
        while "epoch 3/" not in running.stdout():
            self.assertTrue(running.running(), running.stderr())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def wait_for_reading(self, running, ranks):
        """Until every rank has opened the corpus."""
        deadline = time.monotonic() + 60
        while sum(map(self.has_corpus_open, running.ranks())) < ranks:
            self.assertTrue(running.running(), running.stderr())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def has_corpus_open(self, pid):
        descriptors = f"/proc/{pid}/fd"
        try:
            return any(os.path.samefile(f"{descriptors}/{d}", self.corpus) for d in os.listdir(descriptors))
        except OSError:
            return False  # it has just ended, or closed one

    def assertGoesOn(self):
        """The checkpoint is newer than that of the start, whole, and the run goes on from it."""
        self.assertGreater(support.updates_done(self.run_dir / "checkpoint.h5"), 0)
        self.assertWholeAndGoesOn()

    def assertWholeAndGoesOn(self):
        self.assertAllWhole(self.run_dir)
        update = support.updates_done(self.run_dir / "checkpoint.h5")
        self.assertDone(
            run(
                *("train", "--resume", "--run-dir", self.run_dir, "--quiet"),
                *("--max-updates", update + 2, "--max-minutes", 0),
            )
        )
        self.assertEqual(update + 2, support.updates_done(self.run_dir / "checkpoint.h5"))

    def assertStopped(self, running):
        result = running.wait()
        self.assertEqual(STOPPED, result.status, f"\n{result}")
        self.assertEqual("", result.stderr, f"\n{result}")
        self.assertGoesOn()
        return result


class AloneTest(SignalTest):
    def test_each(self):
        for number in SIGNALS:
            with self.subTest(number.name), self.start() as running:
                self.wait_for_training(running)
                running.send(number)
                result = self.assertStopped(running)
                self.assertIn("--resume", result.stdout)

    def test_again_and_again(self):
        """The second one is no reason to die without a checkpoint, whichever it is."""
        with self.start() as running:
            self.wait_for_training(running)
            for number in (signal.SIGUSR1, signal.SIGCONT, *SIGNALS, *SIGNALS):
                running.send(number)
            self.assertStopped(running)

    def test_while_a_checkpoint_is_written(self):
        """Most of the time of such a run is spent on checkpoints."""
        with self.start("--checkpoint-every", 1, "--hidden-size", 64) as running:
            self.wait_for_training(running)
            time.sleep(random.random() * 0.2)
            running.send(signal.SIGTERM)
            self.assertStopped(running)

    def test_before_the_command_is_known(self):
        """While the configuration file is read: it waits for the first checkpoint, if it is train that runs."""
        for words, expected in (((), STOPPED), (("generate", "--checkpoint", "none.h5"), -signal.SIGTERM)):
            config = self.folder / f"config{len(words)}"
            os.mkfifo(config)
            self.run_dir = self.folder / "run"
            with self.subTest(words), support.start(*words, "--config", config) as running:
                with open(config, "w", encoding="utf-8") as writer:  # opens once it is read
                    running.send(signal.SIGTERM)
                    writer.write(f"[train]\ncorpus = {self.corpus}\nrun-dir = {self.run_dir}\nhidden-size = 16\n")
                    writer.write("batch-size = 8\nnum-steps = 8\npredict-length = 0\nquiet = true\n")
                result = running.wait()
                self.assertEqual(expected, result.status, f"\n{result}")
        self.assertGoesOn()

    def test_at_the_start(self):
        """Whenever it comes: 75 with a checkpoint, or an end before there was anything to keep."""
        for step in range(8):
            for number in (signal.SIGUSR1, signal.SIGTERM):
                with self.subTest(number.name, delay=step * 0.03), self.start() as running:
                    time.sleep(step * 0.03)
                    running.send(number)
                    result = running.wait()
                    self.assertIn(result.status, (STOPPED, -number), result)
                    if self.run_dir.exists():
                        self.assertAllWhole(self.run_dir)
                    if result.status == STOPPED:
                        self.assertGoesOn()

    def test_while_a_long_corpus_is_read(self):
        """Nothing is to be saved yet: 75 soon, nothing written, and the same run can start with --resume."""
        with open(self.corpus, "wb") as file:
            file.truncate(1 << 36)
        for ranks in (None, 2):
            with self.subTest(ranks), self.start("--max-tokens", 0, ranks=ranks) as running:
                self.wait_for_reading(running, ranks or 1)
                begun = time.monotonic()
                running.send(signal.SIGUSR1)
                result = running.wait()
                self.assertLess(time.monotonic() - begun, 15)
                self.assertEqual(STOPPED, result.status, result)
                self.assertEqual("", result.stderr, result)
                self.assertIn("while the corpus was read", result.stdout)
                self.assertFalse(self.run_dir.exists())
        self.corpus = self.write("corpus.txt", support.text(400))
        self.assertDone(
            run(
                *("train", "--resume", "--run-dir", self.run_dir, "--corpus", self.corpus, "--quiet"),
                *("--hidden-size", 16, "--batch-size", 8, "--num-steps", 8, "--epochs", 1),
            )
        )

    def test_stopped_again(self):
        """A run that is resumed and stopped, three times."""
        with self.start() as running:
            self.wait_for_training(running)
            running.send(signal.SIGUSR1)
            self.assertStopped(running)
        for _ in range(2):
            update = support.updates_done(self.run_dir / "checkpoint.h5")
            with support.start(
                *("train", "--resume", "--run-dir", self.run_dir, "--max-updates", 0)
            ) as running:
                while "epoch" not in running.stdout().rpartition("run  ")[2].partition("\n")[2]:
                    self.assertTrue(running.running(), running.stderr())
                    time.sleep(0.01)
                running.send(signal.SIGUSR1)
                self.assertStopped(running)
            self.assertGreater(support.updates_done(self.run_dir / "checkpoint.h5"), update)


class RanksTest(SignalTest):
    def test_usr1_to_mpirun(self):
        with self.start(ranks=3) as running:
            self.wait_for_training(running)
            running.send(signal.SIGUSR1)
            self.assertStopped(running)

    def test_to_one_rank(self):
        """Whichever rank gets it, all of them stop after the same update."""
        for rank, number in ((0, signal.SIGTERM), (2, signal.SIGINT), (1, signal.SIGUSR1)):
            with self.subTest(number.name, rank=rank), self.start(ranks=3) as running:
                self.wait_for_training(running)
                os.kill(running.ranks()[rank], number)
                self.assertStopped(running)

    def test_to_all_ranks_twice(self):
        with self.start(ranks=2) as running:
            self.wait_for_training(running)
            for number in (signal.SIGTERM, signal.SIGCONT, signal.SIGTERM):
                for pid in running.ranks():
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        pass  # quicker than the second signal
            self.assertStopped(running)

    def test_term_to_mpirun(self):
        """mpirun returns 1 after its two seconds, whatever the ranks do. The checkpoint is whole, and newer than
        that of the start where an update and the writing fit into them: on a busy machine, in one of a few tries."""
        for number in (signal.SIGTERM, signal.SIGINT):
            updates = 0
            for attempt in range(4):
                with self.subTest(number.name, attempt=attempt), self.start(ranks=2) as running:
                    self.wait_for_training(running)
                    running.send(number)
                    result = running.wait_for_ranks()
                    self.assertNotEqual(0, result.status, result)
                    updates = support.updates_done(self.run_dir / "checkpoint.h5")
                    self.assertWholeAndGoesOn()
                if updates > 0:
                    break
            self.assertGreater(updates, 0)

    def test_usr1_at_the_start(self):
        """No rank hangs, and what there is is whole. Before it has ranks, mpirun drops the signal."""
        for delay in (0.15, 0.3, 0.45):
            with self.subTest(delay=delay), self.start(ranks=2) as running:
                time.sleep(delay)
                running.send(signal.SIGUSR1)
                while running.running() and "epoch 3/" not in running.stdout():
                    time.sleep(0.01)
                if running.running():
                    running.send(signal.SIGUSR1)
                result = running.wait()
                self.assertNotEqual(0, result.status)
                if self.run_dir.exists():
                    self.assertAllWhole(self.run_dir)
                if result.status == STOPPED:
                    self.assertGoesOn()


class ClockTest(SignalTest):
    def test_max_minutes(self):
        """75, soon after the time, every time anew."""
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                start = time.monotonic()
                with self.start("--max-minutes", 0.02, ranks=ranks) as running:
                    result = self.assertStopped(running)
                self.assertGreater(time.monotonic() - start, 1.2)
                self.assertIn("--max-minutes", result.stdout)

    def test_max_minutes_after_resume(self):
        with self.start("--max-minutes", 0.01) as running:
            self.assertStopped(running)
        update = support.updates_done(self.run_dir / "checkpoint.h5")
        result = run(
            *("train", "--resume", "--run-dir", self.run_dir, "--quiet"),
            *("--max-updates", 0, "--max-minutes", 0.01),
        )
        self.assertStatus(STOPPED, result)
        self.assertEqual("", result.stdout)
        self.assertGreater(support.updates_done(self.run_dir / "checkpoint.h5"), update)

    def test_max_updates(self):
        for ranks in (None, 2):
            with self.subTest(ranks=ranks), self.start("--max-updates", 7, ranks=ranks) as running:
                self.assertDone(running.wait())
                self.assertEqual(7, support.updates_done(self.run_dir / "checkpoint.h5"))

    def test_checkpoint_every_minutes(self):
        """Checkpoints come within an epoch too."""
        with self.start(
            *("--checkpoint-every-minutes", 0.002, "--keep", 1000, "--max-minutes", 0.03)
        ) as running:
            self.assertEqual(STOPPED, running.wait().status)
        batches = []
        for path in self.run_dir.glob("checkpoint*.h5"):
            with h5py.File(path) as file:
                batches.append(int(file["progress"].attrs["batch"]))
        self.assertGreaterEqual(len(batches), 4)
        self.assertTrue(any(batches), "never within an epoch")


if __name__ == "__main__":
    unittest.main()
