#!/usr/bin/python3
"""The number of ranks changes nothing but the rounding.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_ranks.py [unittest's arguments]
"""

import unittest

import h5py
import numpy as np

import support
from support import run

RANKS = (2, 3, 4, 5, 8)
EPOCHS = 6


class RanksTest(support.ProgramTest):
    def train(self, *options, ranks=None):
        run_dir = self.folder / f"run{ranks}"
        self.assertDone(
            run(
                *("train", "--run-dir", run_dir, "--epochs", EPOCHS, "--num-steps", 7, "--quiet"),
                *("--hidden-size", 16, *options),
                ranks=ranks,
            )
        )
        return support.h5_contents(run_dir / "checkpoint.h5")

    def check(self, *options):
        alone = self.train(*options)
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                together = self.train(*options, ranks=ranks)
                for name in ("perplexity", "grad_norm"):
                    name = f"/metrics/{name}"
                    np.testing.assert_allclose(together[name], alone[name], rtol=1e-5)
                for name, values in alone.items():
                    if name.startswith(("/model/", "/state/")) and "@" not in name:
                        np.testing.assert_allclose(together[name], values, rtol=1e-3, atol=1e-5)
                    elif name.startswith("/vocabulary/"):
                        np.testing.assert_array_equal(together[name], values)
                for name in ("update", "tokens_seen", "start_offset"):
                    name = f"/progress@{name}"
                    self.assertEqual(alone[name], together[name])
                for name in ("rank_compute_seconds", "rank_wait_seconds"):
                    times = together[f"/metrics/{name}"]
                    self.assertEqual((EPOCHS, ranks), times.shape)
                    self.assertTrue((times >= 0).all(), times)

    def test_sequential(self):
        """Rows divide evenly among some of these numbers, and one row a rank is among them."""
        corpus = self.write("corpus.txt", support.text(400))
        self.check("--corpus", corpus, "--batch-size", 8)

    def test_random(self):
        corpus = self.write("corpus.txt", support.text(600))
        self.check("--corpus", corpus, "--batch-size", 11, "--sampling", "random")

    def test_built_in_corpus(self):
        """Its vocabulary is large, so the weights start where the default run does."""
        self.check("--max-tokens", 800, "--batch-size", 12)

    def test_same_again(self):
        """On the same number of ranks bit for bit, and another seed is another run."""
        corpus = self.write("corpus.txt", support.text(400))
        options = ("--corpus", corpus, "--batch-size", 8)
        for ranks in (None, 3):
            with self.subTest(ranks=ranks):
                self.train(*options, ranks=ranks)
                first = self.folder / "first"
                (self.folder / f"run{ranks}").rename(first)
                self.train(*options, ranks=ranks)
                self.assertSameRun(first, self.folder / f"run{ranks}")
                first.rename(self.folder / f"first{ranks}")
        self.train(*options, "--seed", 2, "--overwrite")
        with (
            h5py.File(self.folder / "runNone/checkpoint-0.h5") as other,
            h5py.File(self.folder / "firstNone/checkpoint-0.h5") as first,
        ):
            self.assertFalse(np.array_equal(other["model/output/W"], first["model/output/W"]))


if __name__ == "__main__":
    unittest.main()
