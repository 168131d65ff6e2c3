#!/usr/bin/python3
"""export and import: there and back, models of PyTorch, and files that are not what they seem."""

import importlib.util
import itertools
import json
import os
import random
import re
import struct
import sys
import unittest
from pathlib import Path

import h5py
import numpy as np

import support

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
import make_exchange as exchange  # noqa: E402

has_torch = importlib.util.find_spec("torch") is not None
EXPECTED = json.loads((GOLDEN / "exchange/exchange.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-5


def model_of(checkpoint):
    """Everything below /model and /vocabulary as bytes."""
    contents = support.h5_contents(checkpoint)
    return {
        name: np.asarray(value).tobytes()
        for name, value in contents.items()
        if name.startswith(("/model", "/vocabulary"))
    }


class ExchangeTest(support.ProgramTest):
    def train(self, *options, text=exchange.TEXT, run="run"):
        corpus = self.write("corpus.txt", text)
        result = support.run(
            *("train", "--corpus", corpus, "--run-dir", self.folder / run, "--batch-size", exchange.ROWS),
            *("--num-steps", (len(text) - 1) // exchange.ROWS, "--start-offset", 0, "--predict-length", 0),
            *("--quiet", *options),
        )
        self.assertDone(result)
        return self.folder / run / "checkpoint.h5"

    def export(self, checkpoint, name="model.safetensors", **how):
        result = support.run("export", "--checkpoint", checkpoint, self.folder / name, **how)
        self.assertDone(result)
        return self.folder / name

    def import_(self, file, name="imported.h5", *options, **how):
        result = support.run("import", file, "--checkpoint", self.folder / name, *options, **how)
        self.assertDone(result)
        return self.folder / name

    def perplexity(self, checkpoint):
        """Of the only update of an epoch, before it: what the program makes of the model."""
        run = self.train("--init-from", checkpoint, "--epochs", 1, run=f"of-{checkpoint.parent.name}-{checkpoint.stem}")
        with h5py.File(run) as file:
            return float(file["metrics/perplexity"][0])


class RoundTripTest(ExchangeTest):
    def test_there_and_back_is_bit_for_bit(self):
        checkpoint = self.train("--hidden-size", 24, "--epochs", 3, "--seed", 5, "--lr", 0.3)
        file = self.export(checkpoint)
        imported = self.import_(file)
        self.assertEqual(model_of(checkpoint), model_of(imported))
        with h5py.File(checkpoint) as before, h5py.File(imported) as after:
            self.assertEqual(dict(before["config"].attrs).keys(), dict(after["config"].attrs).keys())
            for name in ("hidden_size", "seed", "lr", "corpus", "prefix", "batch_size", "start_offset"):
                self.assertEqual(before["config"].attrs[name], after["config"].attrs[name], name)
        again = self.export(imported, "again.safetensors")
        self.assertEqual(file.read_bytes(), again.read_bytes())

    def test_path_that_is_no_utf8(self):
        """Bytes that are no characters become U+FFFD, as inspect shows them."""
        corpus = self.folder / os.fsdecode(b"caf\xe9.txt")
        corpus.write_text(exchange.TEXT, encoding="utf-8")
        result = support.run(
            *("train", "--corpus", corpus, "--run-dir", self.folder / "run", "--batch-size", exchange.ROWS),
            *("--num-steps", 4, "--epochs", 1, "--predict-length", 0, "--quiet"),
        )
        self.assertDone(result)
        data = self.export(self.folder / "run/checkpoint.h5").read_bytes()
        header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
        self.assertTrue(json.loads(header["__metadata__"]["config"])["corpus"].endswith("caf\ufffd.txt"))

    def test_ranks_make_no_difference(self):
        checkpoint = self.train("--hidden-size", 5, "--epochs", 1)
        file = self.export(checkpoint, "one.safetensors", ranks=1)
        self.assertEqual(file.read_bytes(), self.export(checkpoint, "three.safetensors", ranks=3).read_bytes())
        self.assertEqual(model_of(checkpoint), model_of(self.import_(file, "three.h5", ranks=3)))

    def test_tensors_and_metadata(self):
        checkpoint = self.train("--hidden-size", 6, "--epochs", 1)
        metadata, tensors = exchange.read(self.export(checkpoint))
        with h5py.File(checkpoint) as file:
            i, f, o, c = np.split(file["model/layer0/W_x"][:], 4, axis=1)
            np.testing.assert_array_equal(tensors["rnn.weight_ih_l0"], np.hstack([i, f, c, o]).T)
            i, f, o, c = np.split(file["model/layer0/b"][:], 4)
            np.testing.assert_array_equal(tensors["rnn.bias_ih_l0"], np.hstack([i, f, c, o]))
            np.testing.assert_array_equal(tensors["linear.weight"], file["model/output/W"][:].T)
            tokens = list(file["vocabulary/token"].asstr())
            counts = list(file["vocabulary/count"])
        self.assertFalse(tensors["rnn.bias_hh_l0"].any())
        self.assertEqual("pt", metadata["format"])
        self.assertEqual(tokens, json.loads(metadata["vocabulary"]))
        self.assertEqual(counts, json.loads(metadata["counts"]))
        self.assertEqual(6, json.loads(metadata["config"])["hidden_size"])

    def test_import_spares_a_file_that_is_there(self):
        checkpoint = self.train("--hidden-size", 4, "--epochs", 1)
        file = self.export(checkpoint)
        before = checkpoint.read_bytes()
        result = support.run("import", file, "--checkpoint", checkpoint)
        self.assertError(1, result, checkpoint, "--overwrite")
        self.assertEqual(before, checkpoint.read_bytes())
        self.import_(file, checkpoint, "--overwrite")
        self.assertNotEqual(before, checkpoint.read_bytes())

    def test_export_takes_the_place_of_a_model(self):
        checkpoint = self.train("--hidden-size", 4, "--epochs", 1)
        for target in (self.write("empty.safetensors", ""), self.export(checkpoint)):
            self.assertDone(support.run("export", "--checkpoint", checkpoint, target))
            self.import_(target, self.folder / f"{target.stem}.h5")

    def test_export_spares_what_is_no_model(self):
        checkpoint = self.train("--hidden-size", 4, "--epochs", 1)
        target = self.write("model.safetensors", "something else")
        for ranks in (None, 2):
            result = support.run("export", "--checkpoint", checkpoint, target, ranks=ranks)
            self.assertError(1, result, target, "--overwrite")
            self.assertEqual("something else", target.read_text())
        self.assertDone(support.run("export", "--checkpoint", checkpoint, target, "--overwrite"))
        self.import_(target)

    def test_export_spares_its_checkpoint(self):
        checkpoint = self.train("--hidden-size", 4, "--epochs", 1)
        before = checkpoint.read_bytes()
        link = self.folder / "link"
        link.symlink_to(checkpoint)
        for target in (checkpoint, link):
            result = support.run("export", "--checkpoint", checkpoint, target)
            self.assertError(1, result, target, "the checkpoint itself")
            self.assertEqual(before, checkpoint.read_bytes())

    def test_command_lines(self):
        for words, named in (
            (["export", "a.safetensors"], "--checkpoint"),
            (["import", "a.safetensors"], "--checkpoint"),
            (["export", "--checkpoint", "a.h5"], "missing"),
            (["import", "--checkpoint", "a.h5", "a.safetensors", "b"], "'b' is one file too many"),
        ):
            self.assertError(2, support.run(*words), named)
        self.assertError(1, support.run("export", "--checkpoint", self.folder / "no.h5", "a"), "no.h5")
        self.assertError(1, support.run("import", self.folder / "no", "--checkpoint", self.folder / "a.h5"), "no")


class TorchTest(ExchangeTest):
    def supported(self):
        """The cases that this version of the program has options for."""
        told = support.run("train", "--help").stdout
        return [
            name
            for name, (cell, layers, directions, _, embedding, tied, both) in exchange.CASES.items()
            if (cell == "LSTM" or "--cell" in told)
            and (layers == 1 or "--num-layers" in told)
            and (directions == 1 or "--bidirectional" in told)
            and (not embedding or "--embedding-size" in told)
            and (not tied or "--tie-weights" in told)
            and (not both or "double" in told)
        ]

    def test_models_of_pytorch(self):
        self.assertIn("lstm", self.supported())
        for name in self.supported():
            with self.subTest(name):
                imported = self.import_(GOLDEN / f"exchange/{name}.safetensors", f"{name}.h5")
                measured = self.perplexity(imported)
                self.assertLess(abs(measured / EXPECTED["perplexity"][name] - 1), TOLERANCE)

    def test_back_to_pytorch_is_bit_for_bit(self):
        for name in self.supported():
            with self.subTest(name):
                original = GOLDEN / f"exchange/{name}.safetensors"
                exported = self.export(self.import_(original, f"{name}.h5"), f"{name}.safetensors")
                before, after = exchange.read(original)[1], exchange.read(exported)[1]
                self.assertEqual(sorted(before), sorted(after))
                for key in before:
                    np.testing.assert_array_equal(before[key], after[key], key)

    def test_double_precision(self):
        metadata, tensors = exchange.read(GOLDEN / "exchange/lstm.safetensors")
        wide = self.folder / "wide.safetensors"
        exchange.write(wide, {name: tensor.astype("f8") for name, tensor in tensors.items()}, metadata)
        self.assertEqual(
            model_of(self.import_(GOLDEN / "exchange/lstm.safetensors", "a.h5")),
            model_of(self.import_(wide, "b.h5")),
        )

    @unittest.skipUnless(has_torch, "needs python3-torch")
    def test_load_state_dict(self):
        import torch

        checkpoint = self.train("--hidden-size", 16, "--epochs", 20)
        metadata, tensors = exchange.read(self.export(checkpoint))
        tokens = json.loads(metadata["vocabulary"])
        model = exchange.module("LSTM", 1, 1, 16, 0, False, len(tokens))
        model.load_state_dict({name: torch.tensor(tensor) for name, tensor in tensors.items()})
        inputs, _ = exchange.batch([tokens.index(token) for token in exchange.TEXT])
        with torch.no_grad():
            logits = model.double()(torch.tensor(inputs)).numpy()
        self.assertLess(abs(logits - logits_by_hand(checkpoint, inputs)).max(), TOLERANCE)
        expected = exchange.perplexity(model, exchange.TEXT, tokens)
        self.assertLess(abs(self.perplexity(checkpoint) / expected - 1), TOLERANCE)


@unittest.skipUnless(has_torch, "needs python3-torch")
class ShapesTest(ExchangeTest):
    """Models of all kinds of shapes, made by either program, give the other one's numbers."""

    @staticmethod
    def shapes(seed):
        """Some of cell, layers, directions, embedding, tied, both biases: each with each, but what cannot be."""
        no_or_yes = False, True
        product = itertools.product(("lstm", "gru", "rnn"), (1, 2), (1, 2), (0, 4, 6), no_or_yes, no_or_yes)
        possible = [shape for shape in product if not shape[4] or (shape[3] == 6 and shape[2] == 1)]
        return random.Random(seed).sample(possible, 12)

    @staticmethod
    def module(shape, vocabulary_size):
        cell, layers, directions, embedding, tied, _ = shape
        return exchange.module(cell.upper(), layers, directions, 6, embedding, tied, vocabulary_size)

    def assertSameLines(self, module, tokens, checkpoint):
        """The probability of each line, and what is likeliest to follow a prefix."""
        import torch

        lines = ["the cat", "sat on", "", "a mat the"]
        corpus = self.write("lines.txt", "\n".join(lines))
        result = support.run("evaluate", "--checkpoint", checkpoint, "--corpus", corpus, "--per-line")
        self.assertDone(result)
        module = module.double()
        ids = {token: i for i, token in enumerate(tokens)}
        with torch.no_grad():
            for line, told in zip(lines, result.stdout.splitlines()):
                text = torch.tensor([ids.get(character, 0) for character in f"\n{line}\n"])
                chances = torch.log_softmax(module(text[:-1, None])[:, 0], dim=1)
                expected = float(chances[torch.arange(len(text) - 1), text[1:]].sum())
                self.assertLess(abs(float(told) - expected), TOLERANCE * max(1, abs(expected)))
            written = [ids[character] for character in exchange.TEXT[:3]]
            while len(written) < 20:
                written.append(int(module(torch.tensor(written)[:, None])[-1, 0].argmax()))
        told = support.run("generate", "--checkpoint", checkpoint, "--prefix", exchange.TEXT[:3], "--length", 17)
        self.assertEqual("".join(tokens[i] for i in written) + "\n", told.stdout)

    def assertSameModel(self, shape, module, tokens, checkpoint):
        if shape[2] == 1:
            self.assertSameLines(module, tokens, checkpoint)
        expected = exchange.perplexity(module, exchange.TEXT, tokens)
        self.assertLess(abs(self.perplexity(checkpoint) / expected - 1), TOLERANCE)

    def test_from_here(self):
        import torch

        for i, shape in enumerate(self.shapes(1)):
            cell, layers, directions, embedding, tied, both = shape
            with self.subTest(shape):
                checkpoint = self.train(
                    *("--cell", cell, "--num-layers", layers, "--embedding-size", embedding, "--hidden-size", 6),
                    *("--bias", "double" if both else "single", "--init", "uniform", "--epochs", 2),
                    *["--bidirectional"] * (directions == 2),
                    *["--tie-weights"] * tied,
                    run=f"run{i}",
                )
                metadata, tensors = exchange.read(self.export(checkpoint, f"{i}.safetensors"))
                tokens = json.loads(metadata["vocabulary"])
                module = self.module(shape, len(tokens))
                module.load_state_dict({name: torch.tensor(tensor) for name, tensor in tensors.items()}, strict=True)
                self.assertSameModel(shape, module, tokens, checkpoint)

    def test_from_pytorch(self):
        import torch

        tokens = exchange.vocabulary()
        for i, shape in enumerate(self.shapes(2)):
            with self.subTest(shape):
                torch.manual_seed(i)
                module = self.module(shape, len(tokens))
                for name, tensor in module.named_parameters():
                    torch.nn.init.normal_(tensor, 0, 0.5)
                    if "bias_hh" in name and not shape[-1]:
                        torch.nn.init.zeros_(tensor)
                saved = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
                names = random.Random(i).sample(sorted(saved), len(saved))
                exchange.write(self.folder / "torch.safetensors", {name: saved[name] for name in names},
                               {"vocabulary": json.dumps(tokens)})  # fmt: skip
                imported = self.import_(self.folder / "torch.safetensors", f"{i}.h5")
                self.assertSameModel(shape, module, tokens, imported)


def logits_by_hand(checkpoint, inputs):
    """Of an LSTM of one layer, from the tensors of the checkpoint as they are."""
    with h5py.File(checkpoint) as file:
        W_x, W_h, b = (file["model/layer0"][name][:].astype("f8") for name in ("W_x", "W_h", "b"))
        W, b_out = (file["model/output"][name][:].astype("f8") for name in ("W", "b"))
    h = c = np.zeros((inputs.shape[1], W_h.shape[0]))
    logits = []
    for ids in inputs:
        i, f, o, g = np.split(W_x[ids] + h @ W_h + b, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        logits.append(h @ W + b_out)
    return np.stack(logits)


class VocabularyTest(ExchangeTest):
    def test_from_a_checkpoint(self):
        checkpoint = self.train("--hidden-size", 9, "--epochs", 1)
        _, tensors = exchange.read(GOLDEN / "exchange/lstm.safetensors")
        bare = self.folder / "bare.safetensors"
        exchange.write(bare, tensors)
        target = self.folder / "imported.h5"
        result = support.run("import", bare, "--checkpoint", target)
        self.assertError(1, result, "there is no vocabulary", "--vocabulary-from", "metadata")
        self.assertFalse(target.exists())
        imported = self.import_(bare, "imported.h5", "--vocabulary-from", checkpoint)
        self.assertLess(abs(self.perplexity(imported) / EXPECTED["perplexity"]["lstm"] - 1), TOLERANCE)

    def test_of_another_size(self):
        checkpoint = self.train("--hidden-size", 9, "--epochs", 1, text="ab" * 20)
        _, tensors = exchange.read(GOLDEN / "exchange/lstm.safetensors")
        exchange.write(self.folder / "bare", tensors)
        result = support.run(
            *("import", self.folder / "bare", "--checkpoint", self.folder / "a.h5"),
            *("--vocabulary-from", checkpoint),
        )
        self.assertError(1, result, "the vocabulary has 3 tokens", "the model was trained with", "--vocabulary-from")

    def test_instead_of_its_own(self):
        """What the checkpoint says of tokens counts, whatever stands in the file."""
        words = self.train("--hidden-size", 5, "--epochs", 1, "--token", "word", text="a b, c. " * 20, run="words")
        letters = self.train("--hidden-size", 5, "--epochs", 1, "--lowercase", text="ab, c. " * 20, run="letters")
        with h5py.File(words) as one, h5py.File(letters) as other:
            self.assertEqual(len(one["vocabulary/token"]), len(other["vocabulary/token"]))
        file = self.export(letters)
        self.assertEqual(model_of(letters), model_of(self.import_(file, "own.h5")))
        imported = self.import_(file, "other.h5", "--vocabulary-from", words)
        with h5py.File(words) as source, h5py.File(imported) as target:
            self.assertEqual(list(source["vocabulary/token"]), list(target["vocabulary/token"]))
            for name in ("token", "lowercase"):
                self.assertEqual(source["config"].attrs[name], target["config"].attrs[name])


class HostileTest(ExchangeTest):
    def refuse(self, contents, *named):
        path = self.write("hostile.safetensors", contents)
        target = self.folder / "target.h5"
        result = support.run("import", path, "--checkpoint", target)
        self.assertError(1, result, path, *named)
        self.assertEqual(["hostile.safetensors"], [path.name for path in self.folder.iterdir()])

    def test_headers(self):
        original = (GOLDEN / "exchange/lstm.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", original[:8])
        header = json.loads(original[8 : 8 + length])
        data = original[8 + length :]

        def changed(**tensors):
            text = json.dumps(header | {name.replace("_", ".", 1): value for name, value in tensors.items()}).encode()
            return struct.pack("<Q", len(text)) + text + data

        def tensor(name, **facts):
            return header[name] | facts

        bias = "linear.bias"
        self.refuse(b"", "too short")
        self.refuse(original[:7], "too short")
        self.refuse(struct.pack("<Q", 2**63) + original[8:], "its header would have 9223372036854775808 bytes")
        self.refuse(struct.pack("<Q", 2**64 - 1) + original[8:], "its header would have")
        self.refuse(original[:-1], "and there are")
        self.refuse(original + b"x", "1 bytes at its end")
        self.refuse(struct.pack("<Q", length - 1) + original[8:], "no good JSON")
        self.refuse(struct.pack("<Q", 8) + b'{"a\xff":1}', "no good JSON")
        self.refuse(struct.pack("<Q", 10**6) + b"[" * 10**6, "no good JSON")
        self.refuse(changed(linear_bias=tensor(bias, dtype="F16")), "made of F16")
        self.refuse(changed(linear_bias=tensor(bias, dtype=4)), "has no dtype")
        self.refuse(changed(linear_bias=tensor(bias, shape=[2**62, 4])), "larger than any memory")
        self.refuse(changed(linear_bias=tensor(bias, data_offsets=[0, 4 * len(exchange.vocabulary())])), "overlap")
        self.refuse(changed(linear_bias=tensor(bias, data_offsets=[2**62, 2**62 + 4])), "and there are")
        self.refuse(changed(linear_extra={"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}), "linear.extra")
        self.refuse(changed(**{"": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}), "the tensor  belongs")
        twice = changed().replace(b'"linear.bias"', b'"linear.bias": 1, "linear.bias"')
        (length,) = struct.unpack("<Q", twice[:8])
        self.refuse(struct.pack("<Q", length + len(b'"linear.bias": 1, ')) + twice[8:], "duplicate")

    def test_other_layouts(self):
        metadata, tensors = exchange.read(GOLDEN / "exchange/lstm.safetensors")

        def saved(change, metadata=metadata):
            changed = dict(tensors)
            change(changed)
            exchange.write(self.folder / "a", changed, metadata)
            contents = (self.folder / "a").read_bytes()
            (self.folder / "a").unlink()
            return contents

        def rename(old, new):
            def change(tensors):
                for name in list(tensors):
                    tensors[re.sub(old, new, name)] = tensors.pop(name)

            return change

        def put(name, tensor):
            return lambda tensors: tensors.update({name: tensor})

        recurrent, bias = tensors["rnn.weight_hh_l0"], tensors["linear.bias"]
        for change, *named in (
            (rename(r"^rnn\.", "lstm."), "it has no rnn.weight_hh_l0, but lstm.weight_hh_l0", "named rnn, linear"),
            (rename("^", "module."), "it has no rnn.weight_hh_l0, but module.rnn.weight_hh_l0"),
            (rename(r"^rnn\.", ""), "it has no rnn.weight_hh_l0, but weight_hh_l0"),
            (rename("^linear", "decoder"), "it has no linear.bias"),
            (put("rnn.weight_hr_l0", recurrent[:3]), "rnn.weight_hr_l0 belongs to no model"),  # proj_size
            (put("rnn.weight_hh_l0", recurrent[:, :-1]), "which is not that of an LSTM, a GRU or an RNN"),
            (put("rnn.weight_hh_l0", recurrent.T), "which is not that of an LSTM, a GRU or an RNN"),
            (put("rnn.bias_hh_l0", np.zeros((36, 1), "f4")), "rnn.bias_hh_l0 has the shape [36, 1], and [36] fits"),
            (put("rnn.weight_hh_l0", recurrent[:0, :0]), "rnn.weight_hh_l0 has the shape [0, 0], which is not that of"),
            (put("linear.bias", bias[:0]), "it has no linear.bias with a number for each token"),
            (put("linear.bias", bias.astype("f2")), "made of F16", ".float()"),
            (put("linear.bias", np.full_like(bias, 1e39, "f8")), "linear.bias has a number of float64 that is too"),
        ):
            with self.subTest(named):
                self.refuse(saved(change), *named)

    def test_what_is_not_finite(self):
        metadata, tensors = exchange.read(GOLDEN / "exchange/lstm.safetensors")
        for number in (np.nan, -np.inf):
            for name, path in (("linear.bias", "/model/output/b"), ("rnn.weight_ih_l0", "/model/layer0/W_x")):
                damaged = tensors[name].copy()
                damaged.flat[-1] = number
                exchange.write(self.folder / "a", tensors | {name: damaged}, metadata)
                result = support.run("import", self.folder / "a", "--checkpoint", self.folder / "a.h5", "--overwrite", ranks=2)
                self.assertEqual(0, result.status, f"\n{result}")
                self.assertRegex(result.stderr, rf"\Alstm_mpi: warning: [^\n]*not finite[^\n]* {path}\n\Z")

    def test_metadata(self):
        metadata, tensors = exchange.read(GOLDEN / "exchange/lstm.safetensors")
        tokens = json.loads(metadata["vocabulary"])
        for key, text, *named in (
            ("vocabulary", "[", "vocabulary in its metadata is no good JSON"),
            ("vocabulary", "{}", "no list of tokens"),
            ("vocabulary", json.dumps([1] * len(tokens)), "something that is no text"),
            ("vocabulary", json.dumps(tokens[:-1]), f"{len(tokens) - 1} tokens, and linear.bias has {len(tokens)}"),
            ("vocabulary", json.dumps([*tokens[:-1], tokens[1]]), "occurs twice"),
            ("vocabulary", json.dumps([*tokens[:-1], ""]), "is not one character", 'config {"token": "word"}'),
            ("vocabulary", 3, "vocabulary in its metadata is no text"),
            ("counts", "[1]", "a number for each token"),
            ("counts", json.dumps([0.5] * len(tokens)), "something that is no such number"),
            ("config", "3", "config in its metadata is no good JSON"),
            ("config", '{"cell": "gru"}', "which is not that of gru"),
            ("config", '{"lr": "fast"}', "lr in its metadata: 'fast' is not a number"),
        ):
            with self.subTest(key=key, text=text):
                exchange.write(self.folder / "a", tensors, metadata | {key: text})
                contents = (self.folder / "a").read_bytes()
                (self.folder / "a").unlink()
                self.refuse(contents, *named)

    def test_gaps_and_paddings(self):
        original = (GOLDEN / "exchange/lstm.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", original[:8])
        header, data = original[8 : 8 + length], original[8 + length :]
        facts = json.loads(header)
        last = max((name for name in facts if name != "__metadata__"), key=lambda name: facts[name]["data_offsets"])
        begin, end = facts[last]["data_offsets"]
        facts[last]["data_offsets"] = [begin + 4, end + 4]
        gap = json.dumps(facts).encode()
        holed = data[:begin] + b"hole" + data[begin:]
        self.refuse(struct.pack("<Q", len(gap)) + gap + holed, "4 bytes in front of", last)
        facts[last]["data_offsets"] = [end, begin]
        backwards = json.dumps(facts).encode()
        self.refuse(struct.pack("<Q", len(backwards)) + backwards + data, "ends before it begins")
        self.refuse(struct.pack("<Q", 8) + b" " * 8, "no good JSON")
        self.refuse(struct.pack("<Q", 2) + b"{}", "it has no rnn.weight_hh_l0")
        expected = model_of(self.import_(GOLDEN / "exchange/lstm.safetensors"))
        facts[last]["data_offsets"] = [begin, end]
        shuffled = json.dumps(dict(sorted(facts.items(), reverse=True))).encode()
        for i, header in enumerate((header + b" " * 13, b" \n" + header, shuffled)):
            padded = self.write(f"{i}.safetensors", struct.pack("<Q", len(header)) + header + data)
            self.assertEqual(expected, model_of(self.import_(padded, f"{i}.h5")))

    def test_missing_tensors(self):
        metadata, tensors = exchange.read(GOLDEN / "exchange/lstm.safetensors")
        for name in tensors:
            exchange.write(self.folder / "a", {n: t for n, t in tensors.items() if n != name}, metadata)
            contents = (self.folder / "a").read_bytes()
            (self.folder / "a").unlink()
            self.refuse(contents, f"it has no {name}")

    def test_damage(self):
        """Bytes of the header at random: an error, or a model all the same, and never a crash."""
        original = (GOLDEN / "exchange/lstm.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", original[:8])
        chance = random.Random(3)
        calls = []
        for i in range(20):
            damaged = bytearray(original)
            for _ in range(chance.randint(1, 3)):
                damaged[chance.randrange(8 + length)] = chance.randrange(256)
            path = self.write(f"{i}.safetensors", bytes(damaged))
            calls.append((("import", path, "--checkpoint", self.folder / f"{i}.h5"), {}))
        for result in support.run_all(calls):
            self.assertIn(result.status, (0, 1), f"\n{result}")
            if result.status == 1:
                self.assertError(1, result)


if __name__ == "__main__":
    unittest.main()
