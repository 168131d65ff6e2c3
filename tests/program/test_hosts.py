#!/usr/bin/python3
"""Ranks on several hosts, with a network between them.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_hosts.py [unittest's arguments]
"""

import time
import unittest

import hosts
import support
import test_rank_invariant
from support import run

TIMEOUT = 10  # so long that ranks are stopped before the watch first beats
PLACES = (
    {"h1": 1, "h2": 1},
    {"h1": 2, "h2": 2},
    {"h1": 1, "h2": 3},
    {"h1": 1, "h2": 1, "h3": 1, "h4": 1},
    {"h1": 3, "h3": 1, "h4": 2},
)


@unittest.skipUnless(hosts.are_possible(), "takes root, iproute2 and namespaces")
class HostsTest(test_rank_invariant.BitsTest):
    def setUp(self):
        super().setUp()
        self.hosts = hosts.Hosts(4, self.folder)
        self.hosts.__enter__()
        self.addCleanup(self.hosts.__exit__)

    def train(self, name, *options, **how):
        run_dir = self.folder / name
        self.assertDone(run("train", "--run-dir", run_dir, *test_rank_invariant.OPTIONS, *options, **how))
        return run_dir

    def check_bits(self, *options):
        """With --rank-invariant it makes no difference where the ranks are."""
        alone = test_rank_invariant.bits_of(self.train("alone", *options))
        for i, place in enumerate(PLACES):
            with self.subTest(place=place):
                run_dir = self.train(f"run{i}", *options, launcher=self.hosts.launcher(**place))
                self.assertSameBits(alone, run_dir)

    def test_sequential(self):
        self.check_bits()

    def test_random(self):
        self.check_bits("--sampling", "random")

    def test_tied(self):
        self.check_bits(*test_rank_invariant.TIED)

    def start(self, **ranks):
        """A run that would go on for ever, when it trains."""
        running = support.start(
            *("train", "--corpus", self.write("corpus.txt", support.text(400)), "--run-dir", self.folder / "run"),
            *("--hidden-size", 16, "--batch-size", 8, "--num-steps", 8, "--epochs", 10**9, "--predict-length", 0),
            *("--checkpoint-every", 0, "--log-every", 1, "--stall-timeout", TIMEOUT, "--overwrite"),
            launcher=self.hosts.launcher(**ranks),
        )
        self.addCleanup(running.__exit__)
        deadline = time.monotonic() + 60
        while "epoch 3/" not in running.stdout():
            self.assertTrue(running.running(), running.stderr())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return running

    def test_a_stopped_rank(self):
        """Its host is there, where another rank of it can be asked."""
        for stopped, why in ((3, "rank 3 on h2 does not run any more"), (4, "rank 4 on h3 does not answer")):
            with self.subTest(stopped=stopped):
                running = self.start(h1=2, h2=2, h3=1)
                self.hosts.stop(stopped)
                self.assertError(1, running.wait(), why, f"longer than {TIMEOUT} s")
                self.assertEqual({}, self.hosts.ranks())

    def test_a_cut_cable(self):
        """Told once, and by the side of rank 0. mpirun itself may wait for the host that it lost."""
        running = self.start(h1=2, h2=2, h3=1)
        self.hosts.cut("h2")
        deadline = time.monotonic() + 60
        while not running.stderr():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        time.sleep(2 * TIMEOUT)
        running.kill()
        self.assertIn("ranks 2-3 on h2 do not answer, stopped or cut off from h1", running.stderr())
        self.assertEqual(1, running.stderr().count("lstm_mpi: error: "), running.stderr())


if __name__ == "__main__":
    unittest.main()
