#!/usr/bin/python3
"""The program against PyTorch: trajectories, samples and vocabularies of tests/golden.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_golden.py [--np 1,2,8] [unittest's arguments]

Without --np, LSTM_MPI_TEST_NP says the numbers of ranks; without it they are 1, 2, 3, 4, 5 and 8.
"""

import argparse
import json
import os
import sys
import unittest
from pathlib import Path

import h5py

import support

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
TOLERANCE = 1e-5  # relative
TIMEOUT = 120
SAMPLE_LENGTH = 30


class Case:
    def __init__(self, folder):
        self.name = folder.name
        self.corpus = folder / "corpus.txt"
        self.init = folder / "init.h5"
        self.final = folder / "final.h5"  # where the end of the training is kept
        self.expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        self.options = self.expected["options"]

    def train(self, run_dir, ranks, **changed):
        """Trains in run_dir with the options of the case but for the changed; None: without it."""
        options = {"init-from": self.init} | self.options | changed
        return support.run(
            *("train", "--corpus", self.corpus, "--run-dir", run_dir),
            *("--predict-length", 0, "--log-every", 1, "--quiet"),
            *(
                word
                for name, value in options.items()
                if value is not None
                for word in ([f"--{name}"] if value is True else [f"--{name}", value])
            ),
            ranks=ranks,
            timeout=TIMEOUT,
        )


def cases():
    found = [Case(path.parent) for path in sorted(GOLDEN.glob("*/expected.json"))]
    assert found, f"no cases in {GOLDEN}"
    return found


def largest_difference(values, references):
    """Relative; not a number where one of the values is none."""
    return max((abs(v / r - 1) for v, r in zip(values, references)), key=lambda d: (d != d, d))


class GoldenTest(support.ProgramTest):
    def test_trajectories(self):
        for case in cases():
            for ranks in support.rank_counts():
                wanted = ranks in case.expected.get("ranks", [ranks])
                if wanted and ranks <= case.options["batch-size"]:
                    with self.subTest(case=case.name, ranks=ranks):
                        self.check_trajectory(case, ranks)

    def test_exact_trajectories(self):
        """With --rank-invariant: only what follows the last common digits differs."""
        for case in cases():
            with self.subTest(case=case.name):
                self.check_trajectory(case, 1, **{"rank-invariant": True})

    def check_trajectory(self, case, ranks, **changed):
        run_dir = self.folder / f"{case.name}-{ranks}"
        result = case.train(run_dir, ranks, **changed)
        self.assertStatus(0, result)
        self.assertEqual("", result.stdout)

        with h5py.File(run_dir / "metrics.h5") as file:
            measured = {name: file["metrics"][name][:] for name in ("perplexity", "grad_norm")}
        differences = {}
        for name, values in measured.items():
            references = case.expected[name]
            if references is None:  # it depends on the order of the subsequences
                continue
            self.assertEqual(len(references), len(values), name)
            differences[name] = largest_difference(values, references)
        if ranks == 1:
            told = ", ".join(f"{name} by {by:.1e}" for name, by in differences.items())
            print(f"{case.name} differs in {told} at most", file=sys.stderr)
        for name, difference in differences.items():
            self.assertLess(
                difference,
                TOLERANCE,
                f"{name}\n is      {list(measured[name])}\n and not {case.expected[name]}",
            )

        targets = case.options["batch-size"] * case.options.get("num-steps", 35)
        with h5py.File(run_dir / "checkpoint.h5") as file:
            progress = file["progress"].attrs
            self.assertEqual(case.options["epochs"], progress["epoch"])
            self.assertEqual(case.expected["updates"], progress["update"])
            self.assertEqual(case.expected["updates"] * targets, progress["tokens_seen"])
            if case.final.exists():
                self.check_final(case, file)

    def check_final(self, case, checkpoint):
        """Every weight and every number of the optimizer's state, relative to the largest of its tensor."""
        with h5py.File(case.final) as final:
            references = {}
            final.visititems(
                lambda path, item: references.update({path: item[:]})
                if isinstance(item, h5py.Dataset)
                else None
            )
        for path, reference in references.items():
            values = checkpoint[path][:]
            self.assertEqual(reference.shape, values.shape, path)
            difference = abs(values.astype(float) - reference).max() / abs(reference).max()
            self.assertLess(difference, TOLERANCE, path)
        states = {path for path in references if path.startswith("optimizer/")}
        self.assertEqual(bool(states), "optimizer" in checkpoint)

    def test_samples(self):
        """Greedy, from the checkpoint before the first update and from the last one."""
        for case in cases():
            with self.subTest(case=case.name):
                run_dir = self.folder / case.name
                self.assertStatus(0, case.train(run_dir, None))
                for file, samples in (
                    ("checkpoint-0.h5", case.expected["initial_samples"]),
                    ("checkpoint.h5", case.expected["trained_samples"]),
                ):
                    for sample in samples:
                        self.check_sample(run_dir / file, sample)

    def test_samples_of_files_without_settings(self):
        """The shape of the network is that of the weights."""
        for case in cases():
            with self.subTest(case=case.name):
                for sample in case.expected["initial_samples"][:1]:
                    self.check_sample(case.init, sample)
                    if "bidirectional" in case.options:
                        self.assertIn("bidirectional", self.check_sample(case.init, sample).stderr)

    def check_sample(self, checkpoint, sample):
        result = support.run(
            *("generate", "--checkpoint", checkpoint),
            *("--prefix", sample["prefix"], "--length", SAMPLE_LENGTH),
        )
        self.assertStatus(0, result)
        self.assertEqual(sample["prefix"] + sample["text"] + "\n", result.stdout)
        return result

    def test_vocabulary(self):
        """The corpus's own: by falling count, ties by code point, max-tokens or not."""
        for case in cases():
            for ranks in (1, 3):
                with self.subTest(case=case.name, ranks=ranks):
                    self.check_vocabulary(case, ranks)

    def check_vocabulary(self, case, ranks):
        run_dir = self.folder / f"{case.name}-{ranks}"
        changed = {"init-from": None, "hidden-size": 4, "epochs": 1, "max-updates": 1}
        if "tie-weights" in case.options:
            changed["embedding-size"] = 4
        self.assertStatus(0, case.train(run_dir, ranks, **changed))
        expected = case.expected["vocabulary"]
        with h5py.File(run_dir / "checkpoint.h5") as file:
            vocabulary = file["vocabulary"]
            tokens = [token.decode() for token in vocabulary["token"][:]]
            self.assertEqual(["<unk>"] + [chr(c) for c in expected["code_point"][1:]], tokens)
            self.assertEqual(expected["code_point"], vocabulary["code_point"][:].tolist())
            self.assertEqual(expected["count"], vocabulary["count"][:].tolist())


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--np")
    options, others = parser.parse_known_args()
    if options.np:
        os.environ["LSTM_MPI_TEST_NP"] = options.np
    unittest.main(argv=[sys.argv[0], *others])


if __name__ == "__main__":
    main()
