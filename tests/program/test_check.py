#!/usr/bin/python3
"""check: gradients of every tensor, and a batch learned by heart, of fresh networks and of checkpoints.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_check.py [unittest's arguments]
"""

import re
import unittest

import h5py

import support
from support import run, run_all

ROW = re.compile(r"^  (/model/\S+) +(\d+(?: x \d+)?) +([\d,]+) +(\d+) +(\S+)  (\w[^*]*?)(?: \*)?$", re.MULTILINE)
LEARNED = re.compile(r"^  perplexity ([\d.]+) at first, ([\d.]+) after (\d+) updates  (.+)$", re.MULTILINE)

SHAPES = (
    (),
    ("--num-layers", 2, "--bidirectional", "--bias", "double"),
    ("--embedding-size", 9, "--dropout", 0.4),
    ("--embedding-size", 16, "--tie-weights"),
    ("--rank-invariant", "--hidden-size", 24),
    ("--init", "normal", "--num-layers", 3),
)


class SoundTest(support.ProgramTest):
    def assertSound(self, result):
        """Everything is ok, and is said to be; returns the rows of the table by their tensors."""
        self.assertDone(result)
        rows = {row[0]: row[1:] for row in ROW.findall(result.stdout)}
        self.assertTrue(rows, result)
        for shape, numbers, directions, difference, verdict in rows.values():
            count = 1
            for length in shape.split(" x "):
                count *= int(length)
            self.assertEqual(count, int(numbers.replace(",", "")))
            self.assertEqual("ok", verdict, f"\n{result}")
            self.assertGreater(int(directions), 0)
            self.assertLess(float(difference), 2e-3)
        first, last, updates, verdict = LEARNED.search(result.stdout).groups()
        self.assertGreater(float(first), 20)
        self.assertLessEqual(float(last), 1.01)
        self.assertGreater(int(updates), 5)
        self.assertEqual("ok", verdict)
        return rows


class FreshTest(SoundTest):
    def test_every_cell_and_shape(self):
        calls = [(("check", "--cell", cell, *shape), {}) for cell in ("lstm", "gru", "rnn") for shape in SHAPES]
        for (words, _), result in zip(calls, run_all(calls, at_once=2)):
            with self.subTest(words=words):
                self.assertSound(result)

    def test_tensors_are_those_of_the_shape(self):
        rows = self.assertSound(run("check", *SHAPES[1], "--cell", "gru"))
        layers = [f"/model/layer{layer}{way}/" for layer in (0, 1) for way in ("", "/reverse")]
        expected = {layer + name for layer in layers for name in ("W_x", "W_h", "b", "b_h")}
        self.assertEqual(expected | {"/model/output/W", "/model/output/b"}, set(rows))
        self.assertEqual("32 x 48", rows["/model/layer1/reverse/W_x"][0])

    def test_seeds_and_sizes(self):
        first, again, other = run_all([(("check", "--seed", seed), {}) for seed in (1, 1, 7)], at_once=2)
        self.assertSound(first)
        self.assertSound(other)
        self.assertEqual(first.stdout, again.stdout)
        self.assertNotEqual(first.stdout, other.stdout)
        sized = run("check", "--batch-size", 7, "--num-steps", 3)
        self.assertSound(sized)
        self.assertIn("7 rows of 3 random tokens", sized.stdout)

    def test_a_loss_that_bends(self):
        """Where differences over long steps agree with each other, but not with the gradient."""
        words = ("--cell", "rnn", "--hidden-size", 4, "--num-layers", 3, "--bidirectional", "--seed", 107)
        self.assertSound(run("check", *words, "--batch-size", 16, "--num-steps", 10))

    def test_every_vector_level(self):
        for level in ("baseline", "avx2"):
            result = run("check", "--cell", "gru", environment={"LSTM_MPI_VECTOR_LEVEL": level})
            self.assertSound(result)
            self.assertIn(f"{level} vector code", result.stdout)

    def test_what_cannot_be_learned(self):
        """Two histories that are the same to the network want different tokens."""
        result = run("check", "--cell", "rnn", "--hidden-size", 1, "--batch-size", 8, "--num-steps", 8)
        self.assertError(1, result, "batch", "perplexity")
        self.assertIn("NOT LEARNED", result.stdout)

    def test_bad_options(self):
        self.assertError(2, run("check", "--cell", "lstn"), "--cell", "lstn", "lstm, gru or rnn")
        self.assertError(2, run("check", "--hidden-size", 0), "--hidden-size")
        self.assertError(2, run("check", "--epochs", 3), "--epochs")
        self.assertError(2, run("check", "--tie-weights"), "--tie-weights", "--embedding-size 16")
        self.assertError(2, run("check", "file.h5"), "file.h5")

    def test_help(self):
        result = run("check", "--help")
        self.assertDone(result)
        for option in ("--checkpoint FILE", "--cell lstm|gru|rnn", "--num-layers N", "--seed N", "(default: 16)"):
            self.assertIn(option, result.stdout)
        self.assertNotIn("--corpus", result.stdout)


class RanksTest(SoundTest):
    def test_every_cell_and_shape(self):
        for ranks in (2, 3):
            for shape in SHAPES[1:5]:
                self.assertSound(run("check", *shape, ranks=ranks))

    def test_rows_for_every_rank(self):
        result = run("check", "--cell", "rnn", ranks=8)
        self.assertSound(result)
        self.assertIn("8 rows of 5 random tokens, on 8 ranks", result.stdout)
        self.assertError(1, run("check", "--batch-size", 2, ranks=3), "3 ranks", "2 rows")

    def test_errors_are_told_once(self):
        words = ("check", "--cell", "rnn", "--hidden-size", 1, "--batch-size", 8, "--num-steps", 8)
        self.assertError(1, run(*words, ranks=2), "batch", "perplexity")
        self.assertError(2, run("check", "--cell", "lstn", ranks=2), "lstn")


class CheckpointTest(SoundTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.write("corpus.txt", support.text(3000))
        self.checkpoint = self.folder / "run" / "checkpoint.h5"

    def train(self, *words):
        result = run("train", "--corpus", self.corpus, "--run-dir", self.folder / "run", "--quiet", "--epochs", 8,
                     "--hidden-size", 20, "--batch-size", 8, "--num-steps", 10, "--predict-length", 0,
                     "--optimizer", "adam", "--lr", 0.01, *words)
        self.assertDone(result)

    def test_every_cell_and_shape(self):
        """That of the file, whatever the defaults; the file stays as it is."""
        self.train("--cell", "gru", "--num-layers", 2, "--embedding-size", 6, "--dropout", 0.2, "--bias", "double")
        before = support.tree(self.folder)
        for ranks in (None, 2):
            result = run("check", "--checkpoint", self.checkpoint, ranks=ranks)
            rows = self.assertSound(result)
            self.assertIn("gru, 2 layers, hidden size 20, embedding size 6, two biases, dropout 0.2", result.stdout)
            with h5py.File(self.checkpoint) as file:
                shapes = {}
                file["model"].visititems(
                    lambda path, thing: shapes.update({f"/model/{path}": thing.shape} if hasattr(thing, "shape") else {})
                )
            self.assertEqual({path: " x ".join(map(str, shape)) for path, shape in shapes.items()},
                             {path: row[0] for path, row in rows.items()})
        self.assertEqual(before, support.tree(self.folder))

    def test_options_that_contradict_the_file(self):
        self.train()
        self.assertSound(run("check", "--checkpoint", self.checkpoint, "--hidden-size", 20, "--dropout", 0.1))
        for ranks in (None, 2):
            result = run("check", "--checkpoint", self.checkpoint, "--hidden-size", 21, ranks=ranks)
            self.assertError(1, result, "--hidden-size", "'21'", "'20'", self.checkpoint)
        self.assertError(1, run("check", "--checkpoint", self.checkpoint, "--bidirectional"), "--bidirectional")

    def test_bad_files(self):
        self.assertError(1, run("check", "--checkpoint", self.folder / "no.h5"), "no.h5")
        self.assertError(1, run("check", "--checkpoint", self.corpus, ranks=2), "corpus.txt")


if __name__ == "__main__":
    unittest.main()
