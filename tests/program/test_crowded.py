#!/usr/bin/python3
"""More ranks than CPUs: as many as there are CPUs own rows, and that changes nothing but the rounding.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_crowded.py [unittest's arguments]
"""

import os
import signal
import socket
import time
import unittest

import numpy as np

import support
from support import run

# Ranks and CPUs.
CROWDS = ((2, 1), (3, 2), (8, 3))


def cpus(count):
    return {"LSTM_MPI_CPUS": str(count)}


class CrowdedTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.write("corpus.txt", support.text(900))

    def train(self, name, *options, ranks=None, on_cpus=64):
        run_dir = self.folder / name
        result = run(
            *("train", "--run-dir", run_dir, "--corpus", self.corpus, "--epochs", 4, "--num-steps", 7),
            *("--batch-size", 11, "--hidden-size", 16, *options),
            ranks=ranks,
            environment=cpus(on_cpus),
        )
        self.assertDone(result)
        return result, support.h5_contents(run_dir / "checkpoint.h5")

    def check(self, *options):
        _, alone = self.train("alone", *options)
        for ranks, on_cpus in CROWDS:
            with self.subTest(ranks=ranks, cpus=on_cpus):
                result, crowded = self.train(f"{ranks}on{on_cpus}", *options, ranks=ranks, on_cpus=on_cpus)
                self.assertIn(f"the rows of a batch go to {on_cpus} of them", result.stdout)
                for name in ("perplexity", "valid_perplexity", "grad_norm"):
                    name = f"/metrics/{name}"
                    np.testing.assert_allclose(crowded[name], alone[name], rtol=1e-5)
                for name, values in alone.items():
                    if name.startswith(("/model/", "/state/", "/optimizer/")) and "@" not in name:
                        np.testing.assert_allclose(crowded[name], values, rtol=1e-3, atol=1e-5)
                self.assertEqual((4, ranks), crowded["/metrics/rank_compute_seconds"].shape)

    def test_sequential(self):
        self.check("--valid-fraction", 0.2, "--momentum", 0.5)

    def test_random(self):
        self.check("--sampling", "random", "--cell", "gru", "--num-layers", 2, "--dropout", 0.3)

    def test_adam(self):
        self.check("--optimizer", "adam", "--lr", 0.01, "--bidirectional", "--embedding-size", 9)

    def test_rank_invariant(self):
        """Bit for bit, and so is a run that goes on elsewhere."""
        options = ("--rank-invariant", "--valid-fraction", 0.2)
        self.train("alone", *options)
        for ranks, on_cpus in CROWDS:
            with self.subTest(ranks=ranks, cpus=on_cpus):
                name = f"{ranks}on{on_cpus}"
                self.train(name, *options, ranks=ranks, on_cpus=on_cpus)
                self.assertSameRun(self.folder / "alone", self.folder / name)
        self.train("again", *options, "--max-updates", 10, ranks=4, on_cpus=2)
        resumed = run(
            *("train", "--run-dir", self.folder / "again", "--resume", "--max-updates", 0),
            ranks=3,
            environment=cpus(1),
        )
        self.assertDone(resumed)
        self.assertSameRun(self.folder / "alone", self.folder / "again")

    def test_a_number_that_is_none(self):
        for said in ("foo", 0, -1):
            for ranks in (None, 3):
                result = run("train", "--run-dir", self.folder / "run", ranks=ranks, environment=cpus(said))
                self.assertError(1, result, f"LSTM_MPI_CPUS is '{said}'")

    def test_not_crowded(self):
        result, _ = self.train("run", ranks=3, on_cpus=3)
        self.assertNotIn("the rows of a batch", result.stdout)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "needs two CPUs")
    def test_bound_ranks(self):
        """Bound to CPUs of their own, all of them own rows; on CPUs that they share, some do not."""
        ours = sorted(os.sched_getaffinity(0))[:2]
        apart = f'exec taskset -c $(({ours[0]} + OMPI_COMM_WORLD_RANK % 2 * {ours[1] - ours[0]})) "$0" "$@"'
        for bind, workers in ((("sh", "-c", apart), None), (("taskset", "-c", f"{ours[0]},{ours[1]}"), 2)):
            with self.subTest(workers=workers):
                result = run(
                    *("train", "--corpus", self.corpus, "--run-dir", self.folder / "run", "--epochs", 1),
                    *("--batch-size", 8, "--num-steps", 7, "--hidden-size", 8, "--overwrite"),
                    ranks=3,
                    launcher=bind,
                    environment={"LSTM_MPI_CPUS": None},
                )
                self.assertDone(result)
                if workers:
                    self.assertIn(f"the rows of a batch go to {workers} of them", result.stdout)
                else:
                    self.assertNotIn("the rows of a batch", result.stdout)

    def test_evaluate_and_check(self):
        self.train("run", ranks=4, on_cpus=2)
        checkpoint = self.folder / "run/checkpoint.h5"
        command = ("evaluate", "--checkpoint", checkpoint, "--corpus", self.corpus)
        crowded = run(*command, ranks=4, environment=cpus(2))
        self.assertDone(crowded)
        self.assertEqual(run(*command).stdout, crowded.stdout)
        command = ("check", "--checkpoint", checkpoint, "--batch-size", 5)
        self.assertDone(run(*command, ranks=4, environment=cpus(2)))


class RestingRankTest(support.ProgramTest):
    """The last rank owns no rows and sleeps while the others compute."""

    RESTING = 2

    def start(self, *options):
        corpus = self.write("corpus.txt", support.text(400))
        return support.start(
            *("train", "--corpus", corpus, "--run-dir", self.folder / "run", "--hidden-size", 16),
            *("--batch-size", 8, "--num-steps", 8, "--epochs", 10**9, "--predict-length", 0),
            *("--checkpoint-every", 0, "--log-every", 1, *options),
            ranks=3,
            environment=cpus(2),
        )

    def tell_it(self, running, number):
        deadline = time.monotonic() + 60
        while "epoch 3/" not in running.stdout():
            self.assertTrue(running.running(), running.stderr())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        os.kill(running.ranks()[self.RESTING], number)

    def test_a_signal_to_it_stops_the_run(self):
        for number in (signal.SIGTERM, signal.SIGUSR1):
            with self.subTest(number.name), self.start("--overwrite") as running:
                self.tell_it(running, number)
                result = running.wait()
                self.assertEqual(75, result.status, result)
                self.assertGreater(support.updates_done(self.folder / "run/checkpoint.h5"), 0)

    def test_it_is_named_when_it_is_stopped(self):
        with self.start("--stall-timeout", 2) as running:
            self.tell_it(running, signal.SIGSTOP)
            result = running.wait()
            self.assertError(1, result, f"rank {self.RESTING} on {socket.gethostname()} do")


if __name__ == "__main__":
    unittest.main()
