#!/usr/bin/python3
"""evaluate: perplexity of a text and of its lines, against a network in NumPy, in double.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_evaluate.py [unittest's arguments]
"""

import math
import os
import re
import subprocess
import unittest

import h5py
import numpy as np

import support
from support import run, run_all

OPTIONS = ("--hidden-size", 12, "--num-steps", 6, "--epochs", 9, "--predict-length", 0, "--optimizer", "adam")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Network:
    """The LSTM of a checkpoint; tells the losses of each token behind the first of a sequence."""

    def __init__(self, checkpoint):
        with h5py.File(checkpoint) as file:
            tokens = [token.decode() for token in file["vocabulary/token"][:]]
            self.weights = {}
            file["model"].visititems(
                lambda path, thing: self.weights.update({path: np.array(thing, float)} if hasattr(thing, "shape") else {})
            )
            self.num_steps = int(file["config"].attrs["num_steps"])
        self.directions = ["layer0"] + ["layer0/reverse"] * ("layer0/reverse/W_h" in self.weights)
        self.ids = {token: i for i, token in enumerate(tokens)}

    def step(self, direction, token, state):
        W_x, W_h, b = (self.weights[f"{direction}/{name}"] for name in ("W_x", "W_h", "b"))
        hidden = len(W_h)
        h, c = state
        z = W_x[token] + h @ W_h + b
        i, f, o = (sigmoid(z[k * hidden : (k + 1) * hidden]) for k in range(3))
        c = f * c + i * np.tanh(z[3 * hidden :])
        return o * np.tanh(c), c

    def losses(self, text):
        """In windows, which the second direction reads from their end."""
        zero = np.zeros(len(self.weights["layer0/W_h"]))
        states = {direction: (zero, zero) for direction in self.directions}
        ids = [self.ids.get(token, 0) for token in text]
        losses = []
        for begin in range(0, len(ids) - 1, self.num_steps):
            inputs = range(begin, min(begin + self.num_steps, len(ids) - 1))
            h = {place: [] for place in inputs}
            for direction in self.directions:
                for place in inputs if direction == "layer0" else reversed(inputs):
                    states[direction] = self.step(direction, ids[place], states[direction])
                    h[place].append(states[direction][0])
            for place in inputs:
                logits = np.concatenate(h[place]) @ self.weights["output/W"] + self.weights["output/b"]
                losses.append(np.log(np.exp(logits).sum()) - logits[ids[place + 1]])
        return losses

    def perplexity(self, text, rows):
        """In rows of nearly equal length, the first ones longer."""
        places = np.array_split(np.arange(len(text) - 1), rows)
        losses = [self.losses(text[row[0] : row[-1] + 2]) for row in places if len(row)]
        return math.exp(np.mean(np.concatenate(losses)))


class EvaluateTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        lines = re.sub("一", "\n", support.text(1500, kinds=30))
        self.trained = self.write("trained.txt", lines)
        # Characters that the model has not seen, empty lines, one longer than many windows, no newline at the end.
        self.text = lines[900:] + "\n\n新字 x\n" + lines[:400].replace("\n", "我") + "\n" + lines[400:500] + "\n末"
        self.corpus = self.write("corpus.txt", self.text)
        result = run("train", "--corpus", self.trained, "--run-dir", self.folder / "run", "--quiet",
                     "--lr", 0.05, *OPTIONS)  # fmt: skip
        self.assertDone(result)
        self.checkpoint = self.folder / "run/checkpoint.h5"
        self.network = Network(self.checkpoint)

    def words(self, *words, corpus=None):
        return ("evaluate", "--checkpoint", self.checkpoint, "--corpus", corpus or self.corpus, *words)

    def evaluate(self, *words, ranks=None, corpus=None):
        result = run(*self.words(*words, corpus=corpus), ranks=ranks)
        self.assertDone(result)
        return result.stdout

    def assertMeasured(self, perplexity, tokens, line):
        match = re.fullmatch(r"perplexity (\S+), bits per character (\S+), (\d+) tokens\n", line)
        self.assertTrue(match, line)
        self.assertEqual(tokens, int(match[3]))
        self.assertAlmostEqual(1, float(match[1]) / perplexity, delta=6e-6)
        self.assertAlmostEqual(1, float(match[2]) / math.log2(perplexity), delta=6e-6)
        for number in match[1], match[2]:
            self.assertEqual(6, len(number.replace(".", "").lstrip("0")), line)

    def test_perplexity(self):
        """Whatever the rows: fewer, as many, or more than tokens."""
        for rows, tokens in ((1, len(self.text)), (32, len(self.text)), (7, 500), (3, 2), (9, 4), (4, 5)):
            with self.subTest(rows=rows, tokens=tokens):
                line = self.evaluate("--batch-size", rows, "--max-tokens", tokens)
                self.assertMeasured(self.network.perplexity(self.text[:tokens], rows), tokens, line)
        line = self.evaluate()
        self.assertEqual(line, self.evaluate("--max-tokens", 0, "--batch-size", 32))
        self.assertMeasured(self.network.perplexity(self.text, 32), len(self.text), line)

    def test_models_that_diverged(self):
        """Six digits, however large the numbers are."""
        for bias, perplexity, bits in ((300, r"\d\.\d{5}e\+\d+", r"\d{3}\.\d{3}"), (3e30, "inf", r"\d\.\d{5}e\+30")):
            with h5py.File(self.checkpoint, "r+") as file:
                if "checksum" in file:
                    del file["checksum"]
                file["model/output/b"][0] = bias
            line = self.evaluate("--max-tokens", 100)
            self.assertRegex(line, rf"^perplexity {perplexity}, bits per character {bits}, 100 tokens\n$")

    def test_much_that_is_unknown(self):
        """A warning with the share, by the text and by its lines alike, on ranks too."""
        corpus = self.write("other.txt", self.text[:290] + "\nΩß123")
        for words in ((), ("--per-line",)):
            share = 5 / 295 if not words else 5 / 297
            for ranks in (None, 3):
                result = run(*self.words(*words, corpus=corpus), ranks=ranks)
                self.assertStatus(0, result)
                warning = rf"lstm_mpi: warning: {100 * share:.1f} % of the characters [^\n]*<unk>"
                self.assertRegex(result.stderr, rf"\A{warning}\n\Z")
        corpus.write_text(self.text[:590] + "ΩßΩß", encoding="utf-8")
        self.evaluate(corpus=corpus)

    def test_lines(self):
        """Each by itself, behind a newline and with its own one."""
        *scores, summary = self.evaluate("--per-line", "--batch-size", 4).splitlines(keepends=True)
        lines = self.text.split("\n")
        losses = [self.network.losses(f"\n{line}\n") for line in lines]
        np.testing.assert_allclose([float(s) for s in scores], [-sum(loss) for loss in losses], rtol=3e-6)
        whole = np.concatenate(losses)
        self.assertMeasured(math.exp(np.mean(whole)), len(self.text) + 1, summary)

    def test_ranks(self):
        """The same characters are printed, by however many ranks."""
        long = self.write("long.txt", self.text * 40)
        for words in (("--batch-size", 11), ("--batch-size", 5, "--per-line"), ("--per-line",)):
            for corpus in (self.corpus, long):
                calls = [(self.words(*words, corpus=corpus), {"ranks": ranks}) for ranks in (1, 2, 3, 5)]
                results = run_all(calls, at_once=2)
                for result in results:
                    self.assertDone(result)
                    self.assertEqual(results[0].stdout, result.stdout)

    def test_files(self):
        """Several are one text; CRLF is a newline, a byte order mark is no character."""
        parts = [
            self.write("part1.txt", "\ufeff" + self.text[:300].replace("\n", "\r\n") + "\r\n"),
            self.write("part2.txt", self.text[300:]),
        ]
        whole = self.write("whole.txt", self.text[:300] + "\n" + self.text[300:])
        for words in ((), ("--per-line",)):
            measured = self.evaluate("--corpus", parts[1], *words, corpus=parts[0])
            self.assertEqual(self.evaluate(*words, corpus=whole), measured)

    def test_long_text(self):
        """More than the ids of a row that are held at once, over several blocks of the text."""
        text = (self.text + "\n") * 700
        corpus = self.write("long.txt", text)
        self.assertGreater(len(text) / 2, 1 << 17)
        once = Network(self.checkpoint).losses(text[:4000])
        line = self.evaluate("--batch-size", 2, corpus=corpus, ranks=2)
        measured = math.log(float(line.split()[1].rstrip(",")))
        self.assertAlmostEqual(np.mean(once[2000:]), measured, delta=0.05)

    def test_both_directions(self):
        """The second one begins where a row or a line ends, not behind it; a warning tells what it sees."""
        run_dir = self.folder / "both"
        self.assertDone(run("train", "--corpus", self.trained, "--run-dir", run_dir, "--quiet", "--bidirectional",
                            "--lr", 0.05, *OPTIONS))  # fmt: skip
        self.checkpoint = run_dir / "checkpoint.h5"
        network = Network(self.checkpoint)
        for rows, tokens in ((32, 503), (3, 40), (5, 33), (1, 30)):
            for ranks in (None, min(rows, 3)):
                result = run(*self.words("--batch-size", rows, "--max-tokens", tokens), ranks=ranks)
                self.assertIn("bidirectional", result.stderr)
                self.assertMeasured(network.perplexity(self.text[:tokens], rows), tokens, result.stdout)
        for ranks in (None, 3):
            scores = run(*self.words("--per-line", "--batch-size", 4), ranks=ranks).stdout.splitlines()[:-1]
            expected = [-sum(network.losses(f"\n{line}\n")) for line in self.text.split("\n")]
            np.testing.assert_allclose([float(s) for s in scores], expected, rtol=3e-6)

    def test_words_and_bytes(self):
        """Bits are those of a character of the text, whatever the tokens; lines may be no UTF-8 where these are
        bytes, and end where they end where the model knows no newlines."""
        english = "The quick brown fox, naïve as ever:\njumps – over the lazy dog.\n\n" * 9
        corpus = self.write("english.txt", english)
        for words in (("--token", "word"), ("--token", "byte"), ("--token", "word", "--drop-newlines", "--lowercase")):
            run_dir = self.folder / "-".join(words).replace("--", "")
            self.assertDone(run("train", "--corpus", corpus, "--run-dir", run_dir, "--quiet", *words, *OPTIONS))
            self.checkpoint = run_dir / "checkpoint.h5"
            characters = len(english.replace("\n", "") if "--drop-newlines" in words else english)
            for lines in ((), ("--per-line",)):
                results = []
                for ranks in (None, 3):
                    result = run(*self.words(*lines, "--batch-size", 3, corpus=corpus), ranks=ranks)
                    self.assertStatus(0, result)
                    self.assertEqual("--lowercase" in words and lines != (), "warning" in result.stderr)  # dog.the
                    results.append(result.stdout)
                self.assertEqual(*results)
                *scores, summary = results[0].splitlines()
                perplexity, bits, tokens = map(float, re.findall(r"[\d.]+", summary))
                if lines:
                    self.assertEqual(english.count("\n"), len(scores))
                    total = -sum(map(float, scores))
                    self.assertAlmostEqual(tokens, total / math.log(perplexity), delta=1e-4 * tokens)
                    self.assertAlmostEqual(len(english), total / math.log(2) / bits, delta=1e-4 * characters)
                else:
                    total = (tokens - 1) * math.log2(perplexity) / bits
                    self.assertLess(characters - 4, total)
                    self.assertLess(total, characters)
        bad = self.write("bad.txt", b"a\xff\r\n\xfe")
        self.checkpoint = self.folder / "token-byte/checkpoint.h5"
        self.assertIn(" 6 tokens", run(*self.words("--per-line", corpus=bad)).stdout)
        self.assertIn(" 5 tokens", run(*self.words(corpus=bad)).stdout)

    def test_broken_pipe(self):
        """Whoever reads a line and goes gets it, no complaint, and no long wait: on ranks too, of which only the
        first one knows. (mpirun's own pipe would hide it from that one.)"""
        corpus = self.write("endless.txt", (self.text + "\n") * 10000)
        first = self.evaluate("--per-line", corpus=self.corpus).splitlines()[0] + "\n"
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        words = self.words("--per-line", corpus=corpus)
        script = '[ "${OMPI_COMM_WORLD_RANK:-0}" = 0 ] && exec "$0" "$@" > "$PIPE" || exec "$0" "$@"'
        shell = ("sh", "-c", script, support.program(), *map(str, words))
        environment = os.environ | support.MPI_ENVIRONMENT | {"PIPE": str(pipe)}
        for ranks in (1, 3):
            mpirun = () if ranks == 1 else ("mpirun", "--oversubscribe", "-np", str(ranks))
            with subprocess.Popen((*mpirun, *shell), env=environment, stderr=subprocess.PIPE) as process:
                try:
                    with open(pipe, encoding="utf-8") as lines:
                        self.assertEqual(first, lines.readline())
                    self.assertEqual("", process.communicate(timeout=30)[1].decode())
                    self.assertEqual(0, process.returncode)
                finally:
                    process.terminate()

    def test_shapes(self):
        """Layers, an embedding, another cell, by every number of ranks and rows, with fewer tokens than ranks."""
        for model in (("--num-layers", 2, "--embedding-size", 7), ("--cell", "gru", "--bidirectional")):
            run_dir = self.folder / "shape"
            self.assertDone(run("train", "--corpus", self.trained, "--run-dir", run_dir, "--quiet", "--overwrite",
                                *OPTIONS, *model))  # fmt: skip
            self.checkpoint = run_dir / "checkpoint.h5"
            small = self.write("small.txt", "\n\r\n我\r\n末")
            for words in (("--per-line", "--batch-size", 8), ("--batch-size", 1000), ("--per-line", "--batch-size", 1000)):
                calls = [(self.words(*words, corpus=small), {"ranks": ranks}) for ranks in (None, 8)]
                one, eight = run_all(calls, at_once=1)
                self.assertEqual((0, 0), (one.status, eight.status))
                self.assertEqual(one.stdout, eight.stdout)
                self.assertEqual(5 if "--per-line" in words else 1, one.stdout.count("\n"))

    def test_built_in_text(self):
        result = run("evaluate", "--checkpoint", self.checkpoint, "--max-tokens", 50)
        self.assertStatus(0, result)
        self.assertIn(" 50 tokens", result.stdout)
        self.assertIn("not in the vocabulary", result.stderr)


class BadInputTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        corpus = self.write("corpus.txt", support.text(400))
        run_dir = self.folder / "run"
        self.assertDone(run("train", "--corpus", corpus, "--run-dir", run_dir, "--quiet", *OPTIONS))
        self.words = ("evaluate", "--checkpoint", run_dir / "checkpoint.h5", "--corpus", corpus)

    def test_command_line(self):
        self.assertError(2, run("evaluate", "--corpus", self.words[-1]), "--checkpoint")
        self.assertError(2, run(*self.words, "--batch-size", 0), "--batch-size")
        self.assertError(2, run(*self.words, "--max-tokens", -1), "--max-tokens")
        self.assertError(2, run(*self.words, "--per-line", "--max-tokens", 3), "--per-line", "--max-tokens")
        self.assertError(2, run(*self.words, "--hidden-size", 3), "--hidden-size")

    def test_files(self):
        missing = self.folder / "missing.txt"
        empty = self.write("empty.txt", "")
        bad = self.write("bad.txt", "你是\n我".encode() + b"\xff\n")
        short = self.write("short.txt", "你")
        for per_line in ((), ("--per-line",)):
            for ranks in (None, 3):
                for path, named in ((missing, ("missing.txt",)), (empty, ("empty",)), (self.folder, ("directory",))):
                    result = run(*self.words[:-1], path, *per_line, ranks=ranks)
                    self.assertError(1, result, *named)
                result = run(*self.words[:-1], bad, *per_line, ranks=ranks)
                self.assertError(1, result, "bad.txt", "offset 10", "0xFF")
        self.assertError(1, run(*self.words[:-1], short), "1 token")
        self.assertError(1, run("evaluate", "--checkpoint", missing, *self.words[3:]), "missing.txt")
        self.assertError(1, run("evaluate", "--checkpoint", short, *self.words[3:]), "short.txt")

    def test_more_ranks_than_rows(self):
        for per_line in ((), ("--per-line",)):
            result = run(*self.words, "--batch-size", 2, *per_line, ranks=3)
            self.assertError(1, result, "3 ranks", "2 rows")


if __name__ == "__main__":
    unittest.main()
