#!/usr/bin/python3
"""`lstm_mpi inspect` against what h5py reads from the same files.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_inspect.py [unittest's arguments]
"""

import csv
import io
import json
import math
import os
import shutil
import subprocess
import tempfile
import unicodedata
import unittest
from pathlib import Path

import h5py
import numpy

import support

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
PARAMETERS = ("layer0/W_x", "layer0/W_h", "layer0/b", "output/W", "output/b")
COLUMNS = ("epoch", "perplexity", "valid_perplexity", "tokens_per_second", "seconds", "grad_norm")
RANK_COLUMNS = ("rank_compute_seconds", "rank_wait_seconds")
WIDTH = 100
EPOCHS = 4
TEXT = "我有一剑，\"你是\"谁, 你是\t谁? " * 40


def columns(line):
    """That a terminal needs for it."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def plain(value):
    """An attribute or element of h5py as JSON has it."""
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, numpy.generic) else value


def numbers(values):
    """A list with None where a number is not finite, to any depth."""
    if isinstance(values, list):
        return [numbers(value) for value in values]
    return values if math.isfinite(values) else None


class TestInspect(support.ProgramTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="lstm_mpi_test_")
        cls.addClassCleanup(folder.cleanup)
        cls.corpus = Path(folder.name, "corpus.txt")
        cls.corpus.write_text(TEXT, encoding="utf-8")
        cls.trained = Path(folder.name, "trained")
        result = support.run("train", "--corpus", cls.corpus, "--run-dir", cls.trained, "--epochs", EPOCHS,
                             "--hidden-size", 8, "--batch-size", 4, "--num-steps", 5, "--lr", 0.1,
                             "--prefix", "我", "--prefix", "你\\是\n", ranks=2)
        if result.status != 0:
            raise AssertionError(str(result))

    def inspect(self, *arguments, **how):
        result = support.run("inspect", *arguments, **how)
        self.assertStatus(0, result)
        self.assertEqual("", result.stderr)
        return result.stdout

    def json(self, *arguments):
        return json.loads(self.inspect(*arguments, "--format", "json"))

    def table(self, *arguments):
        return list(csv.DictReader(io.StringIO(self.inspect(*arguments, "--format", "csv"), newline="")))

    def assertFails(self, status, words, *arguments, **how):
        result = support.run("inspect", *arguments, **how)
        self.assertStatus(status, result)
        self.assertEqual("", result.stdout)
        errors = [line for line in result.stderr.splitlines() if line.startswith("lstm_mpi: error: ")]
        self.assertEqual(1, len(errors), f"\n{result}")
        for word in words:
            self.assertIn(str(word), errors[0])

    def copy(self, name):
        return Path(shutil.copy(self.trained / name, self.folder / name))

    # text

    def test_text_shows_what_a_person_asks_for(self):
        text = self.inspect(self.trained)
        for part in (*PARAMETERS, str(self.trained / "checkpoint.h5"), str(self.trained / "metrics.h5"),
                     f"{EPOCHS} of {EPOCHS}, finished", "verified, all match", "hidden-size", str(self.corpus),
                     f"Metrics of {EPOCHS} epochs", "on 2 ranks: "):
            self.assertIn(part, text)
        self.assertIn("\n  * lr                        0.1\n", text)

    def test_text_fits_a_screen(self):
        paths = str(self.trained)
        for line in self.inspect(self.trained, "--vocabulary").splitlines():
            self.assertLessEqual(columns(line.replace(paths, "")), WIDTH, line)
            self.assertEqual(line.rstrip(), line)

    def test_text_lists_the_vocabulary_on_demand(self):
        listed = self.inspect(self.trained / "checkpoint.h5", "--vocabulary").split("\nTokens\n")[1].splitlines()
        with h5py.File(self.trained / "checkpoint.h5") as file:
            tokens = file["vocabulary/token"].asstr()[:]
        self.assertEqual(len(tokens), len(listed) - 1)
        for token, line in zip(tokens, listed[1:]):
            shown = {" ": "' '", "\t": "\\t"}.get(token, token)
            self.assertTrue(line.endswith("  " + shown), line)

    def test_a_finished_epoch_and_one_under_way(self):
        run = self.folder / "run"
        result = support.run("train", "--corpus", self.corpus, "--run-dir", run, "--hidden-size", 8, "--batch-size",
                             4, "--num-steps", 5, "--max-updates", 2, "--quiet")
        self.assertStatus(0, result)
        text = self.inspect(run)
        self.assertIn("0 of 1,000\n", text)
        self.assertIn("epoch 1, 2 updates in, from offset ", text)
        self.assertIn("of no epoch yet", text)

    def test_ranks_print_once(self):
        alone = self.inspect(self.trained)
        self.assertEqual(alone, self.inspect(self.trained, ranks=3))

    # JSON

    def test_json_has_all_of_the_checkpoint(self):
        path = self.trained / "checkpoint.h5"
        found = self.json(path, "--vocabulary")
        with h5py.File(path) as file:
            self.assertEqual(str(path), found["checkpoint"]["path"])
            self.assertEqual(path.stat().st_size, found["checkpoint"]["bytes"])
            self.assertIsNone(found["metrics_file"])
            for name in ("format_version", "program_version", "created"):
                self.assertEqual(plain(file.attrs[name]), found["checkpoint"][name])
            self.assertTensors(file, found)
            self.assertEqual({name: plain(value) for name, value in file["progress"].attrs.items()
                              if value.shape == ()}, found["progress"])
            self.assertMetrics(file, found["metrics"])
            vocabulary = file["vocabulary"]
            tokens = vocabulary["token"].asstr()[:].tolist()
            self.assertEqual(len(tokens), found["vocabulary_size"])
            self.assertEqual(tokens, [row["token"] for row in found["vocabulary"]])
            self.assertEqual(list(range(len(tokens))), [row["id"] for row in found["vocabulary"]])
            for column in ("code_point", "count"):
                self.assertEqual(vocabulary[column][:].tolist(), [row[column] for row in found["vocabulary"]])

    def assertTensors(self, file, found):
        datasets = []
        file.visititems(lambda name, item: datasets.append(item) if isinstance(item, h5py.Dataset) else None)
        expected = [{"path": item.name, "shape": list(item.shape), "parameters": item.size, "bytes": 4 * item.size}
                    for item in datasets if item.name.split("/")[1] in ("model", "state")]
        self.assertEqual(sorted(expected, key=lambda row: row["path"]), found["tensors"])
        learned = sum(row["parameters"] for row in expected if row["path"].startswith("/model/"))
        self.assertEqual(learned, found["parameters"])
        self.assertEqual(4 * learned, found["parameter_bytes"])

    def assertMetrics(self, file, metrics):
        self.assertEqual({*COLUMNS, *RANK_COLUMNS}, set(metrics))
        for column in (*COLUMNS, *RANK_COLUMNS):
            self.assertEqual(numbers(file[f"metrics/{column}"][:].tolist()), metrics[column], column)

    def test_json_gives_settings_their_types(self):
        config = self.json(self.trained)["config"]
        with h5py.File(self.trained / "checkpoint.h5") as file:
            stored = file["config"].attrs
            self.assertEqual(set(stored), set(config))
            for name, value in stored.items():
                if not isinstance(config[name], (bool, list)) and config[name] is not None:
                    expected = plain(value)
                    self.assertEqual(f"{expected:016x}" if name == "corpus_digest" else expected, config[name], name)
        self.assertEqual([str(self.corpus)], config["corpus"])
        self.assertEqual(["我", "你\\是\n"], config["prefix"])
        self.assertIs(False, config["quiet"])
        self.assertIsNone(config["init_from"])
        self.assertEqual("random", config["start_offset"])
        self.assertEqual((0.1, 8, "sequential"), (config["lr"], config["hidden_size"], config["sampling"]))

    def test_json_of_a_run_has_the_newer_metrics(self):
        run = Path(shutil.copytree(self.trained, self.folder / "run"))
        with h5py.File(run / "metrics.h5", "r+") as file:
            for column in (*COLUMNS, *RANK_COLUMNS):
                values = file[f"metrics/{column}"][:]
                del file[f"metrics/{column}"]
                file[f"metrics/{column}"] = numpy.concatenate([values, values[:1]])
        found = self.json(run)
        self.assertEqual(EPOCHS + 1, len(found["metrics"]["epoch"]))
        self.assertEqual(str(run / "metrics.h5"), found["metrics_file"]["path"])
        (run / "metrics.h5").unlink()
        found = self.json(run)
        self.assertEqual(EPOCHS, len(found["metrics"]["epoch"]))
        self.assertIsNone(found["metrics_file"])

    def test_json_of_metrics_alone(self):
        found = self.json(self.copy("metrics.h5"))
        self.assertEqual({"path", "checkpoint", "metrics_file", "metrics"}, set(found))
        self.assertIsNone(found["checkpoint"])
        self.assertEqual(found, self.json(self.folder) | {"path": found["path"]})

    # CSV

    def test_csv_has_a_line_for_each_epoch(self):
        rows = self.table(self.trained)
        with h5py.File(self.trained / "metrics.h5") as file:
            expected = {column: file[f"metrics/{column}"][:] for column in COLUMNS}
            for column in RANK_COLUMNS:
                for rank, values in enumerate(file[f"metrics/{column}"][:].T):
                    expected[f"{column}_{rank}"] = values
        self.assertEqual(list(expected), list(rows[0]))
        self.assertEqual(EPOCHS, len(rows))
        for column, values in expected.items():
            found = [float(row[column]) if row[column] else math.nan for row in rows]
            numpy.testing.assert_array_equal(values, found, column)

    def test_csv_of_the_vocabulary(self):
        rows = self.table(self.trained / "checkpoint.h5", "--vocabulary")
        with h5py.File(self.trained / "checkpoint.h5") as file:
            vocabulary = file["vocabulary"]
            self.assertEqual(vocabulary["token"].asstr()[:].tolist(), [row["token"] for row in rows])
            self.assertEqual(vocabulary["count"][:].tolist(), [int(row["count"]) for row in rows])
            self.assertEqual(vocabulary["code_point"][:].tolist(), [int(row["code_point"]) for row in rows])

    # Files from elsewhere, and what is no file of a run

    def test_files_of_h5py_are_shown(self):
        paths = sorted(GOLDEN.glob("*/init.h5"))
        self.assertTrue(paths)
        for path in paths:
            with self.subTest(path=path.parent.name):
                self.assertIn("layer0/W_x", self.inspect(path))
                found = self.json(path, "--vocabulary")
                self.assertIsNone(found["progress"])
                self.assertEqual([], found["metrics"]["epoch"])
                with h5py.File(path) as file:
                    self.assertEqual(file["vocabulary/token"].shape[0], len(found["vocabulary"]))
                    settings = file["config"].attrs if "config" in file else {}
                    self.assertEqual(set(settings), set(found["config"] or {}) - {"corpus_digest"})
                self.assertEqual([], self.table(path))

    def test_settings_of_another_version_are_shown_as_they_are(self):
        path = self.copy("checkpoint.h5")
        with h5py.File(path, "r+") as file:
            file["config"].attrs["of_tomorrow"] = 12
            file["config"].attrs["sampling"] = "backwards"
        config = self.json(path)["config"]
        self.assertEqual(("12", "backwards"), (config["of_tomorrow"], config["sampling"]))
        self.assertIn("Of another version of the program", self.inspect(path))

    def test_a_damaged_checkpoint_is_an_error(self):
        path = self.copy("checkpoint.h5")
        with h5py.File(path) as file:
            offset = file["model/layer0/W_h"].id.get_offset()
        data = bytearray(path.read_bytes())
        data[offset + 5] ^= 1
        path.write_bytes(data)
        for ranks in (None, 3):
            for output in ("text", "json", "csv"):
                self.assertFails(1, [path, "/model/layer0/W_h"], path, "--format", output, ranks=ranks)
        self.assertFails(1, [path], self.folder)
        path.write_bytes(data[: len(data) // 2])
        self.assertFails(1, [path, "cut short"], path)

    def test_damaged_metrics_are_an_error(self):
        path = self.copy("metrics.h5")
        os.truncate(path, path.stat().st_size - 100)
        self.assertFails(1, [path], path)
        shutil.copy(self.trained / "checkpoint.h5", self.folder)
        self.assertFails(1, [path], self.folder)

    def test_what_is_there_to_see_is_named(self):
        self.assertFails(1, [self.folder / "none.h5"], self.folder / "none.h5")
        self.assertFails(1, [self.folder, "checkpoint.h5", "metrics.h5"], self.folder)
        self.assertFails(1, [self.corpus, "HDF5"], self.corpus)
        self.assertFails(1, ["vocabulary", "metrics.h5"], self.trained / "metrics.h5", "--vocabulary", ranks=2)
        self.assertFails(2, ["inspect"])
        self.assertFails(2, [self.corpus], self.trained, self.trained, self.corpus)

    def test_a_reader_may_leave(self):
        """As head does, while much is still to come."""
        command = [support.program(), "inspect", self.trained, "--vocabulary", "--format", "json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=os.environ | support.MPI_ENVIRONMENT) as reading:
            reading.stdout.close()
            self.assertEqual("", reading.stderr.read())
            self.assertEqual(0, reading.wait(60))

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([support.program(), "inspect", self.trained], stdout=full, timeout=60,
                                    stderr=subprocess.PIPE, text=True, env=os.environ | support.MPI_ENVIRONMENT)
        self.assertEqual(1, result.returncode)
        self.assertIn("cannot write to standard output: No space left on device", result.stderr)


class CompareTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        corpus = self.write("corpus.txt", support.text(400))
        for name, lr in (("a", 1), ("b", 0.5)):
            result = support.run(
                *("train", "--corpus", corpus, "--run-dir", self.folder / name, "--hidden-size", 8, "--quiet"),
                *("--batch-size", 4, "--num-steps", 5, "--epochs", 2, "--lr", lr),
            )
            self.assertDone(result)

    def inspect(self, *arguments, **how):
        result = support.run("inspect", *arguments, **how)
        self.assertDone(result)
        return result.stdout

    def test_json(self):
        a, b = self.folder / "a", self.folder / "b"
        found = json.loads(self.inspect(a, b / "checkpoint.h5", "--format", "json", ranks=2))
        self.assertFalse(found["equal_model"])
        self.assertTrue(found["vocabulary"]["equal"])
        self.assertEqual(["1", "0.5"], found["config"]["lr"])
        self.assertNotIn("epochs", found["config"])
        with h5py.File(a / "checkpoint.h5") as one, h5py.File(b / "checkpoint.h5") as other:
            for tensor in found["tensors"]:
                left, right = (file[tensor["path"]][:].astype("f8") for file in (one, other))
                self.assertEqual([list(left.shape)] * 2, tensor["shape"])
                self.assertEqual(int((left != right).sum()), tensor["differing"])
                self.assertAlmostEqual(abs(left - right).max(), tensor["max_difference"])
                self.assertAlmostEqual(numpy.linalg.norm(left - right), tensor["difference_norm"])
                self.assertAlmostEqual(numpy.linalg.norm(right), tensor["norm"][1])

    def test_text_and_csv(self):
        a, b = self.folder / "a", self.folder / "b"
        text = self.inspect(a, b)
        self.assertIn("model         differs\n", text)
        self.assertRegex(text, r"lr +1  \|  0\.5\n")
        self.assertNotIn("run-dir", text.split("Settings that differ")[1])
        same = self.inspect(a, a)
        self.assertIn("model         the same, bit for bit\n", same)
        self.assertIn("settings      the same\n", same)
        lines = self.inspect(a, b, "--format", "csv").splitlines()
        self.assertEqual(1 + 7, len(lines))
        self.assertEqual({9}, {len(line.split(",")) for line in lines})

    def test_a_run_and_its_resumed_twin(self):
        """How and where a run was started is no difference between the two."""
        twin = self.folder / "twin"
        shutil.copytree(self.folder / "a", twin)
        self.assertDone(support.run("train", "--run-dir", twin, "--resume", "--epochs", 3, "--quiet"))
        found = json.loads(self.inspect(self.folder / "a", twin, "--format", "json"))
        self.assertEqual({"epochs": ["2", "3"]}, found["config"])
        self.assertIn("settings      1 differs\n", self.inspect(self.folder / "a", twin))

    def test_what_cannot_be_compared(self):
        a = self.folder / "a"
        self.assertError(1, support.run("inspect", a, a / "metrics.h5"), "metrics.h5", "no checkpoint")
        self.assertError(2, support.run("inspect", a, a, a), "one file too many")
        self.assertError(1, support.run("inspect", a, self.folder / "none"), "none")


if __name__ == "__main__":
    unittest.main()
