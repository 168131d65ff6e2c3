#!/usr/bin/python3
"""Characters, bytes and words, from the corpus to the text that is generated.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_tokens.py [unittest's arguments]
"""

import json
import unittest
from collections import Counter

import h5py

import support
from support import run

TEXT = "The Wind, the wind!\nIt blew 3.14 times; don't ask.\r\nΟΔΟΣ ΟΔΟΣ\n" * 40

WORDS = (
    ["The", " ", "Wind", ",", " ", "the", " ", "wind", "!", "\n"]
    + ["It", " ", "blew", " ", "3.14", " ", "times", ";", " ", "don't", " ", "ask", ".", "\n"]
    + ["ΟΔΟΣ", " ", "ΟΔΟΣ", "\n"]
) * 40


def expected_vocabulary(tokens, min_freq=1):
    """As the files have it: by count, falling, then by bytes; in front <unk> with what is rare."""
    counts = Counter(tokens)
    kept = [token for token in counts if counts[token] >= min_freq]
    rare = sum(counts.values()) - sum(counts[token] for token in kept)
    kept.sort(key=lambda token: (-counts[token], token if isinstance(token, bytes) else token.encode()))
    return [("<unk>", rare)] + [(token, counts[token]) for token in kept]


class TokensTest(support.ProgramTest):
    def train(self, text, *options, name="run", ranks=None, **how):
        corpus = self.write("corpus.txt", text)
        run_dir = self.folder / name
        result = run(
            *("train", "--corpus", corpus, "--run-dir", run_dir, "--hidden-size", 8, "--batch-size", 4),
            *("--num-steps", 5, "--epochs", 2, "--max-tokens", 0, "--predict-length", 5, *options),
            ranks=ranks,
            **how,
        )
        self.assertDone(result)
        return run_dir, result

    def vocabulary(self, run_dir):
        with h5py.File(run_dir / "checkpoint.h5") as file:
            group = file["vocabulary"]
            tokens = [token.decode() for token in group["token"][:]]
            code_points = group["code_point"][:].tolist() if "code_point" in group else None
            return list(zip(tokens, group["count"][:].tolist())), code_points

    def test_words(self):
        for ranks in (None, 2, 3):
            run_dir, result = self.train(TEXT, "--token", "word", name=f"run{ranks}", ranks=ranks)
            vocabulary, code_points = self.vocabulary(run_dir)
            self.assertEqual(expected_vocabulary(WORDS), vocabulary)
            self.assertIsNone(code_points)
            self.assertIn(f"{len(WORDS)} words", result.stdout)

    def test_min_freq(self):
        run_dir, _ = self.train("one two two three three three\n" * 9 + "four", "--token", "word", "--min-freq", 10)
        tokens = ["one", " ", "two", " ", "two", " ", "three", " ", "three", " ", "three", "\n"] * 9 + ["four"]
        self.assertEqual(expected_vocabulary(tokens, 10), self.vocabulary(run_dir)[0])

    def test_lowercase_and_newlines(self):
        """Lower-case as Python has it, by the same standard; newlines are gone before words are cut."""
        text = "Grüße, İSTANBUL! ΣΟΦΟΣ ΑΣ.\r\nÉcole Ⅷ ẞ Ⴀ Ω Å ǅ\n" * 20
        clean = text.replace("\r", "").replace("\n", "").lower()
        run_dir, _ = self.train(text, "--lowercase", "--drop-newlines", "--token", "char")
        self.assertEqual(expected_vocabulary(clean), self.vocabulary(run_dir)[0])
        run_dir, _ = self.train("ab\ncd\r\n" * 640 + "x", "--drop-newlines", "--token", "word", name="joined")
        longest = [("abcd" * 16, 40), ("x", 1)]
        self.assertEqual([("<unk>", 0)] + longest, self.vocabulary(run_dir)[0])

    def test_bytes(self):
        """Anything is bytes: what is no text, and what is one."""
        data = bytes(range(256)) * 3 + b"\xef\xbb\xbf\r\n" + "我有一剑".encode() * 9
        run_dir, result = self.train(data, "--token", "byte")
        vocabulary, code_points = self.vocabulary(run_dir)
        expected = expected_vocabulary([data[i : i + 1] for i in range(len(data))])
        self.assertEqual([count for _, count in expected], [count for _, count in vocabulary])
        self.assertEqual([0] + [token[0] for token, _ in expected[1:]], code_points)
        for (token, _), (shown, _) in list(zip(expected, vocabulary))[1:]:
            self.assertEqual(chr(token[0]) if 0 < token[0] < 128 else f"<0x{token[0]:02X}>", shown)
        self.assertIn(f"{len(data)} bytes", result.stdout)

    def test_bytes_are_written_as_they_are(self):
        run_dir, _ = self.train("我有一剑".encode() * 30, "--token", "byte", "--epochs", 300, "--lr", 1)
        result = run("generate", "--checkpoint", run_dir / "checkpoint.h5", "--prefix", "我有", "--length", 18)
        self.assertDone(result)
        self.assertEqual("我有一剑我有一剑\n", result.stdout)

    def test_bad_text(self):
        for kind in ("char", "word"):
            corpus = self.write("bad.txt", b"good \xff text" * 99)
            result = run("train", "--corpus", corpus, "--token", kind, "--run-dir", self.folder / "bad")
            self.assertError(1, result, "bad.txt", "byte offset 5")

    def test_a_model_keeps_its_tokens(self):
        """Resume, a new start from its weights, generate and inspect all read the text as training did."""
        options = ("--token", "word", "--lowercase")
        run_dir, result = self.train(TEXT, *options, "--prefix", "THE WIND, the")
        self.assertEqual(2, result.stdout.count("\nTHE WIND, the"), "as it was given")
        self.assertDone(run("train", "--run-dir", run_dir, "--resume", "--epochs", 3, ranks=2))
        self.assertError(
            1, run("train", "--run-dir", run_dir, "--resume", "--token", "char"), "token", "word", "char"
        )
        self.assertError(1, run("train", "--run-dir", run_dir, "--resume", "--no-lowercase"), "lowercase")
        checkpoint = run_dir / "checkpoint.h5"
        other, _ = self.train(TEXT, "--init-from", checkpoint, name="other")
        self.assertEqual(self.vocabulary(run_dir), self.vocabulary(other))
        result = run("generate", "--checkpoint", other / "checkpoint.h5", "--length", 0, "--prefix", "THE Wind")
        self.assertDone(result)
        self.assertEqual("THE Wind\n", result.stdout)
        result = run("generate", "--checkpoint", checkpoint, "--length", 3)
        self.assertTrue(result.stdout.startswith("THE WIND, the"), result.stdout)
        result = run("generate", "--checkpoint", checkpoint, "--length", 1, "--prefix", "the gale")
        self.assertIn("words that are not in the vocabulary", result.stderr)
        result = run("inspect", checkpoint, "--vocabulary", "--format", "csv")
        self.assertDone(result)
        self.assertIn('1," ",,', result.stdout)
        result = run("inspect", checkpoint)
        self.assertIn("token                     word", result.stdout)

    def test_exchange(self):
        """Exported and imported, words are words; so they are when the vocabulary comes from another file."""
        run_dir, _ = self.train(TEXT, "--token", "word", "--lowercase")
        checkpoint = run_dir / "checkpoint.h5"
        tensors, imported = self.folder / "model.safetensors", self.folder / "imported.h5"
        self.assertDone(run("export", "--checkpoint", checkpoint, tensors))
        self.assertDone(run("import", tensors, "--checkpoint", imported))
        generate = ("generate", "--length", 9, "--prefix", "THE wind")
        result = run(*generate, "--checkpoint", imported)
        self.assertDone(result)
        self.assertEqual(run(*generate, "--checkpoint", checkpoint).stdout, result.stdout)
        with h5py.File(imported) as file:
            self.assertNotIn("code_point", file["vocabulary"])
        bare = self.folder / "bare.safetensors"
        data = tensors.read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        end = 8 + int.from_bytes(data[:8], "little")
        del header["__metadata__"]
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        bare.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])
        imported = self.folder / "bare.h5"
        self.assertDone(run("import", bare, "--checkpoint", imported, "--vocabulary-from", checkpoint))
        self.assertEqual(result.stdout, run(*generate, "--checkpoint", imported).stdout)

    def test_a_large_vocabulary(self):
        words = [f"word{i}" for i in range(100_000)]
        run_dir, _ = self.train(
            " ".join(words), "--token", "word", "--max-tokens", 400, "--hidden-size", 4, "--epochs", 1, ranks=2
        )
        vocabulary, _ = self.vocabulary(run_dir)
        self.assertEqual(100_002, len(vocabulary))
        self.assertEqual((" ", 99_999), vocabulary[1])
        self.assertEqual(sorted(words), [token for token, _ in vocabulary[2:]])


if __name__ == "__main__":
    unittest.main()
