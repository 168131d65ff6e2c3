#!/usr/bin/python3
"""Runs that are stopped and go on: as if they had never stopped, bit for bit, the times aside.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_resume.py [unittest's arguments]

Moments are drawn from LSTM_MPI_TEST_SEED, which a failed test tells.
"""

import os
import random
import re
import shutil
import signal
import time
import unittest
import unittest.mock
from pathlib import Path

import h5py
import numpy as np

import support
from support import run

# From every offset 6 updates an epoch.
UPDATES, EPOCHS = 6, 4
OPTIONS = {
    "hidden-size": 8,
    "batch-size": 5,
    "num-steps": 6,
    "epochs": EPOCHS,
    "predict-length": 0,
    "log-every": 1,
}
TOKENS = 5 * 6 * UPDATES + 20


def options(**changed):
    """Words of the command line: OPTIONS but for the changed ones; None: without it, True: a flag."""
    words = ["train"]
    for name, value in (
        OPTIONS | {name.replace("_", "-"): value for name, value in changed.items()}
    ).items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None:
            words += [f"--{name}", value]
    return words


class ResumeTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.write("corpus.txt", support.text(TOKENS))
        self.seed = int(os.environ.get("LSTM_MPI_TEST_SEED", time.time_ns() % 100000))
        self.random = random.Random(self.seed)

    def train(self, run_dir, ranks=None, **changed):
        return run(
            *options(corpus=self.corpus, run_dir=run_dir, quiet=True, **changed), ranks=ranks
        )

    def whole_run(self, name, **changed):
        """The directory of a run that never stopped."""
        run_dir = self.folder / name
        self.assertDone(self.train(run_dir, **changed))
        return run_dir

    def stopped_run(self, name, update, **changed):
        """The directory of a run that was stopped after so many updates."""
        run_dir = self.folder / name
        self.assertDone(self.train(run_dir, max_updates=update, **changed))
        self.assertEqual(update, support.updates_done(run_dir / "checkpoint.h5"))
        return run_dir


class EveryUpdateTest(ResumeTest):
    def check(self, ranks, stops, **changed):
        whole = self.whole_run("whole", ranks=ranks, **changed)
        self.assertEqual(UPDATES * EPOCHS, support.updates_done(whole / "checkpoint.h5"))
        for update in stops:
            with self.subTest(update=update, ranks=ranks):
                run_dir = self.stopped_run(f"stopped{update}", update, ranks=ranks, **changed)
                self.assertDone(
                    self.train(run_dir, resume=True, max_updates=0, ranks=ranks, **changed)
                )
                self.assertSameRun(whole, run_dir)

    def test_sequential(self):
        self.check(None, (1, 4, 5, 6, 7, 11, 12, 23))

    def test_random(self):
        self.check(None, (1, 6, 8, 17), sampling="random")

    def test_fixed_offset(self):
        self.check(None, (3, 9), start_offset=2)

    def test_momentum(self):
        changes = {"momentum": 0.9, "weight_decay": 0.01, "lr_decay": 0.9, "lr": 0.1}
        self.check(None, (3, 12), **changes)
        self.check_states(self.folder / "whole", ["momentum"])

    def test_adam(self):
        self.check(2, (4, 12), optimizer="adam", lr=0.01, lr_warmup=9, lr_decay=0.5, lr_decay_after=2)
        self.check_states(self.folder / "whole", ["exp_avg", "exp_avg_sq"])

    def check_states(self, run_dir, names):
        """The optimizer's states are there, shaped as the weights."""
        with h5py.File(run_dir / "checkpoint.h5") as file:
            self.assertEqual(names, sorted(file["optimizer"]))
            shapes = shapes_below(file["model"])
            for state in file["optimizer"].values():
                self.assertEqual(shapes, shapes_below(state))
            self.assertEqual(UPDATES * EPOCHS, file["progress"].attrs["optimizer_updates"])

    def test_adam_on_other_ranks(self):
        """Within rounding."""
        changes = {"optimizer": "adam", "lr": 0.01, "weight_decay": 0.01}
        whole = self.whole_run("whole", **changes)
        run_dir = self.stopped_run("run", 9, ranks=3, **changes)
        self.assertDone(self.train(run_dir, resume=True, max_updates=0, ranks=2, **changes))
        with (
            h5py.File(whole / "metrics.h5") as expected,
            h5py.File(run_dir / "metrics.h5") as measured,
        ):
            np.testing.assert_allclose(
                measured["metrics"]["perplexity"], expected["metrics"]["perplexity"], rtol=1e-5
            )

    def test_another_cadence(self):
        """Checkpoints at other times change nothing."""
        changes = {"momentum": 0.9, "lr": 0.1}
        whole = self.whole_run("whole", **changes)
        run_dir = self.stopped_run("run", 7, checkpoint_every=1, keep=0, **changes)
        self.assertDone(
            self.train(run_dir, resume=True, max_updates=15, checkpoint_every=2, keep=1, **changes)
        )
        self.assertDone(
            self.train(run_dir, resume=True, max_updates=0, checkpoint_every=100, keep=2, **changes)
        )
        self.assertSameRun(whole, run_dir)

    def test_two_ranks(self):
        self.check(2, (4, 12))

    def test_three_ranks(self):
        self.check(3, (1, 8), sampling="random")

    def test_large_networks(self):
        """The state of every layer and direction goes on, and so do the masks of dropout."""
        shapes = (
            {"cell": "gru", "num_layers": 2, "bidirectional": True, "bias": "double"},
            {"cell": "lstm", "num_layers": 2, "embedding_size": 8, "tie_weights": True},
        )
        for number, shape in enumerate(shapes):
            with self.subTest(**shape):
                changed = {"ranks": 2, "dropout": 0.3, "init": "uniform", **shape}
                whole = self.whole_run(f"whole{number}", **changed)
                run_dir = self.stopped_run(f"stopped{number}", 9, **changed)
                self.assertDone(self.train(run_dir, resume=True, max_updates=0, ranks=2))
                self.assertSameRun(whole, run_dir)

    def test_again_and_again(self):
        """A run that starts anew for every two updates."""
        whole = self.whole_run("whole")
        run_dir = self.stopped_run("run", 1)
        for update in range(3, UPDATES * EPOCHS + 2, 2):
            self.assertDone(self.train(run_dir, resume=True, max_updates=update))
        self.assertSameRun(whole, run_dir)

    def test_options_come_from_the_checkpoint(self):
        whole = self.whole_run("whole", seed=5, lr=0.3, clip_norm=0.2, keep=1, checkpoint_every=1)
        run_dir = self.stopped_run(
            "run", 8, seed=5, lr=0.3, clip_norm=0.2, keep=1, checkpoint_every=1
        )
        self.assertDone(
            run("train", "--resume", "--run-dir", run_dir, "--max-updates", 0, "--quiet")
        )
        self.assertSameRun(whole, run_dir)
        for directory in (whole, run_dir):
            self.assertEqual(
                ["checkpoint-18.h5", "checkpoint.h5", "metrics.h5"],
                sorted(path.name for path in directory.iterdir()),
            )

    def test_files_of_earlier_versions(self):
        """What a version without optimizers, or without validation, did not store is known."""
        validation = ["best_optimizer_updates", "best_update", "best_valid_perplexity"]
        validation += ["intervals_since_best", "rate_factor"]
        for lacking in (validation, [*validation, "optimizer_updates", "rate"]):
            with self.subTest(lacking=lacking):
                changes = {"momentum": 0.9, "lr": 0.1} if "rate" not in lacking else {}
                whole = self.whole_run(f"whole{len(lacking)}", **changes)
                run_dir = self.stopped_run(f"run{len(lacking)}", 9, **changes)
                with h5py.File(run_dir / "checkpoint.h5", "r+") as file:
                    for name in lacking:
                        del file["progress"].attrs[name]
                self.assertDone(self.train(run_dir, resume=True, max_updates=0, **changes))
                self.assertSameRun(whole, run_dir)

    def test_other_ranks(self):
        """Within rounding, and a column of times for every rank that there ever was."""
        whole = self.whole_run("whole")
        for before, after in ((None, 3), (3, None), (4, 2)):
            with self.subTest(before=before, after=after):
                run_dir = self.stopped_run(f"run{before}{after}", 9, ranks=before)
                self.assertDone(self.train(run_dir, resume=True, max_updates=0, ranks=after))
                with (
                    h5py.File(whole / "metrics.h5") as expected,
                    h5py.File(run_dir / "metrics.h5") as measured,
                ):
                    for name in ("perplexity", "grad_norm"):
                        np.testing.assert_allclose(
                            measured["metrics"][name], expected["metrics"][name], rtol=1e-5
                        )
                    most = max(before or 1, after or 1)
                    for name in ("rank_compute_seconds", "rank_wait_seconds"):
                        times = measured["metrics"][name][:]
                        self.assertEqual((EPOCHS, most), times.shape)
                        absent = np.zeros((EPOCHS, most), bool)
                        absent[0, before or 1 :] = True  # the first stop is in the second epoch
                        absent[2:, after or 1 :] = True
                        absent[1] = np.isnan(times[1])
                        np.testing.assert_array_equal(absent, np.isnan(times))


class InterruptionTest(ResumeTest):
    """Interrupted at moments that nobody chose."""

    LONG = {"epochs": 30, "checkpoint_every": 1, "keep": 1}

    def interrupt(self, run_dir, number, ranks, status, times):
        """Starts the run so many times, each time with a signal to one rank after a while."""
        interrupted = 0
        for _ in range(times):
            with support.start(
                *options(corpus=self.corpus, run_dir=run_dir, quiet=True, resume=True, **self.LONG),
                ranks=ranks,
            ) as running:
                before = newest_update(run_dir)
                while running.running() and newest_update(run_dir) == before:
                    time.sleep(0.005)
                time.sleep(self.random.random() * 0.05)
                if pids := running.ranks():
                    send(self.random.choice(pids), number)
                result = running.wait()
            self.assertWhole(run_dir / "checkpoint.h5")
            if result.status != 0:
                self.assertIn(result.status, status, f"seed {self.seed}\n{result}")
                interrupted += 1
        return interrupted

    def check(self, number, ranks, status, times=4):
        whole = self.whole_run("whole", ranks=ranks, **self.LONG)
        run_dir = self.folder / "run"
        self.assertGreater(self.interrupt(run_dir, number, ranks, status, times), 0)
        self.assertDone(self.train(run_dir, ranks=ranks, resume=True, **self.LONG))
        self.assertSameRun(whole, run_dir)
        self.assertEqual(
            sorted(path.name for path in whole.iterdir()),
            sorted(path.name for path in run_dir.iterdir()),
            f"seed {self.seed}",
        )

    def test_usr1(self):
        self.check(signal.SIGUSR1, None, [75])

    def test_term_to_a_rank(self):
        self.check(signal.SIGTERM, 2, [75])

    def test_kill(self):
        self.check(signal.SIGKILL, None, [-signal.SIGKILL])

    def test_kill_a_rank(self):
        self.check(signal.SIGKILL, 3, [128 + signal.SIGKILL])


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it was done before


def newest_update(run_dir):
    try:
        return support.updates_done(run_dir / "checkpoint.h5")
    except OSError:
        return None


class FinishedTest(ResumeTest):
    def test_finished(self):
        """It says so, returns 0, and leaves all files as they are."""
        for ranks in (None, 2):
            run_dir = self.whole_run(f"run{ranks}", ranks=ranks)
            before = support.tree(run_dir)
            for changed in ({}, {"epochs": EPOCHS - 1}, {"epochs": None}):
                with self.subTest(ranks=ranks, **changed):
                    result = run(
                        *options(corpus=self.corpus, run_dir=run_dir, resume=True, **changed),
                        ranks=ranks,
                    )
                    self.assertDone(result)
                    self.assertIn("finished", result.stdout)
                    self.assertEqual(before, support.tree(run_dir))

    def test_more_epochs(self):
        whole = self.whole_run("whole", epochs=EPOCHS + 3)
        run_dir = self.whole_run("run")
        result = run(*options(run_dir=run_dir, corpus=None, resume=True, epochs=EPOCHS + 3))
        self.assertDone(result)
        self.assertNotIn("finished", result.stdout)
        self.assertSameRun(whole, run_dir)

    def test_max_updates_reached(self):
        """Status 0 again and again, and nothing is written."""
        run_dir = self.stopped_run("run", 8)
        before = support.tree(run_dir)
        self.assertDone(self.train(run_dir, resume=True))
        self.assertDone(self.train(run_dir, resume=True, max_updates=3))
        self.assertEqual(before, support.tree(run_dir))

    def test_nothing_to_resume(self):
        """A fresh start: without a directory, and in one without a checkpoint."""
        whole = self.whole_run("whole")
        (self.folder / "empty").mkdir()
        self.write("other/notes.txt", "not of the run")
        self.write("part/checkpoint.h5.part", "of a killed run")
        for name in ("none", "deep/below", "empty", "other", "part"):
            with self.subTest(name):
                run_dir = self.folder / name
                self.assertDone(self.train(run_dir, resume=True))
                self.assertSameRun(whole, run_dir)
        self.assertEqual("not of the run", (self.folder / "other/notes.txt").read_text())
        self.assertFalse((self.folder / "part/checkpoint.h5.part").exists())


class MetricsTest(ResumeTest):
    def test_rows_after_the_checkpoint(self):
        """Those of epochs that are done again are gone, not there twice."""
        whole = self.whole_run("whole", epochs=8)
        run_dir = self.folder / "run"
        endless = {"epochs": 10**6, "checkpoint_every": 0}
        with support.start(
            *options(corpus=self.corpus, run_dir=run_dir, quiet=True, **endless)
        ) as running:
            while rows(run_dir) < 12 and running.running():
                time.sleep(0.01)
            running.send(signal.SIGKILL)
            running.wait()
        self.assertEqual(0, support.updates_done(run_dir / "checkpoint.h5"))
        self.assertDone(
            self.train(run_dir, resume=True, epochs=8, max_updates=2 * UPDATES + 1)
        )
        self.assertEqual(2, rows(run_dir))
        self.assertDone(
            self.train(run_dir, resume=True, epochs=8, max_updates=0, checkpoint_every=100)
        )
        self.assertSameRun(whole, run_dir)

    def test_times(self):
        """Seconds go on where they stopped; the time between the two starts does not count."""
        run_dir = self.stopped_run("run", 8)
        time.sleep(1)
        start = time.monotonic()
        self.assertDone(self.train(run_dir, resume=True, max_updates=0))
        with h5py.File(run_dir / "metrics.h5") as file:
            seconds = file["metrics/seconds"][:]
            speed = file["metrics/tokens_per_second"][:]
        self.assertTrue((np.diff(seconds) > 0).all(), seconds)
        self.assertLess(seconds[2] - seconds[0], time.monotonic() - start)
        self.assertTrue((speed > 0).all(), speed)


def shapes_below(group):
    found = {}
    group.visititems(lambda path, item: found.update({path: getattr(item, "shape", None)}))
    return found


def rows(run_dir):
    try:
        with h5py.File(run_dir / "metrics.h5") as file:
            return len(file["metrics/epoch"])
    except OSError:
        return 0


class ContradictionTest(ResumeTest):
    FIXED = {  # another value than that of the checkpoint
        "max-tokens": (10000, 150),
        "batch-size": (5, 4),
        "num-steps": (6, 7),
        "hidden-size": (8, 9),
        "sampling": ("sequential", "random"),
        "start-offset": ("random", 3),
        "clip-norm": (1, 0.25),
        "seed": (1, 2),
        "optimizer": ("sgd", "adam"),
        "momentum": (0, 0.9),
        "weight-decay": (0, 0.01),
        "valid-fraction": (0, 0.25),
        "patience": (0, 3),
    }
    ALLOWED = {
        "epochs": 9,
        "max-updates": 20,
        "max-minutes": 3,
        "log-every": 2,
        "log-every-updates": 3,
        "checkpoint-every": 2,
        "checkpoint-every-minutes": 0.5,
        "keep": 7,
        "stall-timeout": 77,
        "lr": 0.5,
        "lr-decay": 0.5,
        "lr-decay-after": 3,
        "lr-warmup": 4,
        "predict-length": 3,
        "prefix": "你",
        "progress": "plain",
    }

    def setUp(self):
        super().setUp()
        self.run_dir = self.stopped_run("run", 8)
        self.before = support.tree(self.folder)

    def resume(self, *words, ranks=None):
        return run("train", "--resume", "--run-dir", self.run_dir, *words, ranks=ranks)

    def test_fixed(self):
        """Each alone is an error that names the option and both values; nothing is touched."""
        for name, (value, other) in self.FIXED.items():
            with self.subTest(name):
                result = self.resume(f"--{name}={other}")
                self.assertError(1, result, f"--{name}", f"'{value}'", f"'{other}'")
        with self.subTest(ranks=3):
            result = self.resume("--num-steps", 7, ranks=3)
            self.assertError(1, result, "--num-steps", "'6'", "'7'")
        with self.subTest("init-from"):
            checkpoint = self.run_dir / "checkpoint.h5"
            self.assertError(
                1, self.resume("--init-from", checkpoint), "--init-from", checkpoint, "none"
            )
        self.assertEqual(self.before, support.tree(self.folder))

    def test_same_value(self):
        words = [f"--{name}={value}" for name, (value, _) in self.FIXED.items()]
        self.assertDone(self.resume("--quiet", *words, "--corpus", self.corpus, "--clip-norm=1.0"))

    def test_allowed(self):
        saved = self.folder / "saved"
        shutil.copytree(self.run_dir, saved)
        for name, value in self.ALLOWED.items():
            with self.subTest(name):
                shutil.rmtree(self.run_dir)
                shutil.copytree(saved, self.run_dir)
                words = [] if name == "max-updates" else ["--max-updates", 10]
                self.assertDone(self.resume(f"--{name}={value}", *words))
                with h5py.File(self.run_dir / "checkpoint.h5") as file:
                    kept = file["config"].attrs[name.replace("-", "_")]
                    self.assertEqual(value, kept.decode() if isinstance(value, str) else kept)

    def test_other_path(self):
        same = self.write("same.txt", self.corpus.read_bytes())
        self.assertError(1, self.resume("--corpus", same), "--corpus", self.corpus, same)
        self.assertError(
            1, self.resume("--corpus", self.corpus, "--corpus", same), "--corpus", self.corpus, same
        )

    def test_other_text(self):
        """One character that is another, one more, none left: the text is not the same."""
        original = self.corpus.read_bytes()
        before = support.tree(self.run_dir)
        for name, changed in {
            "a character": original.replace("我".encode(), "有".encode(), 1),
            "longer": original + b"\n",
            "shorter": original[:-3],
        }.items():
            for ranks in (None, 2) if name == "longer" else (None,):
                with self.subTest(name, ranks=ranks):
                    self.corpus.write_bytes(changed)
                    self.assertError(1, self.resume(ranks=ranks), "--corpus")
                    self.assertEqual(before, support.tree(self.run_dir))

    def test_missing_text(self):
        self.corpus.unlink()
        self.assertError(1, self.resume(), self.corpus)

    def test_init_from_is_not_needed_again(self):
        start = self.folder / "start.h5"
        shutil.copy(self.run_dir / "checkpoint.h5", start)
        whole = self.whole_run("whole", init_from=start)
        run_dir = self.stopped_run("other", 8, init_from=start)
        start.unlink()
        self.assertDone(
            run("train", "--resume", "--quiet", "--run-dir", run_dir, "--max-updates", 0)
        )
        self.assertSameRun(whole, run_dir)


class DamageTest(ResumeTest):
    """Older checkpoints step in for damaged ones."""

    def setUp(self):
        super().setUp()
        self.whole = self.whole_run("whole", checkpoint_every=1)
        self.run_dir = self.stopped_run("run", 3 * UPDATES + 2, checkpoint_every=1)
        self.newest_first = [
            self.run_dir / name
            for name in ("checkpoint.h5", f"checkpoint-{3 * UPDATES}.h5", f"checkpoint-{2 * UPDATES}.h5")
        ]
        self.assertAllWhole(self.run_dir)

    def damage(self, checkpoint):
        with h5py.File(checkpoint) as file:
            offset = file["model/output/W"].id.get_offset()
        data = bytearray(checkpoint.read_bytes())
        data[offset + 77] ^= 16
        checkpoint.unlink()
        checkpoint.write_bytes(data)

    def test_what_does_not_fit(self):
        """Whole by their checksums, but not what goes on from them."""

        def reshape(file, path):
            data = file[path][:]
            del file[path]
            file[path] = data[None]

        saved = self.folder / "saved"
        shutil.copytree(self.run_dir, saved)
        for change, named in (
            (lambda file: file.pop("state/h"), "it has no /state/h"),
            (lambda file: file.pop("model/output"), "it has no /model/output/"),
            (lambda file: reshape(file, "model/layer0/W_h"), "/model/layer0/W_h has the shape [1, "),
            (lambda file: file["config"].attrs.modify("hidden_size", 7), "/model/layer0/W_h has the shape ["),
        ):
            with self.subTest(named):
                shutil.rmtree(self.run_dir)
                shutil.copytree(saved, self.run_dir)
                with h5py.File(self.newest_first[0], "r+") as file:
                    change(file)
                result = self.train(self.run_dir, resume=True, max_updates=0, checkpoint_every=1)
                self.assertStatus(0, result)
                self.assertRegex(result.stderr, rf"\Alstm_mpi: warning: [^\n]*{re.escape(named)}[^\n]*\n\Z")
                self.assertSameRun(self.whole, self.run_dir)

    def test_older_one(self):
        for ranks, damaged in ((None, 1), (None, 2), (2, 1)):
            with self.subTest(ranks=ranks, damaged=damaged):
                saved = self.folder / "saved"
                shutil.copytree(self.run_dir, saved)
                for checkpoint in self.newest_first[:damaged]:
                    self.damage(checkpoint)
                bad = {checkpoint: checkpoint.read_bytes() for checkpoint in self.newest_first[:damaged]}
                result = self.train(
                    self.run_dir, resume=True, max_updates=0, checkpoint_every=1, ranks=ranks
                )
                self.assertStatus(0, result)
                warnings = result.stderr.splitlines()
                self.assertEqual(damaged, len(warnings), result)
                for checkpoint, line in zip(self.newest_first, warnings):
                    self.assertTrue(line.startswith("lstm_mpi: warning: "), result)
                    self.assertIn(f"{checkpoint}", line)
                    kept = Path(f"{checkpoint}.bad")
                    self.assertIn(f"{kept}", line)
                    self.assertEqual(bad[checkpoint], kept.read_bytes())
                    kept.unlink()
                if ranks is None:
                    self.assertSameRun(self.whole, self.run_dir)
                self.assertAllWhole(self.run_dir)
                shutil.rmtree(self.run_dir)
                saved.rename(self.run_dir)

    def assertNotJudged(self, *named, **how):
        """The newest one may be good: an error, no older one is taken, and every file stays."""
        before = support.tree(self.run_dir)
        for ranks in (None,) if how else (None, 2):
            with self.subTest(ranks=ranks, **how):
                result = run(
                    *("train", "--resume", "--run-dir", self.run_dir, "--max-updates", 0, "--quiet"),
                    ranks=ranks,
                    **how,
                )
                self.assertError(1, result, self.newest_first[0], "move the file away", *named)
                self.assertEqual("", "".join(re.findall("warning.*", result.stderr)), result)
                self.assertEqual(before, support.tree(self.run_dir))

    def test_another_version(self):
        with h5py.File(self.newest_first[0], "r+") as file:
            file.attrs.modify("format_version", 2)
        self.assertNotJudged("format version is 2", "use the version of the program")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_no_permission(self):
        os.chmod(self.folder, 0o755)
        for path in (self.run_dir, *self.run_dir.iterdir()):
            os.chown(path, 65534, 65534)
        os.chmod(self.newest_first[0], 0)
        reachable = shutil.copy(support.program(), self.folder / "lstm_mpi")
        with unittest.mock.patch.dict(os.environ, LSTM_MPI=str(reachable)):
            self.assertNotJudged("Permission denied", "check the permissions", user=65534, folder=self.folder)

    def injected(self, call, path, failure, when):
        """strace, which lets this call on this file fail."""
        return (
            *("strace", "-f", "-qq", "-o", "/dev/null", "-P", str(path)),
            *("-e", f"trace={call}", "-e", f"inject={call}:error={failure}:when={when}"),
        )

    @unittest.skipUnless(support.strace_works(), "needs strace")
    def test_system_errors(self):
        newest = self.newest_first[0]
        for call, failure, when, words in (
            ("pread64", "EIO", "1+", "Input/output error"),
            ("pread64", "ENOMEM", "4+", "Cannot allocate memory"),
            ("openat", "EMFILE", "4+", "Too many open files"),
        ):
            self.assertNotJudged(words, launcher=self.injected(call, newest, failure, when))

    @unittest.skipUnless(support.strace_works(), "needs strace")
    def test_system_error_once(self):
        """The second look finds a good file."""
        for number in (1, 9):
            launcher = self.injected("pread64", self.newest_first[0], "EIO", number)
            self.assertDone(
                run(
                    *("train", "--resume", "--run-dir", self.run_dir, "--quiet"),
                    *("--max-updates", 3 * UPDATES + 2),
                    launcher=launcher,
                )
            )

    def test_only_older_ones(self):
        """checkpoint.h5 was removed by hand."""
        self.newest_first[0].unlink()
        self.assertStatus(0, self.train(self.run_dir, resume=True, max_updates=0, checkpoint_every=1))
        self.assertSameRun(self.whole, self.run_dir)

    def test_no_good_one(self):
        """An error, not a fresh start, and the files stay for whoever can mend them."""
        for checkpoint in self.newest_first:
            self.damage(checkpoint)
        before = support.tree(self.run_dir)
        for ranks in (None, 3):
            with self.subTest(ranks=ranks):
                result = self.train(self.run_dir, resume=True, max_updates=0, ranks=ranks)
                self.assertError(1, result, self.run_dir)
                self.assertEqual(before, support.tree(self.run_dir))

    def test_foreign_file(self):
        """Names that only resemble a checkpoint's are neither read nor removed."""
        for name in ("checkpoint-old.h5", "checkpoint-7.h5.bak", "checkpoint-007.h5", "notes.txt"):
            (self.run_dir / name).write_text("mine")
        self.assertDone(self.train(self.run_dir, resume=True, max_updates=0, checkpoint_every=1))
        for name in ("checkpoint-old.h5", "checkpoint-7.h5.bak", "checkpoint-007.h5", "notes.txt"):
            self.assertEqual("mine", (self.run_dir / name).read_text())


if __name__ == "__main__":
    unittest.main()
