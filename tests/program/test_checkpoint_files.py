#!/usr/bin/python3
"""checkpoint.h5 and metrics.h5 as h5py and HDF5's own tools see them, and what is in the run directory.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_checkpoint_files.py [unittest's arguments]
"""

import os
import random
import re
import shutil
import subprocess
import unittest
from collections import Counter
from datetime import datetime, timedelta, timezone

import h5py
import numpy as np

import support
from support import run

try:
    import xxhash
except ImportError:
    xxhash = None

BATCH, STEPS, HIDDEN, EPOCHS = 6, 5, 16, 4
BLOCK = 1 << 20

# Ties in count across scripts, a line's end, U+0000, what looks like an unknown one, four bytes, a mark
# in the middle of the text; CRLF and the mark at its start are no characters.
TEXT = "\ufeff" + support.text(300) + "\r\n\r\nab\0\0<unk>é😀\ufeff\r\t" + "ゆ天Ω" * 3 + "zyx\u3000"


def expected_vocabulary(text):
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return sorted(Counter(text).items(), key=lambda pair: (-pair[1], ord(pair[0])))


class FileTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.write("corpus.txt", TEXT)

    def train(self, name, *options, ranks=None):
        run_dir = self.folder / name
        self.assertDone(
            run(
                *("train", "--corpus", self.corpus, "--run-dir", run_dir, "--epochs", EPOCHS),
                *("--batch-size", BATCH, "--num-steps", STEPS, "--hidden-size", HIDDEN, "--quiet"),
                *("--predict-length", 0, *options),
                ranks=ranks,
            )
        )
        return run_dir


class LayoutTest(FileTest):
    def setUp(self):
        super().setUp()
        self.started = datetime.now(timezone.utc).replace(microsecond=0)
        self.run_dir = self.train("run", ranks=2)
        self.file = h5py.File(self.run_dir / "checkpoint.h5")
        self.addCleanup(self.file.close)
        self.characters = expected_vocabulary(TEXT)
        self.size = len(self.characters) + 1

    def test_format(self):
        attributes = self.file.attrs
        self.assertEqual("lstm_mpi", attributes["format"].decode())
        self.assertEqual(1, attributes["format_version"])
        version = run("--version").stdout.split()[1]
        self.assertEqual(version, attributes["program_version"].decode())
        created = attributes["created"].decode()
        self.assertRegex(created, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        created = datetime.fromisoformat(created)
        self.assertLessEqual(self.started, created)
        self.assertLessEqual(created, self.started + timedelta(minutes=10))
        for name in ("checkpoint.h5", "metrics.h5"):
            superblock = (self.run_dir / name).read_bytes()[8]
            self.assertGreaterEqual(superblock, 2, "a format without checksums of its metadata")

    def test_config(self):
        config = dict(self.file["config"].attrs)
        names = re.findall(r"^  --([a-z-]+)", run("train", "--help").stdout, re.M)
        self.assertGreater(len(names), 25)
        for name in names:
            if name not in ("help", "config"):
                self.assertIn(name.replace("-", "_"), config)
        for name, value in {
            "batch_size": BATCH,
            "num_steps": STEPS,
            "hidden_size": HIDDEN,
            "epochs": EPOCHS,
            "max_tokens": 10000,
            "lr": 1.0,
            "clip_norm": 1.0,
            "keep": 2,
        }.items():
            self.assertEqual(value, config[name], name)
        for name, value in {
            "sampling": "sequential",
            "start_offset": "random",
            "corpus": str(self.corpus),
            "run_dir": str(self.run_dir),
            "optimizer": "sgd",
        }.items():
            self.assertEqual(value, config[name].decode(), name)
        digests = [name for name in config if "digest" in name]
        self.assertEqual(1, len(digests), sorted(config))

    def test_vocabulary(self):
        vocabulary = self.file["vocabulary"]
        token = vocabulary["token"]
        self.assertEqual(["code_point", "count", "token"], sorted(vocabulary))
        kind = token.id.get_type()
        self.assertFalse(kind.is_variable_str())
        self.assertEqual(h5py.h5t.CSET_UTF8, kind.get_cset())
        self.assertEqual(h5py.h5t.STR_NULLTERM, kind.get_strpad())
        self.assertEqual((np.uint32, np.uint64), (vocabulary["code_point"].dtype, vocabulary["count"].dtype))
        spelled = ["<unk>"] + [
            "<0x00>" if character == "\0" else character for character, _ in self.characters
        ]
        self.assertEqual(spelled, list(token.asstr()[:]))
        self.assertEqual(
            [0] + [ord(character) for character, _ in self.characters],
            vocabulary["code_point"][:].tolist(),
        )
        self.assertEqual(
            [0] + [count for _, count in self.characters], vocabulary["count"][:].tolist()
        )

    def test_datasets(self):
        """Names, shapes and types, and no others."""
        shapes = {
            "model/layer0/W_x": (self.size, 4 * HIDDEN),
            "model/layer0/W_h": (HIDDEN, 4 * HIDDEN),
            "model/layer0/b": (4 * HIDDEN,),
            "model/output/W": (HIDDEN, self.size),
            "model/output/b": (self.size,),
            "state/h": (1, BATCH, HIDDEN),
            "state/c": (1, BATCH, HIDDEN),
        }
        found = {}
        self.file.visititems(
            lambda name, thing: found.update({name: thing}) if isinstance(thing, h5py.Dataset) else None
        )
        for name, shape in shapes.items():
            self.assertEqual(shape, found[name].shape, name)
            self.assertEqual(np.dtype("<f4"), found[name].dtype, name)
            self.assertTrue(np.isfinite(found[name][:]).all(), name)
        for name, dataset in found.items():
            layout = dataset.id.get_create_plist().get_layout()
            self.assertEqual(h5py.h5d.CONTIGUOUS, layout, name)
        known = set(shapes) | {f"vocabulary/{name}" for name in ("token", "code_point", "count")}
        known |= {f"metrics/{name}" for name in METRICS}
        self.assertEqual(
            known, {name for name in found if not name.startswith(("checksum/", "progress/"))}
        )
        for name in ("W_x", "W_h", "b"):
            gates = self.file["model/layer0"][name].attrs["gates"].decode()
            self.assertEqual(["i", "f", "o", "c"], re.findall(r"\w", gates))

    def test_progress(self):
        progress = dict(self.file["progress"].attrs)
        updates = progress["update"]
        self.assertEqual((EPOCHS, 0), (progress["epoch"], progress["batch"]))
        self.assertEqual(updates * BATCH * STEPS, progress["tokens_seen"])
        self.assertIn(progress["start_offset"], range(STEPS + 1))
        self.assertIn(updates, range(EPOCHS * 10, EPOCHS * 11 + 1))

    @unittest.skipUnless(xxhash, "needs python3-xxhash")
    def test_checksums(self):
        self.check_checksums(self.file)

    def check_checksums(self, file):
        paths = []
        file.visititems(
            lambda name, thing: paths.append(name) if isinstance(thing, h5py.Dataset) else None
        )
        checked = [path for path in paths if not path.startswith("checksum/")]
        self.assertEqual(sorted("checksum/" + path for path in checked), sorted(set(paths) - set(checked)))
        for path in checked:
            data = file[path][()].tobytes()
            blocks = [data[start : start + BLOCK] for start in range(0, len(data), BLOCK)]
            stored = file["checksum/" + path]
            self.assertEqual(np.uint64, stored.dtype)
            self.assertEqual([xxhash.xxh3_64_intdigest(b) for b in blocks], stored[:].tolist(), path)

    @unittest.skipUnless(xxhash, "needs python3-xxhash")
    def test_checksums_of_large_tensors(self):
        """More than one block of 1 MiB, on several ranks."""
        run_dir = self.train("large", "--hidden-size", 300, "--max-updates", 1, ranks=3)
        with h5py.File(run_dir / "checkpoint.h5") as file:
            self.assertEqual((2,), file["checksum/model/layer0/W_h"].shape)
            self.check_checksums(file)

    def test_metrics(self):
        with h5py.File(self.run_dir / "metrics.h5") as file:
            self.assertEqual(["metrics"], list(file))
            metrics = file["metrics"]
            self.assertEqual(sorted(METRICS), sorted(metrics))
            for name, columns in METRICS.items():
                shape = (EPOCHS, 2) if columns else (EPOCHS,)
                self.assertEqual(shape, metrics[name].shape, name)
                kind = np.int64 if name == "epoch" else np.float64
                self.assertEqual(kind, metrics[name].dtype, name)
                np.testing.assert_array_equal(metrics[name], self.file["metrics"][name])
            self.assertEqual(list(range(1, EPOCHS + 1)), metrics["epoch"][:].tolist())
            self.assertTrue(np.isnan(metrics["valid_perplexity"]).all())
            self.assertTrue((np.diff(metrics["seconds"]) > 0).all())
            for name in ("perplexity", "tokens_per_second", "grad_norm", "rank_compute_seconds"):
                self.assertTrue((metrics[name][:] > 0).all(), name)
            # Nothing is learned before the first update: nearly the size of the vocabulary.
            self.assertLess(metrics["perplexity"][0], self.size + 1)
            self.assertGreater(metrics["perplexity"][0], metrics["perplexity"][-1])

    @unittest.skipUnless(shutil.which("h5dump") and shutil.which("h5ls"), "needs hdf5-tools")
    def test_tools(self):
        checkpoint = self.run_dir / "checkpoint.h5"
        listed = tool("h5ls", "-r", checkpoint)
        self.assertRegex(listed, rf"(?m)^/model/layer0/W_x +Dataset {{{self.size}, {4 * HIDDEN}}}$")
        self.assertRegex(listed, rf"(?m)^/state/h +Dataset {{1, {BATCH}, {HIDDEN}}}$")
        dumped = tool("h5dump", "-d", "/vocabulary/count", "-y", "-w", "0", checkpoint)
        numbers = dumped.partition("DATA {")[2].partition("}")[0]
        self.assertEqual(
            [0] + [count for _, count in self.characters], [int(n) for n in re.findall(r"\d+", numbers)]
        )
        tokens = tool("h5dump", "-d", "/vocabulary/token", checkpoint)
        self.assertIn('"<unk>"', tokens)
        self.assertIn("H5T_STR_NULLTERM", tokens)
        self.assertIn("H5T_CSET_UTF8", tokens)
        readable = re.sub(
            rb"\\37777777(\d{3})", lambda octal: bytes([int(octal[1], 8) & 255]), tokens.encode()
        ).decode()
        self.assertIn('"我"', readable)
        self.assertIn("CONTIGUOUS", tool("h5dump", "-p", "-H", "-d", "/model/output/W", checkpoint))
        self.assertIn("perplexity", tool("h5dump", "-H", self.run_dir / "metrics.h5"))


METRICS = {  # by rank?
    "epoch": False,
    "perplexity": False,
    "valid_perplexity": False,
    "tokens_per_second": False,
    "seconds": False,
    "grad_norm": False,
    "rank_compute_seconds": True,
    "rank_wait_seconds": True,
}


def tool(*command):
    return subprocess.run(
        list(map(str, command)), check=True, stdout=subprocess.PIPE, encoding="utf-8", errors="replace"
    ).stdout


class RetentionTest(FileTest):
    def names(self, run_dir):
        """Checkpoints in the directory, each with the update that it is of."""
        found = {}
        for path in run_dir.iterdir():
            self.assertRegex(path.name, r"^(checkpoint(-\d+)?|metrics)\.h5$")
            if path.name != "metrics.h5":
                found[path.name] = support.updates_done(path)
        return found

    def test_keep(self):
        for keep in (0, 1, 3, 100):
            with self.subTest(keep=keep):
                run_dir = self.train(
                    f"keep{keep}", "--start-offset", 0, "--checkpoint-every", 1, "--keep", keep
                )
                found = self.names(run_dir)
                newest = found.pop("checkpoint.h5")
                epoch = newest // EPOCHS
                kept = [newest - epoch * (1 + i) for i in range(min(keep, EPOCHS))]
                self.assertEqual({f"checkpoint-{update}.h5": update for update in kept}, found)

    def test_checkpoint_every(self):
        """Before the first update, every so many epochs, and at the end."""
        for every, epochs in ((0, [0]), (1, [0, 1, 2, 3]), (2, [0, 2]), (3, [0, 3]), (100, [0])):
            with self.subTest(every=every):
                run_dir = self.train(
                    f"every{every}", "--start-offset", 0, "--checkpoint-every", every, "--keep", 99
                )
                found = self.names(run_dir)
                epoch = found.pop("checkpoint.h5") // EPOCHS
                self.assertEqual(sorted(epoch * e for e in epochs), sorted(found.values()))

    def test_keep_after_resume(self):
        run_dir = self.train(
            "run", "--start-offset", 0, "--checkpoint-every", 1, "--keep", 4, "--epochs", 3
        )
        self.assertEqual(4, len(self.names(run_dir)))
        self.assertDone(
            run(
                *("train", "--resume", "--run-dir", run_dir, "--quiet"),
                *("--epochs", 5, "--keep", 1),
            )
        )
        found = self.names(run_dir)
        newest = found.pop("checkpoint.h5")
        self.assertEqual({f"checkpoint-{newest // 5 * 4}.h5": newest // 5 * 4}, found)

    def test_metrics_are_written_at_log_lines(self):
        run_dir = self.folder / "run"
        with support.start(
            *("train", "--corpus", self.corpus, "--run-dir", run_dir, "--epochs", 10**7),
            *("--batch-size", BATCH, "--num-steps", STEPS, "--hidden-size", HIDDEN),
            *("--checkpoint-every", 0, "--log-every", 7, "--predict-length", 0),
        ) as running:
            while "epoch 14/" not in running.stdout():
                self.assertTrue(running.running(), running.stderr())
        with h5py.File(run_dir / "metrics.h5") as file:
            self.assertGreaterEqual(len(file["metrics/epoch"]), 7)


class FlippedBitTest(FileTest):
    """One bit is another, anywhere in the file."""

    def test_flipped(self):
        """The older checkpoints of a run are copies with one such bit each: resume takes none."""
        run_dir = self.train("run", "--keep", 0)
        original = (run_dir / "checkpoint.h5").read_bytes()
        chance = random.Random(7)
        offsets = set(range(0, 64)) | {len(original) - 1}
        offsets |= {chance.randrange(len(original)) for _ in range(150)}
        with h5py.File(run_dir / "checkpoint.h5") as file:
            first = min(file[p].id.get_offset() for p in ("model/layer0/W_x", "vocabulary/token"))
        offsets |= {chance.randrange(first) for _ in range(100)}
        (run_dir / "checkpoint.h5").unlink()
        flips = {}
        for update, offset in enumerate(sorted(offsets), start=1):
            data = bytearray(original)
            data[offset] ^= 1 << chance.randrange(8)
            flips[run_dir / f"checkpoint-{update}.h5"] = offset
            (run_dir / f"checkpoint-{update}.h5").write_bytes(data)
        missed = []
        while flips:
            result = run("train", "--resume", "--run-dir", run_dir, timeout=120)
            if result.status != 0:
                self.assertStatus(1, result)
                break
            taken = [path for path in flips if f"{path} " in result.stdout]
            self.assertEqual(1, len(taken), result)
            missed.append(flips.pop(taken[0]))
            taken[0].unlink()
            self.assertLess(len(missed), 20, f"flipped bits at {missed} are not found")
        self.assertEqual([], missed, f"of {len(original)} bytes; not found")
        for path in flips:
            self.assertEqual(1, len(re.findall(re.escape(f"{path}:"), result.stderr)), path)

    def test_flipped_in_a_long_setting(self):
        """HDF5 has no checksum for attributes of many kilobytes."""
        corpus = []
        for i in range(700):
            corpus.append(self.folder / f"{i:0>80}.txt")
            corpus[-1].write_text("one of many files\n")
        words = [word for path in corpus for word in ("--corpus", path)]
        checkpoint = self.folder / "run" / "checkpoint.h5"
        shape = ("--hidden-size", 4, "--batch-size", 2, "--num-steps", 4, "--epochs", 1)
        self.assertStatus(0, run("train", *words, *shape, "--run-dir", checkpoint.parent, "--predict-length", 0))
        data = bytearray(checkpoint.read_bytes())
        data[data.index(corpus[350].name.encode()) + 79] ^= 1
        checkpoint.write_bytes(data)
        result = run("inspect", checkpoint)
        self.assertStatus(1, result)
        self.assertIn("damaged", result.stderr)


if __name__ == "__main__":
    unittest.main()
