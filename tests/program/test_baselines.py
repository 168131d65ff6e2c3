#!/usr/bin/python3
"""The script that makes the README's table of baselines, on a small text.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_baselines.py [unittest's arguments]
"""

import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

import support
from support import run

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/baselines.py"
SMALL = "--hidden-size 8 --batch-size 2 --num-steps 5 --epochs 3"


class BaselinesTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        lines = (support.text(19, seed=i) + "\n" for i in range(50))
        self.corpus = self.write("corpus.txt", "".join(lines))

    def script(self, *arguments, status=0):
        command = [sys.executable, SCRIPT, "--program", support.program(), "--folder", self.folder / "runs"]
        command += ["--np", 1, "--corpus", self.corpus, *arguments]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, env=os.environ | support.MPI_ENVIRONMENT
        )
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        return done

    def assertRefused(self, done, *named):
        self.assertEqual("", done.stdout)
        self.assertRegex(done.stderr.splitlines()[-1], r"^baselines\.py: error: ")
        self.assertNotIn("Traceback", done.stderr)
        for what in named:
            self.assertIn(what, done.stderr.splitlines()[-1])

    def rows(self, markdown):
        """The table's rows by the name of their setting, its header left out."""
        cells = [line.strip("| ").split(" | ") for line in markdown.splitlines() if line.startswith("|")]
        return {row[0]: row[1:] for row in cells[2:]}

    def evaluated(self, setting, part):
        result = run(
            "evaluate", "--checkpoint", self.folder / f"runs/{setting}/run/best.h5",
            "--corpus", self.folder / f"runs/{part}.txt", "--batch-size", 2,
        )  # fmt: skip
        self.assertDone(result)
        return [float(number) for number in re.findall(r"(\d+\.\d+)", result.stdout)]

    def test_table(self):
        settings = {"gru": f"--cell gru {SMALL}", "words": f"--token word --drop-newlines {SMALL}",
                    "bytes": f"--token=byte {SMALL} --optimizer adam --lr 0.01"}  # fmt: skip
        done = self.script(*(f"--setting={name}={options}" for name, options in settings.items()))
        rows = self.rows(done.stdout)
        self.assertEqual(list(settings), list(rows))
        for name, options in settings.items():
            self.assertIn(f"- {name}: `{options}`\n", done.stdout)
            parameters, updates, training, held_out, bits, speed, time = rows[name]
            told = json.loads(run("inspect", self.folder / f"runs/{name}/run", "--format", "json").stdout)
            self.assertEqual(f"{told['parameters']:,}", parameters)
            progress = told["progress"]
            self.assertEqual(f"{progress['best_update']} / {progress['update']}", updates.replace(",", ""))
            self.assertAlmostEqual(self.evaluated(name, "training")[0], float(training), delta=0.051)
            self.assertAlmostEqual(self.evaluated(name, "held-out")[0], float(held_out), delta=0.051)
            self.assertAlmostEqual(self.evaluated(name, "held-out")[1], float(bits), delta=0.00051)
            self.assertGreater(float(speed.replace(",", "")), 0)
            self.assertRegex(time, r"^\d+ s$")

    def test_held_out_part(self):
        """It is not trained on, it begins with a line, and no character is in neither."""
        self.script("--setting", f"small={SMALL}", "--held-out", "0.2")
        training, held_out = (self.folder / f"runs/{part}.txt" for part in ("training", "held-out"))
        self.assertEqual(self.corpus.read_text(), training.read_text() + held_out.read_text())
        self.assertEqual(200, len(held_out.read_text()))
        told = json.loads(run("inspect", self.folder / "runs/small/run", "--format", "json").stdout)
        self.assertAlmostEqual(0.2, told["config"]["valid_fraction"])

    def test_what_was_measured_stays(self):
        settings = "--setting", f"one={SMALL}", "--setting", f"two={SMALL} --lr 0.5"
        first = self.rows(self.script(*settings, "--only", "one").stdout)["one"]
        page = self.write("page.md", "above\n<!-- baselines -->\nold\n<!-- end of baselines -->\nbelow\n")
        done = self.script(*settings, "--update", page)
        self.assertEqual("", done.stdout)
        self.assertIn("one: measured before\ntwo: training", done.stderr)
        written = r"(?s)^above\n<!-- baselines -->\n\n.*\n\n<!-- end of baselines -->\nbelow\n$"
        self.assertRegex(page.read_text(), written)
        self.assertEqual(["one", "two"], list(self.rows(page.read_text())))
        self.assertNotIn("old", page.read_text())
        again = self.script(*settings, "--only", "one", "--again")
        self.assertNotIn("before", again.stderr)
        self.assertEqual(first[:5], self.rows(again.stdout)["one"][:5])  # the speed and the time aside
        self.write("corpus.txt", self.corpus.read_text()[::-1])
        self.assertNotIn("before", self.script(*settings, "--only", "one").stderr)

    def test_bad_input(self):
        page = self.write("page.md", "no place for a table\n")
        for named, arguments in (
            (["NAME=OPTIONS", "'one'"], ["--setting", "one"]),
            (["NAME=OPTIONS", "'../one=--lr 1'"], ["--setting", "../one=--lr 1"]),
            (["one", "No closing quotation"], ["--setting", "one=--prefix '"]),
            (["one", "twice"], ["--setting", "one=", "--setting", "one=--lr 1"]),
            (["one", "--valid-fraction"], ["--setting", "one=--valid-fraction=0.5"]),
            (["setting one", "--epoch", "did you mean --epochs"], ["--setting", "one=--epoch 3"]),
            (["setting one", "too short"], ["--setting", "one=--batch-size 1000"]),
            (["--only two", "one"], ["--setting", "one=", "--only", "two"]),
            (["cannot read", "absent.txt"], ["--corpus", "absent.txt"]),
            (["is no program"], ["--program", str(self.folder)]),
            (["page.md", "0 places"], ["--update", str(page)]),
            (["page.md", "cannot write"], ["--folder", str(page)]),
        ):
            with self.subTest(arguments=arguments):
                self.assertRefused(self.script(*arguments, status=1), *named)
        for what, arguments in ("--held-out", ["--held-out", "1"]), ("--np", ["--np", "none"]):
            self.assertIn(f"error: argument {what}: '{arguments[1]}' is no ", self.script(*arguments, status=2).stderr)

    def test_texts_that_are_too_short(self):
        for contents in "", "a":
            self.write("corpus.txt", contents)
            self.assertRefused(self.script("--setting", f"one={SMALL}", status=1), "corpus.txt", "too few")


if __name__ == "__main__":
    unittest.main()
