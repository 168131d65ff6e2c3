#!/usr/bin/python3
"""The held-out part: its perplexity, best.h5, patience, plateaus.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_validation.py [unittest's arguments]
"""

import math
import unittest

import h5py
import numpy as np

import support
from support import run

TOKENS = 400
FRACTION = 0.15
HELD_OUT = 60
ROWS = 5
OPTIONS = {
    "hidden-size": 8,
    "batch-size": ROWS,
    "num-steps": 6,
    "start-offset": 0,
    "epochs": 9,
    "predict-length": 0,
    "log-every": 2,
    "optimizer": "adam",
    "lr": 0.05,
    "valid-fraction": FRACTION,
}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def perplexity(checkpoint, text):
    """Of a text under the weights of a checkpoint, in double: rows of nearly equal length, each from zero."""
    with h5py.File(checkpoint) as file:
        tokens = [token.decode() for token in file["vocabulary/token"][:]]
        weights = {
            path: file[f"model/{path}"][:].astype(float)
            for path in ("layer0/W_x", "layer0/W_h", "layer0/b", "output/W", "output/b")
        }
    ids = [tokens.index(character) for character in text]
    hidden = len(weights["output/W"])
    losses = []
    for inputs in np.array_split(np.arange(len(ids) - 1), ROWS):
        h = c = np.zeros(hidden)
        for place in inputs:
            z = weights["layer0/W_x"][ids[place]] + h @ weights["layer0/W_h"] + weights["layer0/b"]
            i, f, o = (sigmoid(z[k * hidden : (k + 1) * hidden]) for k in range(3))
            c = f * c + i * np.tanh(z[3 * hidden :])
            h = o * np.tanh(c)
            logits = h @ weights["output/W"] + weights["output/b"]
            losses.append(np.log(np.exp(logits).sum()) - logits[ids[place + 1]])
    return math.exp(np.mean(losses))


def metrics(run_dir, name="valid_perplexity"):
    with h5py.File(run_dir / "metrics.h5") as file:
        return file["metrics"][name][:]


def progress(checkpoint):
    with h5py.File(checkpoint) as file:
        return dict(file["progress"].attrs)


class ValidationTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.text = support.text(TOKENS, kinds=30)
        self.corpus = self.write("corpus.txt", self.text)

    def train(self, name, *flags, ranks=None, **changed):
        options = OPTIONS | {option.replace("_", "-"): value for option, value in changed.items()}
        words = [word for option, value in options.items() for word in (f"--{option}", value)]
        result = run(
            *("train", "--corpus", self.corpus, "--run-dir", self.folder / name, *flags, *words),
            ranks=ranks,
        )
        self.assertDone(result)
        return self.folder / name, result.stdout

    def test_perplexity(self):
        """Every second epoch and the last one, of the last tokens."""
        run_dir, _ = self.train("run", "--quiet", checkpoint_every=1, keep=20)
        measured = metrics(run_dir)
        self.assertEqual([e % 2 == 0 or e == 9 for e in range(1, 10)], list(~np.isnan(measured)))
        for epoch, value in enumerate(measured, 1):
            if not math.isnan(value):
                name = "checkpoint.h5" if epoch == 9 else f"checkpoint-{self.updates(epoch)}.h5"
                expected = perplexity(run_dir / name, self.text[-HELD_OUT:])
                self.assertAlmostEqual(1, value / expected, delta=2e-6)

    def updates(self, epochs):
        return epochs * ((TOKENS - HELD_OUT - 1) // ROWS // 6)

    def test_ranks(self):
        alone, _ = self.train("alone", "--quiet")
        for ranks in (2, 3, 5):
            run_dir, _ = self.train(f"run{ranks}", "--quiet", ranks=ranks)
            np.testing.assert_allclose(metrics(run_dir), metrics(alone), rtol=1e-5)

    def test_training_goes_on_as_without(self):
        """What is held out is read between two updates; these do not notice."""
        for sampling in ("sequential", "random"):
            changes = {"log_every_updates": 3, "sampling": sampling, "epochs": 3}
            held_out, _ = self.train(f"{sampling}1", "--quiet", **changes)
            changes |= {"valid_fraction": 0, "max_tokens": TOKENS - HELD_OUT}
            alone, _ = self.train(f"{sampling}2", "--quiet", **changes)
            for name in ("perplexity", "grad_norm"):
                np.testing.assert_array_equal(metrics(held_out, name), metrics(alone, name))
            self.assertFalse((alone / "best.h5").exists())

    def test_best(self):
        run_dir, stdout = self.train("run", epochs=40, lr=0.2)
        measured = metrics(run_dir)
        best = np.nanargmin(measured)
        self.assertLess(best + 1, 40)
        state = progress(run_dir / "best.h5")
        self.assertEqual(measured[best], state["best_valid_perplexity"])
        self.assertEqual((best + 1, 0), (state["epoch"], state["batch"]))
        expected = perplexity(run_dir / "best.h5", self.text[-HELD_OUT:])
        self.assertAlmostEqual(1, measured[best] / expected, delta=2e-6)
        self.assertRegex(stdout, rf"epoch {best + 1}/40 .*validation {measured[best]:.1f} ")
        self.assertIn(f"best validation perplexity {measured[best]:.1f}, after update", stdout)
        self.assertDone(run("generate", "--checkpoint", run_dir / "best.h5", "--prefix", self.text[:2]))
        self.assertDone(run("inspect", run_dir / "best.h5"))

    def test_patience(self):
        run_dir, stdout = self.train("run", epochs=200, lr=0.2, patience=3)
        measured = metrics(run_dir)
        best = np.nanargmin(measured)
        self.assertEqual(best + 1 + 3 * 2, len(measured))
        self.assertIn("stopped by --patience", stdout)
        result = run("train", "--run-dir", run_dir, "--resume")
        self.assertDone(result)
        self.assertIn("this run is finished: 3 log intervals", result.stdout)
        self.assertEqual(len(measured), len(metrics(run_dir)))

    def test_plateau(self):
        """The rate falls, and the weights are the best ones again."""
        run_dir, _ = self.train(
            "run", "--quiet", epochs=60, lr=0.2, lr_plateau=0.5, checkpoint_every=2, keep=99
        )
        measured = metrics(run_dir)[1::2]
        worse = [k for k in range(1, 30) if not measured[k] < min(measured[:k])]
        self.assertTrue(worse)
        state = progress(run_dir / "checkpoint.h5")
        self.assertEqual(0.5 ** len(worse), state["rate_factor"])
        self.assertEqual(0.2 * 0.5 ** sum(k < 29 for k in worse), state["rate"])
        with (
            h5py.File(run_dir / f"checkpoint-{self.updates(2 * worse[0] + 2)}.h5") as after,
            h5py.File(run_dir / f"checkpoint-{self.updates(2 * worse[0])}.h5") as before,
        ):
            for group in ("model", "optimizer/exp_avg"):
                np.testing.assert_array_equal(after[f"{group}/output/W"], before[f"{group}/output/W"])

    def test_resume(self):
        """Bit for bit, best.h5 too: within an epoch, before and after a plateau."""
        for ranks, log_every_updates in ((None, 0), (2, 7)):
            changes = {"epochs": 24, "lr": 0.2, "lr_plateau": 0.7, "patience": 9, "ranks": ranks}
            changes |= {"log_every_updates": log_every_updates}
            whole, _ = self.train(f"whole{ranks}", "--quiet", **changes)
            self.assertLess(progress(whole / "checkpoint.h5")["rate_factor"], 1)
            for update in (40, 95, 171):
                with self.subTest(update=update, ranks=ranks):
                    name = f"run{ranks}-{update}"
                    self.train(name, "--quiet", max_updates=update, **changes)
                    run_dir, _ = self.train(name, "--quiet", "--resume", max_updates=0, **changes)
                    self.assertSameRun(whole, run_dir)
                    self.assertEqual(
                        progress(whole / "best.h5")["update"], progress(run_dir / "best.h5")["update"]
                    )

    def test_a_new_run_has_no_best(self):
        run_dir, _ = self.train("run", "--quiet")
        self.assertTrue((run_dir / "best.h5").exists())
        self.train("run", "--quiet", "--overwrite", valid_fraction=0)
        self.assertFalse((run_dir / "best.h5").exists())

    def test_what_needs_it(self):
        for words in (("--patience", 3), ("--lr-plateau", 0.5)):
            result = run("train", "--corpus", self.corpus, *words)
            self.assertError(2, result, words[0], "--valid-fraction")
        run_dir, _ = self.train("run", "--quiet", valid_fraction=0)
        result = run("train", "--run-dir", run_dir, "--resume", "--lr-plateau", 0.5, "--epochs", 99)
        self.assertError(2, result, "--lr-plateau", "--valid-fraction")

    def test_too_little(self):
        words = ("train", "--corpus", self.corpus, "--run-dir", self.folder / "run")
        self.assertError(1, run(*words, "--valid-fraction", 0.001), "--valid-fraction", "400")
        self.assertError(1, run(*words, "--valid-fraction", 0.99, "--num-steps", 6), "4 tokens")
        for value in (1, -0.1, "half"):
            self.assertError(2, run(*words, f"--valid-fraction={value}"), "--valid-fraction")
        self.assertFalse((self.folder / "run").exists())


if __name__ == "__main__":
    unittest.main()
