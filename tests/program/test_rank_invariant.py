#!/usr/bin/python3
"""With --rank-invariant the number of ranks changes nothing, to the bit; nor do CPUs of different kinds.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_rank_invariant.py [unittest's arguments]
"""

import ctypes
import os
import subprocess
import unittest

import support
from support import run

EPOCHS = 3
METRICS = ("/metrics/epoch", "/metrics/perplexity", "/metrics/grad_norm")
# The clip acts on every update, and the batch divides evenly among none of the numbers of ranks but one.
OPTIONS = (
    *("--rank-invariant", "--quiet", "--predict-length", 0, "--epochs", EPOCHS),
    *("--hidden-size", 19, "--batch-size", 11, "--num-steps", 7, "--clip-norm", 0.02, "--max-tokens", 700),
)

TIED = ("--tie-weights", "--embedding-size", 19)


def bits_of(run_dir):
    """The bytes of all that the ranks compute, by their names."""
    contents = support.h5_contents(run_dir / "checkpoint.h5")
    return {
        name: values.tobytes()
        for name, values in contents.items()
        if (name.startswith(("/model/", "/state/")) and "@" not in name) or name in METRICS
    }


class BitsTest(support.ProgramTest):
    def assertSameBits(self, expected, run_dir):
        bits = bits_of(run_dir)
        self.assertEqual(sorted(expected), sorted(bits))
        self.assertEqual([], [name for name in bits if bits[name] != expected[name]], "have other bits")


class RankInvariantTest(BitsTest):
    def train(self, name, *options, **how):
        self.assertDone(run("train", "--run-dir", self.folder / name, *OPTIONS, *options, **how))
        return self.folder / name

    def check(self, *options):
        alone = bits_of(self.train("alone", *options))
        for ranks in support.rank_counts((2, 3, 4, 5, 8)):
            with self.subTest(ranks=ranks):
                self.assertSameBits(alone, self.train(f"on{ranks}", *options, ranks=ranks))

    def test_sequential(self):
        self.check()
        contents = support.h5_contents(self.folder / "alone" / "checkpoint.h5")
        self.assertTrue((contents["/metrics/grad_norm"] > 0.02).all(), "the clip does not act")

    def test_random(self):
        self.check("--sampling", "random")

    def test_tied(self):
        """Inputs and outputs add to the same weights, and parts of the ranks end within rows."""
        self.check(*TIED)

    def test_tied_of_two_layers(self):
        self.check(*TIED, "--cell", "gru", "--num-layers", 2, "--dropout", 0.2, "--optimizer", "adam", "--lr", 0.01)

    def test_not_the_plain_sums(self):
        """The option does something: plainly the same run has other bits."""
        exact = bits_of(self.train("exact"))
        plain = bits_of(self.train("plain", "--no-rank-invariant"))
        self.assertNotEqual(exact["/model/output/W"], plain["/model/output/W"])

    def test_resume(self):
        """A run that goes on, within an epoch, on other numbers of ranks."""
        whole = bits_of(self.train("whole"))
        run_dir = self.train("parts", "--max-updates", 4, ranks=3)
        self.train("parts", "--resume", "--max-updates", 11, ranks=2)
        self.train("parts", "--resume", "--max-updates", 0, ranks=5)
        self.assertSameBits(whole, run_dir)

    def test_resume_keeps_the_option(self):
        run_dir = self.train("run", "--max-updates", 4)
        result = run("train", "--run-dir", run_dir, "--resume", "--no-rank-invariant")
        self.assertError(1, result, "rank-invariant")


def number_of_generic_kernels():
    """What BLIS_ARCH_TYPE calls them, which is another number with another version of BLIS."""
    blis = ctypes.CDLL("libblis.so.4")
    blis.bli_arch_string.restype = ctypes.c_char_p
    return next(number for number in range(100) if blis.bli_arch_string(number) == b"generic")


class MixedHostsTest(BitsTest):
    """Ranks whose CPUs have different vector levels: all take the lowest."""

    def train(self, name, *levels):
        """A rank for each of `levels`; None: that of this CPU."""
        return self.train_with(name, *(f"LSTM_MPI_VECTOR_LEVEL={level or ''}" for level in levels))

    def train_with(self, name, *variables):
        """A rank for each of `variables`, which is set for it."""
        command = ["mpirun", "--oversubscribe"]
        program = (support.program(), "train", "--run-dir", self.folder / name, *OPTIONS)
        for i, variable in enumerate(variables):
            command += [":"] if i > 0 else []
            command += ["-np", 1, "-x", variable, *program]
        result = self.start(command)
        self.assertEqual(0, result.returncode, result.stderr)
        return self.folder / name

    def start(self, command):
        return subprocess.run(
            [str(word) for word in command],
            env=os.environ | support.MPI_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def test_threads_on_some_ranks_alone(self):
        version = self.start([support.program(), "--version"]).stdout
        if "serial" in version:
            self.skipTest("this BLIS has no threads")
        train = (support.program(), "train", "--run-dir", self.folder / "mixed", *OPTIONS)
        two, none = ("-np", 1, "-x", "BLIS_NUM_THREADS=2", *train), ("-np", 1, *train)
        result = self.start(["mpirun", "--oversubscribe", *two, ":", *none])
        self.assertEqual(1, result.returncode, result.stderr)
        self.assertIn("BLIS has threads on some ranks", result.stderr)

    def test_lowest_level_of_all_ranks(self):
        expected = bits_of(self.train("same", "baseline", "baseline"))
        self.assertSameBits(expected, self.train("first", "baseline", None))
        self.assertSameBits(expected, self.train("last", None, None, "baseline"))

    def test_kernels_that_one_rank_asks_for(self):
        """BLIS's panels have other widths than those of lstm_mpi's own loops, and the ranks of a host share them."""
        generic, none = f"BLIS_ARCH_TYPE={number_of_generic_kernels()}", "NO_VARIABLE=1"
        expected = bits_of(self.train_with("all", generic, generic))
        self.assertSameBits(expected, self.train_with("first", generic, none))
        self.assertSameBits(expected, self.train_with("last", none, none, generic))


if __name__ == "__main__":
    unittest.main()
