#!/usr/bin/python3
"""What a person types and sees.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_command_line.py [unittest's arguments]
"""

import errno
import os
import pty
import re
import shutil
import signal
import subprocess
import time
import unittest

import h5py
import numpy as np

import support
from support import run

NUMBER = r"\d+(?:\.\d+)?(?:e[+-]\d+)?"
CLOCK = r"\d+:\d\d:\d\d"
EPOCH_LINE = re.compile(
    rf"^epoch (\d+)/(\d+)  perplexity ({NUMBER})  ({NUMBER}) tokens/s  grad-norm ({NUMBER})"
    rf"  {CLOCK} elapsed  {CLOCK} left$",
    re.M,
)
FINAL_LINE = re.compile(rf"^perplexity ({NUMBER}), ({NUMBER}) tokens/s on (\d+) ranks?$", re.M)


class CommandLineTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.write("corpus.txt", support.text(300))
        self.run_dir = self.folder / "run"

    def options(self, *others):
        return (
            *("train", "--corpus", self.corpus, "--run-dir", self.run_dir, "--hidden-size", 16),
            *("--batch-size", 8, "--num-steps", 6, "--epochs", 6, *others),
        )

    def config(self):
        with h5py.File(self.run_dir / "checkpoint.h5") as file:
            return {
                name: value.decode() if isinstance(value, bytes) else value
                for name, value in file["config"].attrs.items()
            }


class OutputTest(CommandLineTest):
    def test_plain(self):
        """Header, untrained sample, a line for every log-every epochs, final line, samples."""
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                shutil.rmtree(self.run_dir, ignore_errors=True)
                result = run(*self.options("--log-every", 2), ranks=ranks)
                self.assertDone(result)
                self.assertNotIn("\r", result.stdout)
                self.assertNotIn("\033", result.stdout)
                self.check_output(result.stdout, ranks or 1)

    def check_output(self, output, ranks):
        lines = list(EPOCH_LINE.finditer(output))
        self.assertEqual([("2", "6"), ("4", "6"), ("6", "6")], [line.group(1, 2) for line in lines])
        final = FINAL_LINE.search(output)
        self.assertIsNotNone(final, output)
        self.assertEqual(str(ranks), final[3])
        self.assertIn("rank" if ranks == 1 else "ranks", final[0].split())
        with h5py.File(self.run_dir / "metrics.h5") as file:
            perplexity = file["metrics/perplexity"][:]
            norm = file["metrics/grad_norm"][:]
        for line in lines:
            epoch = int(line[1]) - 1
            self.assertAlmostEqual(perplexity[epoch], float(line[3]), delta=0.06)
            self.assertAlmostEqual(norm[epoch], float(line[5]), delta=0.006)
        self.assertAlmostEqual(perplexity[-1], float(final[1]), delta=0.06)

        header = output[: output.index("\n你是")]
        version = run("--version").stdout.split()[1]
        parameters = sum(array.size for array in self.model().values())
        vocabulary = self.model()["output/b"].size
        for word in ("lstm_mpi", version, "BLIS", 300, vocabulary, f"{parameters:,} parameters", self.run_dir):
            self.assertIn(str(word), header)
        self.assertRegex(header, rf"\b{ranks} ranks?\b")
        self.assertRegex(header, r"\b1 host\b")
        samples = [
            [match.start() for match in re.finditer(f"(?m)^{prefix}.{{30}}$", output)]
            for prefix in ("你是", "我有一剑")
        ]
        for before, after in samples:
            self.assertLess(before, lines[0].start())
            self.assertGreater(after, lines[-1].end())

    def model(self):
        with h5py.File(self.run_dir / "checkpoint.h5") as file:
            names = ("layer0/W_x", "layer0/W_h", "layer0/b", "output/W", "output/b")
            return {name: file["model"][name][:] for name in names}

    def test_quiet(self):
        for ranks in (None, 2):
            shutil.rmtree(self.run_dir, ignore_errors=True)
            result = run(*self.options("--quiet", "--log-every", 1), ranks=ranks)
            self.assertDone(result)
            self.assertEqual("", result.stdout)

    def test_log_every_updates(self):
        result = run(*self.options("--log-every-updates", 2, "--max-updates", 7))
        self.assertDone(result)
        lines = re.findall(r"(?m)^epoch (\d+)/6  update (\d+)/(\d+)  perplexity", result.stdout)
        updates = int(lines[0][2])
        expected = [(u // updates + 1, u % updates) for u in (2, 4, 6)]
        seen = [(int(e), int(u)) for e, u, _ in lines]
        self.assertEqual([(e, u) if u else (e - 1, updates) for e, u in expected], seen)

    def test_prefixes(self):
        options = ("--predict-length", 5, "--prefix", "剑你")
        result = run(*self.options(*options, "--prefix", "一"))
        self.assertDone(result)
        for prefix in ("剑你", "一"):
            self.assertEqual(2, len(re.findall(f"(?m)^{prefix}.{{5}}$", result.stdout)), result)
        self.assertNotRegex(result.stdout, "(?m)^你是")

    def test_default_prefixes_that_are_unknown(self):
        """They are left out without a word."""
        self.corpus.write_text("abcdefgh你是" * 30, encoding="utf-8")
        result = run(*self.options())
        self.assertDone(result)
        self.assertEqual(2, len(re.findall("(?m)^你是.{30}$", result.stdout)))
        self.assertNotRegex(result.stdout, "(?m)^(我|<unk>)")

    def test_no_samples(self):
        result = run(*self.options("--predict-length", 0))
        self.assertDone(result)
        self.assertNotRegex(result.stdout, "(?m)^[你我]")

    def test_untrained_sample_is_that_of_the_first_checkpoint(self):
        result = run(*self.options("--predict-length", 12))
        self.assertDone(result)
        before, after = re.findall("(?m)^你是.{12}$", result.stdout)
        for sample, name in ((before, "checkpoint-0.h5"), (after, "checkpoint.h5")):
            again = run(
                *("generate", "--checkpoint", self.run_dir / name, "--length", 12, "--prefix", "你是")
            )
            self.assertEqual(sample + "\n", again.stdout)

    def test_default_command(self):
        """Without a command it trains, the built-in corpus, in runs/lstm of the current folder."""
        result = run(
            *("--hidden-size", 8, "--epochs", 1, "--max-tokens", 1300), folder=self.folder, timeout=120
        )
        self.assertDone(result)
        self.assertTrue((self.folder / "runs/lstm/checkpoint.h5").exists())
        self.assertEqual(2, len(re.findall("(?m)^你是.{30}$", result.stdout)), result)
        self.assertEqual(2, len(re.findall("(?m)^我有一剑.{30}$", result.stdout)), result)

    def test_closed_output(self):
        """Nobody wants to see it; the files are written all the same, and nothing is printed into them."""
        command = subprocess.run(
            ["sh", "-c", 'exec "$0" "$@" >&-', support.program(), *map(str, self.options())],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | support.MPI_ENVIRONMENT,
            timeout=60,
            check=False,
        )
        self.assertIn(command.returncode, (0, 1), command.stderr)
        self.assertAllWhole(self.run_dir)


class TerminalTest(CommandLineTest):
    """Under a pseudo-terminal."""

    def on_terminal(self, command, until=60):
        """What such a command prints on a terminal, and its status."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(support.MPI_ENVIRONMENT)
            os.execvp(command[0], [str(word) for word in command])
        output = b""
        deadline = time.monotonic() + until
        try:
            while time.monotonic() < deadline:
                try:
                    data = os.read(terminal, 65536)
                except OSError as error:
                    self.assertEqual(errno.EIO, error.errno)  # the other end is closed
                    break
                if not data:
                    break
                output += data
            else:
                os.kill(pid, signal.SIGKILL)
                self.fail(f"still running: {output.decode(errors='replace')}")
        finally:
            os.close(terminal)
            _, status = os.waitpid(pid, 0)
        return output.decode(errors="replace"), os.waitstatus_to_exitcode(status)

    def command(self, *others, ranks=None):
        launcher = ("mpirun", "--oversubscribe", "-np", ranks) if ranks else ()
        return (*launcher, support.program(), *self.options("--epochs", 40, *others))

    def test_bar(self):
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                shutil.rmtree(self.run_dir, ignore_errors=True)
                output, status = self.on_terminal(self.command(ranks=ranks))
                self.assertEqual(0, status, output)
                bars = re.findall(rf"\repoch[^\r\n]*", output.replace("\033[K", ""))
                self.assertGreaterEqual(len(bars), 1, output)
                self.assertRegex(
                    bars[-1],
                    rf"epoch 40/40 \[#*\.*\] perplexity {NUMBER}  {NUMBER} tokens/s  {CLOCK} left",
                )
                self.assertNotRegex(output, EPOCH_LINE)
                self.assertRegex(output.replace("\r", ""), FINAL_LINE)

    def test_plain_on_request(self):
        output, status = self.on_terminal(self.command("--progress", "plain"))
        self.assertEqual(0, status, output)
        self.assertRegex(output.replace("\r", ""), EPOCH_LINE)
        self.assertNotIn("\033", output)

    def test_bar_on_request(self):
        result = run(*self.options("--progress", "bar"))
        self.assertDone(result)
        self.assertIn("\r", result.stdout)

    def test_output_of_mpirun_into_a_file(self):
        """Its ranks have a terminal even so, which is not where the output ends."""
        file = self.folder / "log"
        shell = ("sh", "-c", f'"$@" > {file}', "sh")
        output, status = self.on_terminal((*shell, *self.command(ranks=2)))
        self.assertEqual(0, status, output)
        self.assertEqual("", output)
        self.assertRegex(file.read_text(encoding="utf-8").replace("\r", ""), EPOCH_LINE)
        self.assertNotIn("\033", file.read_text(encoding="utf-8"))


class ConfigurationTest(CommandLineTest):
    def test_precedence(self):
        """Default, file, command line: the later one wins, wherever --config stands."""
        file = self.write(
            "run.ini", "; a comment\nhidden-size = 12\n[train]\nnum-steps=4\nseed = 5\nquiet = yes\n"
        )
        options = ("--corpus", self.corpus, "--run-dir", self.run_dir, "--epochs", 1, "--batch-size", 4)
        for number, words in enumerate(
            (("--seed", 7, "--config", file), ("--config", file, "--seed", 7))
        ):
            self.run_dir = self.folder / f"run{number}"
            result = run("train", *options[:3], self.run_dir, *options[4:], *words)
            self.assertDone(result)
            self.assertEqual("", result.stdout)
            config = self.config()
            for name, value in {
                "hidden_size": 12,
                "num_steps": 4,
                "seed": 7,
                "batch_size": 4,
                "lr": 1,
                "keep": 2,
            }.items():
                self.assertEqual(value, config[name], name)

    def test_lists(self):
        """A list on the command line replaces that of the file."""
        other = self.write("other.txt", support.text(200, seed=2))
        file = self.write("run.ini", f"corpus = {other}\ncorpus = {self.corpus}\nprefix = 你\n")
        options = ("train", "--config", file, "--batch-size", 4, "--epochs", 1, "--num-steps", 5)
        self.assertDone(run(*options, "--run-dir", self.run_dir))
        self.assertEqual(f"{other}\n{self.corpus}", self.config()["corpus"])
        self.run_dir = self.folder / "run2"
        self.assertDone(run(*options, "--run-dir", self.run_dir, "--corpus", self.corpus))
        self.assertEqual(str(self.corpus), self.config()["corpus"])

    def test_other_commands(self):
        self.assertDone(run(*self.options("--quiet")))
        checkpoint = self.run_dir / "checkpoint.h5"
        file = self.write("generate.ini", f"[generate]\ncheckpoint={checkpoint}\nlength=5\nprefix=剑\n")
        result = run("generate", "--config", file)
        self.assertDone(result)
        self.assertRegex(result.stdout, "^剑.{5}\n$")
        result = run("generate", "--config", file, "--length", 3)
        self.assertRegex(result.stdout, "^剑.{3}\n$")

    def test_several_files_are_one_text(self):
        text = support.text(400)
        data = text.encode()
        parts = [self.write(f"{i}.txt", data[i * 333 : (i + 1) * 333]) for i in range(4)]
        whole = self.write("whole.txt", text)
        for name, files in (("parts", parts), ("whole", [whole])):
            corpora = [word for file in files for word in ("--corpus", file)]
            self.assertDone(
                run(
                    *("train", *corpora, "--run-dir", self.folder / name, "--epochs", 3),
                    *("--batch-size", 4, "--hidden-size", 8, "--quiet"),
                    ranks=2,
                )
            )
        self.assertSameRun(self.folder / "whole", self.folder / "parts")


class HelpTest(CommandLineTest):
    def test_help(self):
        overview = run("--help")
        self.assertDone(overview)
        for command in ("train", "generate", "inspect"):
            self.assertIn(f"  {command} ", overview.stdout)
            result = run(command, "--help")
            self.assertDone(result)
            self.assertTrue(result.stdout.startswith(f"Usage: lstm_mpi {command}"), result)
            self.assertIn("--config FILE", result.stdout)
            for line in result.stdout.splitlines():
                self.assertLessEqual(len(line), 80)

    def test_options_of_train(self):
        """All of them, with their defaults, and none that does not work yet."""
        text = " ".join(run("train", "--help").stdout.split())
        for name, default in {
            "corpus": "built-in",
            "max-tokens": "10000",
            "batch-size": "32",
            "num-steps": "35",
            "hidden-size": "256",
            "init": "normal",
            "bias": "single",
            "sampling": "sequential",
            "start-offset": "random",
            "epochs": "1000",
            "max-updates": "off",
            "max-minutes": "off",
            "optimizer": "sgd",
            "momentum": "0",
            "weight-decay": "0",
            "lr": "1.0",
            "lr-decay": "1",
            "lr-decay-after": "0",
            "lr-warmup": "0",
            "lr-plateau": "1 (off)",
            "valid-fraction": "0",
            "patience": "off",
            "clip-norm": "1.0",
            "seed": "1",
            "log-every": "10",
            "log-every-updates": "off",
            "checkpoint-every": "100",
            "checkpoint-every-minutes": "10",
            "keep": "2",
            "stall-timeout": "600",
            "prefix": "你是, 我有一剑",
            "predict-length": "30",
            "progress": "auto",
        }.items():
            entry = re.search(rf" --{name} (?!-)(.*?)(?= --[a-z]|$)", text)
            self.assertIsNotNone(entry, name)
            self.assertRegex(entry[1], rf"default:[^)]*{re.escape(default)}", name)
        for name in ("run-dir", "resume", "overwrite", "init-from", "quiet", "config", "help"):
            self.assertRegex(text, rf"--{name}\b")

    def test_under_mpirun(self):
        """Once, however many ranks there are."""
        for words in (("--help",), ("--version",), ("generate", "--help")):
            alone, together = run(*words), run(*words, ranks=3)
            self.assertDone(together)
            self.assertEqual(alone.stdout, together.stdout.replace("\r\n", "\n"))

    def test_version(self):
        for words in (("--version",), ("train", "--version"), ("-V",)):
            result = run(*words)
            self.assertDone(result)
            self.assertRegex(result.stdout, r"^lstm_mpi \d+\.\d+\.\d+\n")


class GenerateTest(CommandLineTest):
    def setUp(self):
        super().setUp()
        self.assertDone(run(*self.options("--epochs", 20, "--quiet", "--prefix", "剑一")))
        self.checkpoint = self.run_dir / "checkpoint.h5"

    def generate(self, *options, **how):
        result = run("generate", "--checkpoint", self.checkpoint, *options, **how)
        self.assertDone(result)
        return result.stdout

    def test_prefix_and_length(self):
        self.assertRegex(self.generate("--prefix", "你是", "--length", 7), "^你是.{7}\n$")
        self.assertRegex(self.generate("--prefix", "你是"), "^你是.{200}\n$")
        self.assertRegex(self.generate("--length", 3), "^剑一.{3}\n$", "the checkpoint's first prefix")
        self.assertEqual("你是\n", self.generate("--prefix", "你是", "--length", 0))

    def test_prefix_from_a_file(self):
        file = self.run_dir / "prefix.txt"
        expected = self.generate("--prefix", "你是我", "--length", 5)
        for text in ("你是我", "你是我\n", "你是我\r\n", "\ufeff你是我"):
            file.write_text(text, encoding="utf-8")
            self.assertEqual(expected, self.generate("--prefix-file", file, "--length", 5))
            with open(file, "rb") as stdin:
                self.assertEqual(expected, self.generate("--prefix-file", "-", "--length", 5, stdin=stdin))
        for text, why in ((b"", "is empty"), (b"\n", "is empty"), (b"a\0b", "byte 1 is NUL"), (None, "No such file")):
            file.unlink()
            if text is not None:
                file.write_bytes(text)
            result = run("generate", "--checkpoint", self.checkpoint, "--prefix-file", file)
            self.assertEqual(1, result.status)
            self.assertIn(why, result.stderr)
            file.touch()
        both = run("generate", "--checkpoint", self.checkpoint, "--prefix-file", file, "--prefix", "你")
        self.assertEqual(2, both.status)

    def test_greedy(self):
        """The default; a longer text goes on where a shorter one ended, on ranks too."""
        greedy = self.generate("--length", 40)
        self.assertEqual(greedy, self.generate("--length", 40, "--temperature", 0, "--seed", 9))
        self.assertTrue(greedy.startswith(self.generate("--length", 10).rstrip("\n")))
        self.assertEqual(greedy, self.generate("--length", 40, ranks=2).replace("\r\n", "\n"))
        options = ("--length", 40, "--temperature", 1.7, "--top-k", 1)
        self.assertEqual(greedy, self.generate(*options, "--seed", 3))

    def test_reference(self):
        """The same as NumPy makes of the weights in the file."""
        with h5py.File(self.checkpoint) as file:
            model = file["model"]
            W_x, W_h, b = (model["layer0"][name][:].astype(float) for name in ("W_x", "W_h", "b"))
            W, b_out = (model["output"][name][:].astype(float) for name in ("W", "b"))
            tokens = list(file["vocabulary/token"].asstr()[:])
        hidden = W_h.shape[0]
        h, c = np.zeros(hidden), np.zeros(hidden)

        def step(token, h, c):
            i, f, o, g = np.split(W_x[token] + h @ W_h + b, 4)
            i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
            c = f * c + i * np.tanh(g)
            h = o * np.tanh(c)
            return h @ W + b_out, h, c

        text = "我有一剑"
        for character in text:
            logits, h, c = step(tokens.index(character), h, c)
        for _ in range(12):
            first, second = np.sort(logits)[-1:-3:-1]
            if first - second < 1e-4:
                break
            token = int(np.argmax(logits))
            text += tokens[token]
            logits, h, c = step(token, h, c)
        self.assertTrue(self.generate("--prefix", "我有一剑").startswith(text), text)

    def test_seed(self):
        options = ("--length", 60, "--temperature", 1.0)
        first = self.generate(*options, "--seed", 1)
        self.assertEqual(first, self.generate(*options), "1 is the default")
        self.assertEqual(first, self.generate(*options, ranks=2).replace("\r\n", "\n"))
        self.assertNotEqual(first, self.generate(*options, "--seed", 2))
        self.assertNotEqual(first, self.generate("--length", 60))

    def test_top_k(self):
        """After the first token only two are possible, and both of them come."""
        seen = {
            self.generate("--prefix", "你", "--length", 1, "--temperature", 9, "--top-k", 2, "--seed", s)
            for s in range(1, 13)
        }
        self.assertEqual(2, len(seen), seen)
        self.assertIn(self.generate("--prefix", "你", "--length", 1), seen)

    def test_unknown_character(self):
        result = run("generate", "--checkpoint", self.checkpoint, "--prefix", "你Ω", "--length", 2)
        self.assertStatus(0, result)
        self.assertRegex(result.stderr, r"\Alstm_mpi: warning: [^\n]*你Ω[^\n]*<unk>[^\n]*\n\Z")
        self.assertRegex(result.stdout, "^你Ω.*\n$")

    def test_several_prefixes(self):
        """Each by itself, in their order; with --count, form feeds between all samples."""
        options = ("--length", 9, "--temperature", 1)
        prefixes = ("--prefix", "你", "--prefix", "我有", "--prefix", "你")
        alone = [self.generate(*options, *prefixes[i : i + 2]) for i in (0, 2, 4)]
        self.assertEqual("".join(alone), self.generate(*options, *prefixes))
        self.assertEqual("".join(alone), self.generate(*options, *prefixes, ranks=2).replace("\r\n", "\n"))
        alone = [self.generate(*options, "--count", 3, *prefixes[i : i + 2]) for i in (0, 2, 4)]
        self.assertEqual("\f\n".join(alone), self.generate(*options, "--count", 3, *prefixes))
        result = run("generate", "--checkpoint", self.checkpoint, *options, "--prefix", "你Ω", "--prefix", "Ωß")
        self.assertStatus(0, result)
        self.assertRegex(result.stderr, r"\A[^\n]* '你Ω' [^\n]*\n[^\n]* 'Ωß' [^\n]*\n\Z")
        self.assertRegex(result.stdout, r"\A你Ω.*\nΩß.*\n\Z")

    def test_default_prefixes_that_are_unknown(self):
        """The first that is known, else the commonest letter; nothing is said of them."""
        for text, start in (("abcd我有一剑" * 30, "我有一剑"), ("  , ba b.\n" * 30, "b"), (" ,.\n, " * 40, " ")):
            self.corpus.write_text(text, encoding="utf-8")
            self.assertDone(run(*self.options("--quiet", "--overwrite", "--num-steps", 4)))
            self.assertTrue(self.generate("--length", 5).startswith(start))

    def test_prefix_that_is_no_text(self):
        for prefix, status in ((os.fsdecode(b"\xff\xfe"), 1), ("", 2)):
            result = run("generate", "--checkpoint", self.checkpoint, "--prefix", prefix)
            self.assertIn(result.status, (status, 2), result)
            self.assertEqual("", result.stdout)
            self.assertTrue(result.stderr.startswith("lstm_mpi: error: "), result)

    def samples(self, *options, **how):
        """Without the newline at the end of each."""
        text = self.generate(*options, **how)
        self.assertTrue(text.endswith("\n"))
        return text[:-1].split("\n\f\n")

    def test_count(self):
        """Each sample is another one, and the same whatever stands beside it, in one batch or in several."""
        options = ("--length", 30, "--temperature", 1.5)
        alone = self.generate(*options)
        self.assertEqual(alone, self.generate(*options, "--count", 1))
        many = self.samples(*options, "--count", 450)
        self.assertEqual(450, len(many))
        self.assertEqual(450, len(set(many)))
        self.assertEqual(alone, many[0] + "\n")
        for sample in many:
            self.assertRegex(sample, "^剑一(<unk>|.){30}$")
        for count in (2, 3, 13, 193):
            self.assertEqual(many[:count], self.samples(*options, "--count", count))
        self.assertEqual(many[:3], self.samples(*options, "--count", 3, ranks=2))
        self.assertEqual([], sorted(set(many) & set(self.samples(*options, "--count", 9, "--seed", 2))))
        self.assertEqual(["你"] * 4, self.samples(*options[2:], "--prefix", "你", "--length", 0, "--count", 4))

    def test_count_that_is_too_long_for_a_batch(self):
        """The first comes as it is written; there is no memory for a second one beside it."""
        read, write = os.pipe()
        options = ("--length", 10**12, "--count", 10**9, "--temperature", 1)
        with support.start("generate", "--checkpoint", self.checkpoint, *options, stdout=write) as running:
            os.close(write)
            with os.fdopen(read, "rb") as characters:
                self.assertEqual(10, len(characters.read(10)))
            self.assertDone(running.wait(20))

    def test_count_of_equal_samples(self):
        result = run("generate", "--checkpoint", self.checkpoint, "--count", 3, "--length", 9)
        self.assertStatus(0, result)
        self.assertRegex(result.stderr, r"\Alstm_mpi: warning: option --count [^\n]*--temperature[^\n]*\n\Z")
        self.assertEqual("\f\n".join([self.generate("--length", 9)] * 3), result.stdout)

    def test_count_that_is_none(self):
        for count in (0, -1, 2**32, "many"):
            result = run("generate", "--checkpoint", self.checkpoint, "--count", count)
            self.assertError(2, result, "--count")
            self.assertEqual("", result.stdout)

    def test_count_with_other_models(self):
        """Words, bytes, two directions, two layers, an embedding: the first sample is that of one alone."""
        options = ("--length", 12, "--temperature", 1, "--top-p", 0.8, "--top-k", 9, "--prefix-file", "-")
        for model in (("--token", "word"), ("--token", "byte"), ("--bidirectional",),
                      ("--num-layers", 2, "--embedding-size", 5, "--cell", "gru")):  # fmt: skip
            run_dir = self.run_dir.with_name("other")
            self.assertDone(run(*self.options("--quiet", "--run-dir", run_dir, "--overwrite", *model)))
            words = ("generate", "--checkpoint", run_dir / "checkpoint.h5", *options)
            results = []
            for count in (1, 2, 40):
                read, write = os.pipe()
                os.write(write, "我有\n".encode())
                os.close(write)
                with os.fdopen(read) as stdin, open(self.run_dir / "samples", "wb") as stdout:
                    result = run(*words, "--count", count, stdin=stdin, stdout=stdout)
                self.assertStatus(0, result)
                self.assertEqual(1 if "--bidirectional" in model else 0, result.stderr.count("warning"))
                results.append((self.run_dir / "samples").read_bytes()[:-1].split(b"\n\f\n"))
            self.assertEqual([1, 2, 40], list(map(len, results)))
            self.assertEqual(results[1], results[2][:2])
            self.assertEqual(results[0], results[2][:1])
            self.assertGreater(len(set(results[2])), 30)

    def test_prefix_of_which_nothing_is_left(self):
        run_dir = self.run_dir.with_name("other")
        self.assertDone(run(*self.options("--quiet", "--run-dir", run_dir, "--drop-newlines")))
        result = run("generate", "--checkpoint", run_dir / "checkpoint.h5", "--prefix", "\n\n")
        self.assertError(1, result, "nothing to begin with", "char")

    def test_broken_pipe(self):
        """Whoever reads ten bytes of it and goes gets them, and no complaint."""
        read, write = os.pipe()
        with support.start(
            *("generate", "--checkpoint", self.checkpoint, "--length", 10**9), stdout=write
        ) as running:
            os.close(write)
            with os.fdopen(read, "rb") as characters:
                self.assertEqual(10, len(characters.read(10)))
            self.assertDone(running.wait(20))

    def test_streams(self):
        """Characters come while more are being made."""
        read, write = os.pipe()
        with support.start(
            *("generate", "--checkpoint", self.checkpoint, "--length", 10**9), stdout=write
        ) as running:
            os.close(write)
            with os.fdopen(os.dup(read), "rb", buffering=0) as characters:
                text = b""
                while len(text) < 6:
                    text += characters.read(6 - len(text))
            self.assertEqual("剑一", text.decode())
            self.assertTrue(running.running())
            running.send(signal.SIGTERM)
            running.wait()
        os.close(read)

    def test_from_any_folder(self):
        result = run("generate", "--checkpoint", "checkpoint.h5", "--length", 3, folder=self.run_dir)
        self.assertDone(result)


class InspectTest(CommandLineTest):
    """That it works from here; what it shows has tests of its own."""

    def test_run(self):
        self.assertDone(run(*self.options("--quiet")))
        for path in (self.run_dir, self.run_dir / "checkpoint.h5", self.run_dir / "metrics.h5"):
            for form in ("text", "json", "csv"):
                with self.subTest(path=path.name, form=form):
                    before = support.tree(self.run_dir)
                    result = run("inspect", path, "--format", form)
                    self.assertDone(result)
                    self.assertIn("perplexity", result.stdout)
                    self.assertEqual(before, support.tree(self.run_dir))


class InitFromTest(CommandLineTest):
    def test_weights_and_vocabulary(self):
        """They come from the file, the shape too; all else is fresh."""
        self.assertDone(run(*self.options("--quiet", "--seed", 3)))
        start = self.run_dir / "checkpoint.h5"
        self.run_dir = self.folder / "new"
        other = self.write("other.txt", support.text(260, kinds=20, seed=4) + "Ω" * 40)
        options = ("--corpus", other, "--batch-size", 4, "--num-steps", 5, "--quiet")
        new = ("train", "--init-from", start, "--run-dir", self.run_dir)
        self.assertDone(run(*new, *options, "--max-updates", 1, "--epochs", 9))
        with h5py.File(start) as old, h5py.File(self.run_dir / "checkpoint-0.h5") as fresh:
            for name in ("layer0/W_x", "layer0/W_h", "layer0/b", "output/W", "output/b"):
                np.testing.assert_array_equal(old["model"][name], fresh["model"][name])
            np.testing.assert_array_equal(old["vocabulary/token"], fresh["vocabulary/token"])
            progress = fresh["progress"].attrs
            self.assertEqual(
                (0, 0, 0), (progress["epoch"], progress["update"], progress["tokens_seen"])
            )
            self.assertEqual((0,), fresh["metrics/epoch"].shape)
            self.assertFalse(fresh["state/h"][:].any())

    def test_shape_that_contradicts(self):
        self.assertDone(run(*self.options("--quiet")))
        result = run(
            *("train", "--init-from", self.run_dir / "checkpoint.h5", "--run-dir", self.folder / "new"),
            *("--corpus", self.corpus, "--hidden-size", 20, "--batch-size", 8, "--num-steps", 6),
        )
        self.assertError(1, result, self.run_dir / "checkpoint.h5", 20, 16)
        self.assertFalse((self.folder / "new").exists())

    def test_shape_that_nobody_tells(self):
        """A file that has no settings, with a hidden size that is not the default one."""
        self.assertDone(run(*self.options("--quiet")))
        checkpoint = self.run_dir / "checkpoint.h5"
        with h5py.File(checkpoint, "r+") as file:
            del file["config"], file["checksum"]
        new = ("train", "--init-from", checkpoint, "--run-dir", self.folder / "new", "--corpus", self.corpus)
        new += ("--batch-size", 8, "--num-steps", 6, "--epochs", 1, "--quiet")
        self.assertError(1, run(*new, ranks=2), checkpoint, "--hidden-size 16")
        self.assertDone(run(*new, "--hidden-size", 16))

    def test_network_that_lacks_a_part(self):
        """What a smaller network has no place for is not left out in silence."""
        self.assertDone(run(*self.options("--quiet", "--num-layers", 2, "--bias", "double")))
        checkpoint = self.run_dir / "checkpoint.h5"
        new = ("--run-dir", self.folder / "new", "--corpus", self.corpus, "--batch-size", 8, "--num-steps", 6)
        for options, missing in (
            (["--num-layers", 1], "/model/layer1/"),
            (["--bias", "single"], "/model/layer0/b_h"),
        ):
            result = run("train", "--init-from", checkpoint, *new, *options, ranks=2)
            self.assertError(1, result, checkpoint, f"it has {missing}", "has no place", options[0])
            self.assertFalse((self.folder / "new").exists())
        with h5py.File(checkpoint, "r+") as file:
            del file["checksum"]
            file["model/layer0/W_peephole"] = np.zeros(3, np.float32)
        self.assertError(1, run("generate", "--checkpoint", checkpoint), checkpoint, "W_peephole")


if __name__ == "__main__":
    unittest.main()
