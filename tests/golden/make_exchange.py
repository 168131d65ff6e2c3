#!/usr/bin/python3
"""Models of PyTorch as safetensors files, and what PyTorch says to a text: tests/golden/exchange.

    /usr/bin/python3 tests/golden/make_exchange.py    # makes all anew; needs python3-torch

The reader and the writer of the format are a few lines of their own here, by its specification: what the
program reads and writes is checked against them.
"""

import json
import struct
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent / "exchange"
TEXT = "the quick brown fox jumps over the lazy dog, and the dog does not mind at all."
ROWS = 2

# name: cell, layers, directions, hidden, embedding (0: none), tied, both biases
CASES = {
    "lstm": ("LSTM", 1, 1, 9, 0, False, False),
    "lstm-double-bias": ("LSTM", 1, 1, 7, 0, False, True),
    "lstm-deep": ("LSTM", 2, 2, 5, 6, False, True),
    "gru": ("GRU", 2, 1, 7, 5, False, True),
    "gru-single-bias": ("GRU", 1, 1, 8, 0, False, False),
    "rnn-tied": ("RNN", 1, 1, 8, 8, True, True),
}


def read(path):
    """The metadata, and every tensor by its name."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    kinds = {"F32": "<f4", "F64": "<f8"}
    tensors = {}
    for name, facts in header.items():
        begin, end = (8 + length + offset for offset in facts["data_offsets"])
        tensors[name] = np.frombuffer(data[begin:end], kinds[facts["dtype"]]).reshape(facts["shape"])
    return metadata, tensors


def write(path, tensors, metadata=None):
    header = {} if metadata is None else {"__metadata__": metadata}
    kinds = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64"}
    end = 0
    for name, tensor in tensors.items():
        offsets = [end, end + tensor.nbytes]
        header[name] = {"dtype": kinds[tensor.dtype.name], "shape": list(tensor.shape), "data_offsets": offsets}
        end = offsets[1]
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor).tobytes())


def vocabulary(text=TEXT):
    """By count, falling, then by code point; <unk> first."""
    return ["<unk>", *sorted(set(text), key=lambda token: (-text.count(token), token))]


def module(cell, layers, directions, hidden, embedding, tied, vocabulary_size):
    import torch

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            if embedding:
                self.embedding = torch.nn.Embedding(vocabulary_size, embedding)
            self.rnn = getattr(torch.nn, cell)(
                embedding or vocabulary_size, hidden, layers, bidirectional=directions == 2)
            self.linear = torch.nn.Linear(hidden * directions, vocabulary_size)
            if tied:
                self.linear.weight = self.embedding.weight

        def forward(self, ids):
            inputs = (self.embedding(ids) if embedding
                      else torch.nn.functional.one_hot(ids, vocabulary_size).to(self.linear.weight.dtype))
            return self.linear(self.rnn(inputs)[0])

    return Model()


def batch(ids):
    """Inputs and targets [T, ROWS] of the one update that an epoch has: rows from offset 0, as long as can be."""
    steps = (len(ids) - 1) // ROWS
    rows = np.array([[ids[r * steps + t : r * steps + t + 2] for r in range(ROWS)] for t in range(steps)])
    return rows[:, :, 0], rows[:, :, 1]


def perplexity(model, text, tokens):
    import torch

    inputs, targets = batch([tokens.index(token) for token in text])
    with torch.no_grad():
        logits = model.double()(torch.tensor(inputs))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(targets).flatten())
    return float(torch.exp(loss))


def make(name):
    """The model of a case; its numbers are float32, so that nothing is rounded on the way."""
    import torch

    cell, layers, directions, hidden, embedding, tied, both = CASES[name]
    torch.manual_seed(sum(name.encode()))
    model = module(cell, layers, directions, hidden, embedding, tied, len(vocabulary()))
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            tensor.normal_(0, 0.5)
            if "bias_hh" in key and not both:
                tensor.zero_()
    return model


def main():
    expected = {}
    tokens = vocabulary()
    for name in CASES:
        model = make(name)
        tensors = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
        write(FOLDER / f"{name}.safetensors", tensors, {"vocabulary": json.dumps(tokens)})
        expected[name] = perplexity(model, TEXT, tokens)
    text = json.dumps({"text": TEXT, "perplexity": expected}, indent=2) + "\n"
    (FOLDER / "exchange.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
