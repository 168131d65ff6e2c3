#!/usr/bin/python3
"""Bad input: one error line whatever the number of ranks, the right status, nothing touched, no hang.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_bad_input.py [unittest's arguments]
"""

import os
import re
import unittest
from pathlib import Path

import h5py
import numpy as np

import support
from support import run

SMALL = ("--hidden-size", 8, "--batch-size", 3, "--num-steps", 5, "--predict-length", 0, "--quiet")
RANKS = (None, 3)  # None: without mpirun


class BadInputTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.write("good.txt", support.text(200))

    def train(self, *options, **how):
        return run("train", *SMALL, *options, **({"folder": self.folder} | how))

    def assertEachRefused(self, status, cases, on_ranks=()):
        """cases: by a name, the command line and what the error line has to name. Each is run alone,
        and those in on_ranks on three ranks too; no file is touched."""
        before = support.tree(self.folder)
        runs = [(name, None) for name in cases] + [(name, 3) for name in on_ranks]
        results = support.run_all(
            [(cases[name][0], {"ranks": ranks, "folder": self.folder}) for name, ranks in runs]
        )
        for (name, ranks), result in zip(runs, results):
            with self.subTest(name, ranks=ranks):
                self.assertError(status, result, *cases[name][1])
                self.assertEqual("", result.stdout)
        with self.subTest("nothing touched"):
            self.assertEqual(before, support.tree(self.folder))


class CorpusTest(BadInputTest):
    """A corpus that cannot be read, or is no text."""

    def refused(self, cases, **how):
        self.assertEachRefused(
            1,
            {
                name: (("train", *SMALL, *options), named)
                for name, (options, named) in cases.items()
            },
            **how,
        )

    def test_no_text_there(self):
        self.write("empty.txt", "")
        self.write("mark.txt", "\ufeff")
        (self.folder / "folder").mkdir()
        os.mkfifo(self.folder / "pipe")
        self.refused(
            {
                "missing": (("--corpus", "no such.txt"), ["no such.txt"]),
                "missing folder": (("--corpus", "no/such.txt"), ["no/such.txt"]),
                "second one missing": (
                    ("--corpus", self.corpus, "--corpus", "missing"),
                    ["missing"],
                ),
                "a file as a folder": (("--corpus", "good.txt/x"), ["good.txt/x"]),
                "directory": (("--corpus", "folder"), ["folder"]),
                "empty": (("--corpus", "empty.txt"), ["empty.txt"]),
                "a byte order mark alone": (("--corpus", "mark.txt"), []),
                "a pipe": (("--corpus", "pipe"), ["pipe"]),
                "without an end": (("--corpus", "/dev/zero"), ["/dev/zero"]),
                "no name": (("--corpus", self.folder / ("x" * 300)), ["x" * 100]),
            },
            on_ranks=("missing", "directory", "empty"),
        )

    def test_unreadable(self):
        """root may read everything, so it is another user who tries."""
        user = os.geteuid() or 65534
        self.corpus.chmod(0)
        self.folder.chmod(0o777)
        if os.geteuid() == 0 and not reachable_by_others(support.program()):
            self.skipTest("the program lies where only root can run it")
        result = self.train("--corpus", self.corpus, user=user)
        self.assertError(1, result, self.corpus, "ermission")
        self.assertEqual([self.corpus], list(self.folder.iterdir()))

    def test_no_utf8(self):
        """In whatever rank's part it is, the first bad byte is named."""
        good = support.text(3000)
        bad = {
            "stray byte": b"\xff",
            "continuation alone": b"\x80",
            "overlong, two bytes": b"\xc0\xaf",
            "overlong, three bytes": b"\xe0\x80\xaf",
            "overlong, four bytes": b"\xf0\x80\x80\xaf",
            "surrogate": b"\xed\xa0\x80",
            "beyond U+10FFFF": b"\xf4\x90\x80\x80",
            "five bytes": b"\xf8\x88\x80\x80\x80",
            "cut short": b"\xe4\xbd",
        }
        cases = {}
        for number, (name, data) in enumerate(bad.items()):
            before = good[: 300 * number].encode()
            file = self.write(f"bad{number}.txt", before + data + b"abc")
            cases[name] = (("--corpus", file.name), [file.name, len(before)])
        whole = good.encode()
        cases |= {
            "the first byte": (
                ("--corpus", self.write("first.txt", b"\xff" + whole).name),
                ["first.txt", "offset 0,"],
            ),
            "cut at the end": (
                ("--corpus", self.write("cut.txt", whole[:-1]).name),
                ["cut.txt", len(whole) - 3],
            ),
            "behind max-tokens": (
                ("--corpus", "cut.txt", "--max-tokens", 100),
                ["cut.txt", len(whole) - 3],
            ),
            "the first of many": (
                ("--corpus", self.write("many.txt", whole + b"\xff" + whole + b"\xfe").name),
                ["many.txt", len(whole)],
            ),
            "counted in bytes of the file": (
                ("--corpus", self.write("crlf.txt", b"\xef\xbb\xbfa\r\nb\r\n\xff").name),
                ["crlf.txt", "offset 9,"],
            ),
            "the second file": (("--corpus", self.corpus, "--corpus", "cut.txt"), ["cut.txt"]),
            "a character across two files": (
                ("--corpus", "cut.txt", "--corpus", self.write("rest.txt", whole[-1:] + whole).name),
                ["cut.txt", len(whole) - 3],
            ),
        }
        self.refused(cases, on_ranks=("the first of many", "cut at the end", "the second file"))

    def test_advice(self):
        """What to do about it is something that helps."""
        options = ("train", "--corpus", self.corpus, "--run-dir", self.folder / "run")
        for status, words, *named in (
            (2, ("--no-quiet=3",), "write --no-quiet alone"),
            (2, ("--quiet=3",), "--no-quiet to switch it off"),
            (2, ("--epochs", 10**20), "from 1 to 9223372036854775807"),
            (2, ("--start-offset", 2**63), "from 0 to 9223372036854775807, or random"),
            (2, ("--lr", "1e999"), "above 0 and up to 1.79769e+308"),
            (1, ("--valid-fraction", 0.99, "--num-steps", 1), "198 more are held out", "(hold out less, or "),
            (1, ("--start-offset", 199), "a smaller start-offset, "),
        ):
            self.assertError(status, run(*options, *words), *named)
        (self.folder / "empty").mkdir()
        for command in ("report", "inspect"):
            result = run(command, self.folder / "empty")
            self.assertError(1, result, f"there is no run in {self.folder / 'empty'}: it has neither")

    def test_too_short(self):
        """Both numbers are named; one token more is enough."""
        tokens = 3 * 5 + 1
        cases = {
            "sequential": (("--start-offset", "random"), tokens + 5),
            "random": (("--start-offset", "random", "--sampling", "random"), tokens + 4),
            "from the start": (("--start-offset", 0), tokens),
            "from an offset": (("--start-offset", 7), tokens + 7),
            "random from an offset": (("--start-offset", 7, "--sampling", "random"), tokens + 7),
            "default": ((), tokens + 5),
        }
        refused = {}
        for name, (options, needed) in cases.items():
            file = self.write(f"{needed - 1}.txt", support.text(needed - 1, kinds=7))
            refused[name] = (("--corpus", file.name, *options), [needed - 1, needed])
            refused[name + ", by max-tokens"] = (
                ("--corpus", self.corpus, "--max-tokens", needed - 1, *options),
                [needed - 1, needed],
            )
        refused["an absurd size"] = (
            ("--corpus", self.corpus, "--batch-size", 2**31 - 1, "--num-steps", 2**31 - 1),
            [200, (2**31 - 1) ** 2 + 2**31],
        )
        self.refused(refused, on_ranks=("sequential", "random"))
        for name, (options, needed) in cases.items():
            with self.subTest(name, tokens="enough"):
                file = self.write(f"{needed}.txt", support.text(needed, kinds=7))
                run_dir = ("--run-dir", self.folder / name, "--epochs", 2)
                result = self.train("--corpus", file, *options, *run_dir)
                self.assertDone(result)

    def test_more_ranks_than_rows(self):
        cases = ((3, 2), (8, 7), (2, 1))
        before = support.tree(self.folder)
        results = support.run_all(
            [
                (
                    ("train", *SMALL, "--corpus", self.corpus, "--batch-size", rows),
                    {"ranks": ranks, "folder": self.folder},
                )
                for ranks, rows in cases
            ]
        )
        for (ranks, rows), result in zip(cases, results):
            with self.subTest(ranks=ranks, rows=rows):
                self.assertError(1, result, f"{ranks} ranks", f"{rows} row")
        self.assertEqual(before, support.tree(self.folder))


def reachable_by_others(path):
    return all(os.stat(folder).st_mode & 0o001 for folder in (path, *map(str, Path(path).parents)))


class UsageTest(BadInputTest):
    """A command line or a configuration file that cannot be understood: status 2."""

    def refused(self, cases, **how):
        self.assertEachRefused(2, cases, **how)

    def test_words(self):
        self.refused(
            {
                "unknown option": (("train", "--epoch", 3), ["--epoch"]),
                "unknown short option": (("train", "-x"), ["-x"]),
                "unknown option, no command": (("--no-such-option",), ["--no-such-option"]),
                "unknown command": (("trian",), ["trian"]),
                "an option of another command": (("generate", "--epochs", 3), ["--epochs"]),
                "a word too many": (("train", "novel.txt"), ["novel.txt"]),
                "a missing value": (("train", "--epochs"), ["--epochs"]),
                "an empty value": (("train", "--epochs", ""), ["--epochs"]),
                "an empty corpus name": (("train", "--corpus", ""), ["--corpus"]),
                "an empty run directory": (("train", "--run-dir", ""), ["--run-dir"]),
                "a value for a flag": (("train", "--quiet=3"), ["--quiet"]),
                "generate without a checkpoint": (("generate",), ["--checkpoint"]),
                "inspect without a file": (("inspect",), ["inspect"]),
                "resume and overwrite": (
                    ("train", "--resume", "--overwrite"),
                    ["--resume", "--overwrite"],
                ),
                "momentum for adam": (
                    ("train", "--optimizer", "adam", "--momentum", 0.9),
                    ["--momentum", "--optimizer"],
                ),
                "weights tied to nothing": (
                    ("train", "--tie-weights"),
                    ["--tie-weights", "--embedding-size"],
                ),
                "weights tied to others": (
                    ("train", "--tie-weights", "--embedding-size", 8, "--hidden-size", 9),
                    ["--embedding-size", "--hidden-size"],
                ),
                "weights tied in both directions": (
                    ("train", "--tie-weights", "--embedding-size", 256, "--bidirectional"),
                    ["--tie-weights", "--bidirectional"],
                ),
                "no UTF-8": (("train", "--epochs", os.fsdecode(b"\xff\xfe")), ["--epochs"]),
            },
            on_ranks=("unknown option", "unknown command", "resume and overwrite"),
        )

    def test_values(self):
        bad = {
            "epochs": ("0", "-1", "1.5", "1e3", "3 ", "0x10", "99999999999999999999"),
            "batch-size": ("0", "many", "2147483648"),
            "num-steps": ("0", "4294967296"),
            "hidden-size": ("0", "18446744073709551616"),
            "num-layers": ("0", "33"),
            "cell": ("LSTM", "gru,rnn"),
            "dropout": ("1", "-0.1", "50%"),
            "max-tokens": ("-1", "all"),
            "max-updates": ("-1",),
            "max-minutes": ("-1", "inf", "1h"),
            "lr": ("0", "-1", "nan", "1e999", "fast", "1,5"),
            "clip-norm": ("-0.5", "nan"),
            "seed": ("-1", "1.0"),
            "start-offset": ("-1", "Random"),
            "sampling": ("sequentially", ""),
            "log-every": ("0",),
            "log-every-updates": ("-1",),
            "checkpoint-every": ("-1",),
            "checkpoint-every-minutes": ("nan",),
            "keep": ("-1",),
            "stall-timeout": ("-1", "inf", "10m"),
            "predict-length": ("x",),
            "progress": ("line",),
            "optimizer": ("lbfgs",),
            "init": ("zeros",),
            "bias": ("triple",),
        }
        cases = {
            f"{name} {value!r}": (("train", f"--{name}={value}"), [f"--{name}", value])
            for name, values in bad.items()
            for value in values
        }
        checkpoint = ("generate", "--checkpoint", self.corpus)
        for name, values in {
            "length": ("-1",),
            "temperature": ("-1", "nan", "hot"),
            "top-k": ("-1", "2.5"),
            "top-p": ("0", "-0.5", "1.01", "nan", "most"),
        }.items():
            for value in values:
                cases[f"generate {name} {value!r}"] = (
                    (*checkpoint, f"--{name}={value}"),
                    [f"--{name}", value],
                )
        cases["inspect format"] = (("inspect", self.corpus, "--format", "xml"), ["--format", "xml"])
        self.refused(cases, on_ranks=("lr 'fast'", "epochs '0'"))

    def test_configuration(self):
        files = {
            "word where a number belongs": ("epochs = many\n", ["epochs", "many"]),
            "unknown key": ("[train]\nepoch = 3\n", ["epoch"]),
            "unknown section": ("[trian]\nepochs = 3\n", ["trian"]),
            "out of range": ("# why not\n\nbatch-size = 0\n", ["batch-size", "0", "line 3"]),
            "no setting": ("epochs\n", ["line 1"]),
            "an open heading": ("[train\nepochs = 3\n", ["line 1"]),
            "a zero byte": ("epochs = 3\n\0\n", ["line 2"]),
            "endless": ("epochs = " + "1" * 100000 + "\n", ["line 1"]),
        }
        cases = {}
        for number, (name, (contents, named)) in enumerate(files.items()):
            file = self.write(f"{number}.ini", contents)
            cases[name] = (("train", "--config", file.name), [file.name, *named])
        cases["missing"] = (("train", "--config", "none.ini"), ["none.ini"])
        cases["a folder"] = (("train", "--config", self.folder), [self.folder])
        cases["generate"] = (("generate", "--config", "3.ini"), ["3.ini", "batch-size"])
        self.refused(cases, on_ranks=("missing", "out of range"))


class CheckpointTest(BadInputTest):
    """A checkpoint that cannot be used: by generate, by --init-from, and as the only one of a run."""

    def setUp(self):
        super().setUp()
        self.run_dir = self.folder / "run"
        self.options = ("--corpus", self.corpus, "--run-dir", self.run_dir, "--epochs", 3)
        self.assertDone(self.train(*self.options, "--keep", 0))
        self.checkpoint = self.run_dir / "checkpoint.h5"

    def damaged(self):
        """By a name, a function that damages a file, and what the error line has to name."""

        def cut(path, bytes_):
            os.truncate(path, path.stat().st_size + bytes_ if bytes_ < 0 else bytes_)

        def change(path, function):
            with h5py.File(path, "r+") as file:
                function(file)

        def replace(file, name, data):
            attributes = dict(file[name].attrs)
            del file[name]
            file[name] = data
            file[name].attrs.update(attributes)

        def flip(path):
            with h5py.File(path) as file:
                offset = file["model/layer0/W_x"].id.get_offset()
            data = bytearray(path.read_bytes())
            data[offset + 101] ^= 4
            path.write_bytes(data)

        return {
            "empty": (lambda path: cut(path, 0), []),
            "cut at the start": (lambda path: cut(path, 100), []),
            "cut in the middle": (lambda path: cut(path, 4096), []),
            "cut at the end": (lambda path: cut(path, -1), []),
            "no HDF5": (lambda path: path.write_text("你是\n" * 1000), []),
            "another format": (
                lambda path: change(path, lambda f: f.attrs.modify("format", "another")),
                ["another"],
            ),
            "another version": (
                lambda path: change(path, lambda f: f.attrs.modify("format_version", 77)),
                ["77"],
            ),
            "no format": (lambda path: change(path, lambda f: f.attrs.__delitem__("format")), ["format"]),
            "no model": (lambda path: change(path, lambda f: f.__delitem__("model")), ["model"]),
            "a tensor missing": (
                lambda path: change(path, lambda f: f.__delitem__("model/layer0/W_h")),
                ["W_h"],
            ),
            "a shape that does not fit": (
                lambda path: change(
                    path, lambda f: replace(f, "model/layer0/b", np.zeros(33, np.float32))
                ),
                ["b"],
            ),
            "another number of dimensions": (
                lambda path: change(
                    path, lambda f: replace(f, "model/output/b", np.zeros((3, 4, 5, 6), np.float32))
                ),
                ["output/b"],
            ),
            "no vocabulary": (
                lambda path: change(path, lambda f: f.__delitem__("vocabulary/token")),
                ["vocabulary"],
            ),
            "damaged data": (flip, ["W_x"]),
        }

    def test_damaged(self):
        original = self.checkpoint.read_bytes()
        runs = []
        for number, (name, (damage, named)) in enumerate(self.damaged().items()):
            file = self.write(f"{number}.h5", original)
            damage(file)
            resumed = self.folder / f"run{number}"
            resumed.mkdir()
            in_run = resumed / "checkpoint.h5"
            in_run.write_bytes(file.read_bytes())
            new = ("--corpus", self.corpus, "--run-dir", self.folder / f"new{number}")
            runs += [
                (name, ("generate", "--checkpoint", file), None, [file, *named]),
                (name, ("train", *SMALL, *new, "--init-from", file), None, [file, *named]),
                (name, ("train", "--quiet", "--run-dir", resumed, "--resume"), None, [in_run, *named]),
            ]
            if name in ("cut in the middle", "another version", "damaged data"):
                runs.append((*runs[-1][:2], 3, runs[-1][3]))
        before = support.tree(self.folder)
        results = support.run_all([(arguments, {"ranks": ranks}) for _, arguments, ranks, _ in runs])
        for (name, arguments, ranks, named), result in zip(runs, results):
            with self.subTest(name, by=arguments[0], ranks=ranks):
                self.assertError(1, result, *named)
        self.assertEqual(before, support.tree(self.folder))

    def test_none(self):
        (self.folder / "folder.h5").mkdir()
        new = ("train", *SMALL, "--corpus", self.corpus, "--run-dir", self.folder / "new")
        cases = {}
        for name in ("none.h5", "folder.h5"):
            cases[f"generate from {name}"] = (("generate", "--checkpoint", name), [name])
            cases[f"init from {name}"] = ((*new, "--init-from", name), [name])
            cases[f"inspect {name}"] = (("inspect", name), [name])
        self.assertEachRefused(1, cases, on_ranks=("generate from none.h5", "inspect folder.h5"))


class RunDirectoryTest(BadInputTest):
    def test_holds_a_run(self):
        """Whatever is left of it."""
        options = ("--corpus", self.corpus, "--epochs", 4, "--checkpoint-every", 1)
        for name, names in {
            "whole": (),
            "metrics": ("checkpoint*.h5",),
            "older": ("checkpoint.h5", "metrics.h5"),
        }.items():
            self.assertDone(self.train(*options, "--run-dir", self.folder / name))
            for pattern in names:
                for path in (self.folder / name).glob(pattern):
                    path.unlink()
        self.assertEachRefused(
            1,
            {
                name: (("train", *SMALL, *options, "--run-dir", name), [name])
                for name in ("whole", "metrics", "older", "./whole/../whole/")
            },
            on_ranks=("whole", "older"),
        )

    def test_default_directory(self):
        """The default one too, and without a word of the command line that speaks of it."""
        self.assertDone(self.train("--corpus", self.corpus, "--epochs", 1))
        self.assertTrue((self.folder / "runs/lstm/checkpoint.h5").exists())
        self.assertEachRefused(1, {"again": (("--epochs", 1), ["runs/lstm"])})

    def test_cannot_be_made(self):
        self.write("file", "x")
        options = ("train", *SMALL, "--corpus", self.corpus)
        self.assertEachRefused(
            1,
            {
                "a file": ((*options, "--run-dir", "file"), ["file"]),
                "below a file": ((*options, "--run-dir", "file/run"), ["file/run"]),
                "where no folder can be": ((*options, "--run-dir", "/proc/x/run"), ["/proc/x"]),
                "a long name": ((*options, "--run-dir", "x" * 300), ["x" * 100]),
            },
            on_ranks=("a file",),
        )

    def test_overwrite(self):
        """Begins anew: nothing of the former run is left."""
        options = ("--corpus", self.corpus, "--run-dir", self.folder / "run", "--checkpoint-every", 1)
        self.assertDone(self.train(*options, "--epochs", 5))
        self.assertDone(self.train(*options, "--epochs", 2, "--overwrite", "--seed", 2))
        self.assertDone(
            self.train(*options, "--epochs", 2, "--seed", 2, "--run-dir", self.folder / "other")
        )
        self.assertSameRun(self.folder / "other", self.folder / "run")
        names = sorted(path.name for path in (self.folder / "run").iterdir())
        self.assertEqual(sorted(path.name for path in (self.folder / "other").iterdir()), names)


class TrainingTest(BadInputTest):
    def test_not_finite(self):
        """The error says when; the last good checkpoint stays."""
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                run_dir = self.folder / f"run{ranks}"
                options = ("--corpus", self.corpus, "--run-dir", run_dir, "--checkpoint-every", 1)
                self.assertDone(self.train(*options, "--epochs", 2, ranks=ranks))
                good = (run_dir / "checkpoint.h5").read_bytes()
                update = support.updates_done(run_dir / "checkpoint.h5")
                result = self.train(
                    *(*options, "--resume", "--epochs", 9, "--lr", 3e38),
                    ranks=ranks,
                )
                self.assertError(1, result, "epoch 3", "not finite")
                named = int(re.search(r"epoch 3, update (\d+)", result.stderr)[1])
                self.assertIn(named, range(update + 2, update * 3 // 2 + 1), result)
                self.assertEqual(good, (run_dir / "checkpoint.h5").read_bytes())
                self.assertAllWhole(run_dir)

    def test_unknown_prefix(self):
        """A warning, and it is sampled from all the same."""
        options = ("train", *SMALL[:-3], "--predict-length", 4, "--corpus", self.corpus, "--epochs", 1)
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                run_dir = self.folder / f"run{ranks}"
                result = run(*options, "--run-dir", run_dir, "--prefix", "你Ω", ranks=ranks)
                self.assertStatus(0, result)
                self.assertRegex(result.stderr, r"\Alstm_mpi: warning: [^\n]*你Ω[^\n]*<unk>[^\n]*\n\Z")
                self.assertIn("\n你Ω", result.stdout)


class OutputTest(BadInputTest):
    """Standard output that cannot be written to."""

    def test_full(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = run(
                *("train", *SMALL[:-1], "--corpus", self.corpus, "--epochs", 2),
                folder=self.folder,
                stdout=full,
            )
            self.assertError(1, result, "standard output")
            self.assertAllWhole(self.folder / "runs/lstm")
            checkpoint = self.folder / "runs/lstm/checkpoint.h5"
            result = run("generate", "--checkpoint", checkpoint, stdout=full)
            self.assertError(1, result, "standard output")
            self.assertError(1, run("--help", stdout=full), "standard output")


if __name__ == "__main__":
    unittest.main()
