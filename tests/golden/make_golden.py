#!/usr/bin/python3
"""Makes the golden files: what PyTorch in double precision computes for small trainings.

    /usr/bin/python3 tests/golden/make_golden.py [CASE ...]

Needs python3-torch, python3-h5py and python3-numpy. Every case is one folder beside this script:

    corpus.txt      the text, made by a seeded generator
    init.h5         the weights to start from and their vocabulary, as --init-from reads them
    expected.json   the options, the perplexity and the mean gradient norm of every epoch, samples,
                    and the vocabulary that the corpus has by itself

A case whose float32 trajectory strays from the double one is refused: such a case could not tell a
mistake from rounding. The equations, gate order i, f, o, c; x_t selects a row of W_x:

    i, f, o = sigmoid(W_x[x_t] + h W_h + b)     c~ = tanh(W_x[x_t] + h W_h + b)
    c' = f c + i c~        h' = o tanh(c')      logits = h' W + b
"""

import argparse
import json
import math
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch

FOLDER = Path(__file__).resolve().parent
EPOCHS = 10
SAMPLE_LENGTH = 30
SAMPLE_MARGIN = 1e-3  # between the two largest logits: float32 cannot flip the choice
ROUNDING = 2e-6  # relative: how far float32 may stray from double
FINAL_ROUNDING = 4e-6  # the same of the tensors at the end
UNKNOWN = 0


class Random:
    """splitmix64: the same numbers with every version of Python and NumPy."""

    def __init__(self, seed):
        self.state = seed

    def bits(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def uniform(self):
        return (self.bits() >> 11) / (1 << 53)

    def below(self, n):
        return int(self.uniform() * n)

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())

    def tensor(self, deviation, *shape):
        values = [deviation * self.normal() for _ in range(math.prod(shape))]
        return np.array(values).reshape(shape).astype(np.float32)


@dataclass
class Case:
    name: str
    purpose: str
    seed: int
    options: dict  # long option names, as they go on the command line
    hidden_size: int
    alphabet: str  # the first characters are the frequent ones
    tokens: int  # of the whole corpus
    skew: float = 3.0  # how much more frequent the first characters are
    certainty: float = 0.9  # with which a pair of characters tells the next
    rare: str = ""  # occur twice each: ties across scripts
    late: str = ""  # occur at the end only, behind max-tokens
    crlf: bool = False
    byte_order_mark: bool = False
    deviation: float = 0.25
    # How init.h5 is written.
    strings: str = "bytes"  # see write_tokens
    version: str = "<i8"  # type of format_version
    config: dict = None  # attributes of /config, or no such group
    reversed_vocabulary: bool = False
    missing_rank: int = None  # this token, by its place, is left out of the file's vocabulary
    # What the shuffling of random sampling leaves open cannot be compared.
    norms_depend_on_order: bool = False
    final: bool = False  # is the end of the training kept too, weights and optimizer's states?

    def option(self, name):
        defaults = {"sampling": "sequential", "num-steps": 35, "max-tokens": 10000, "lr": 1.0}
        defaults |= {"optimizer": "sgd", "momentum": 0, "weight-decay": 0}
        defaults |= {"lr-decay": 1, "lr-decay-after": 0, "lr-warmup": 0}
        return self.options.get(name, defaults.get(name))


LATIN = "e taoinshr\ndlucm"
HAN = "剑的一是不了人我在有他这来说道天山风你中"
RARE = "Zß，龍🐉𠀀"  # U+FF0C before U+1F409 by code point, after it by UTF-16 unit
WIDE = (
    "e taoin\n的shr一dlu是cm不f了w人g我yp在bv有k他这j来x说q道z天山风你，。"
    + "ETAOINSHRDLU0123456789?!;:()'\""
    + "".join(chr(0x4E00 + 97 * k) for k in range(1, 66))
    + "éüñ𝄞🌙"
)

CASES = [
    Case(
        name="sequential",
        purpose="sequential sampling from offset 0, one row a rank on eight ranks",
        seed=21,
        options={"batch-size": 8, "num-steps": 6, "hidden-size": 24, "max-tokens": 0}
        | {"start-offset": 0, "lr": 1.0, "clip-norm": 0.3},
        hidden_size=24,
        alphabet=LATIN + HAN[:8],
        skew=4.0,
        tokens=640,
        rare=RARE,
        strings="bytes",
        version="<i4",
    ),
    Case(
        name="odd_sizes",
        purpose="an offset, odd sizes everywhere, five rows, a tail of five tokens dropped in each",
        seed=22,
        options={"batch-size": 5, "num-steps": 9, "start-offset": 4, "lr": 1.0, "clip-norm": 0.3},
        hidden_size=17,
        alphabet=HAN + LATIN,
        tokens=798,
        rare=RARE,
        strings="variable",
        config={"hidden_size": np.int64(17)},
        deviation=0.3,
    ),
    Case(
        name="foreign_vocabulary",
        purpose="CRLF and a byte order mark; a vocabulary in another order, which lacks a frequent"
        " character, so that <unk> is input and target; the vocabulary of the whole corpus, of"
        " which max-tokens trains on a part",
        seed=13,
        options={"batch-size": 8, "num-steps": 7, "hidden-size": 20, "max-tokens": 700}
        | {"start-offset": 7, "lr": 2.0, "clip-norm": 0.3},
        hidden_size=20,
        alphabet=LATIN + HAN[:12],
        tokens=1100,
        rare=RARE,
        late="QÄ終🌕",
        crlf=True,
        byte_order_mark=True,
        strings="utf8",
        version="u1",
        reversed_vocabulary=True,
        missing_rank=3,
    ),
    Case(
        name="no_clip",
        purpose="the clip is off (neither 0 nor the default: some norms are above 1), the rate small",
        seed=14,
        options={"batch-size": 7, "num-steps": 6, "hidden-size": 24, "start-offset": 2}
        | {"lr": 0.1, "clip-norm": 0},
        hidden_size=24,
        alphabet=LATIN,
        certainty=0.85,
        tokens=700,
        rare=RARE[:3],
        strings="null-terminated",
        config={},
    ),
    Case(
        name="clip_by_half",
        purpose="the clip acts in about half of the updates",
        seed=25,
        options={"batch-size": 6, "num-steps": 10, "start-offset": 10, "lr": 1.0}
        | {"clip-norm": 0.35},
        hidden_size=20,
        alphabet="".join(LATIN.split(" ")) + HAN[:10],
        tokens=900,
        rare=RARE,
        strings="space-padded",
        config={"hidden_size": np.uint16(20), "num_layers": np.int32(1)},
    ),
    Case(
        name="one_step",
        purpose="back-propagation through one time step, state carried across the updates",
        seed=16,
        options={"batch-size": 4, "num-steps": 1, "hidden-size": 12, "start-offset": 1}
        | {"lr": 0.5, "clip-norm": 0.4},
        hidden_size=12,
        alphabet=LATIN[:12] + HAN[:4],
        tokens=190,
        rare=RARE[2:5],
        strings="bytes",
        deviation=0.3,
    ),
    Case(
        name="blocks",
        purpose="larger: 150 tokens, 16 rows, 35 steps; num-steps, lr and max-tokens are the"
        " defaults, not what the file's /config says",
        seed=17,
        options={"batch-size": 16, "start-offset": 21, "clip-norm": 0.3},
        hidden_size=40,
        alphabet=WIDE,
        tokens=11000,
        rare=RARE,
        strings="variable",
        version="<i2",
        config={"hidden_size": np.int32(40), "num_steps": np.int64(5), "lr": 0.125}
        | {"max_tokens": np.int64(500), "sampling": "random", "clip_norm": 3.0},
        deviation=0.2,
    ),
    Case(
        name="random_still",
        purpose="random sampling of weights that stand still: the perplexity whatever the order;"
        " ten full batches, none dropped",
        seed=18,
        options={"sampling": "random", "batch-size": 6, "num-steps": 8, "hidden-size": 24}
        | {"start-offset": 3, "lr": 1e-30, "clip-norm": 0.4},
        hidden_size=24,
        alphabet=HAN + LATIN[:6],
        tokens=489,
        rare=RARE,
        strings="utf8",
        norms_depend_on_order=True,
    ),
    Case(
        name="random_whole",
        purpose="random sampling that learns: one batch holds all subsequences, so that their order"
        " does not matter; the state is zero at every update",
        seed=29,
        options={"sampling": "random", "batch-size": 12, "num-steps": 10, "start-offset": 9}
        | {"hidden-size": 21, "lr": 0.5, "clip-norm": 0.3},
        hidden_size=21,
        alphabet=LATIN + HAN[:6],
        tokens=137,
        rare=RARE[3:],
        strings="variable",
        version=">i8",
        deviation=0.3,
    ),
    Case(
        name="momentum",
        purpose="SGD with momentum, which moves the rows of tokens that a batch does not have; most of"
        " the alphabet is rare",
        seed=31,
        options={"batch-size": 8, "hidden-size": 18, "num-steps": 6, "start-offset": 3, "lr": 0.1}
        | {"clip-norm": 0.3, "momentum": 0.9},
        hidden_size=18,
        alphabet=LATIN + HAN[:8],
        tokens=460,
        rare=RARE,
        deviation=0.3,
        final=True,
    ),
    Case(
        name="weight_decay",
        purpose="SGD with weight decay, added after the clip; the rate falls from the end of epoch 3",
        seed=32,
        options={"batch-size": 5, "hidden-size": 16, "num-steps": 7, "start-offset": 0, "lr": 1.0}
        | {"clip-norm": 0.3, "weight-decay": 0.01, "lr-decay": 0.7, "lr-decay-after": 3},
        hidden_size=16,
        alphabet=HAN + LATIN[:8],
        tokens=330,
        rare=RARE,
        deviation=0.3,
        final=True,
    ),
    Case(
        name="momentum_and_decay",
        purpose="SGD with both, and a rate that warms up over three epochs while it falls",
        seed=33,
        options={"batch-size": 6, "hidden-size": 17, "num-steps": 8, "start-offset": 5, "lr": 0.5}
        | {"clip-norm": 0.3, "momentum": 0.5, "weight-decay": 0.02, "lr-decay": 0.9, "lr-warmup": 16},
        hidden_size=17,
        alphabet=LATIN + HAN[:4],
        tokens=350,
        rare=RARE,
        deviation=0.3,
        final=True,
    ),
    Case(
        name="adam",
        purpose="Adam; the clip changes what an update weighs among the others",
        seed=74,
        options={"batch-size": 8, "hidden-size": 18, "num-steps": 6, "start-offset": 2, "lr": 0.01}
        | {"clip-norm": 0.3, "optimizer": "adam"},
        hidden_size=18,
        alphabet=LATIN + HAN[:8],
        tokens=420,
        rare=RARE,
        deviation=0.3,
        final=True,
    ),
    Case(
        name="adam_and_decay",
        purpose="Adam with weight decay, a warm-up and a falling rate",
        seed=35,
        options={"batch-size": 5, "hidden-size": 16, "num-steps": 9, "start-offset": 1, "lr": 0.02}
        | {"clip-norm": 0.4, "optimizer": "adam", "weight-decay": 0.001, "lr-decay": 0.8, "lr-decay-after": 2}
        | {"lr-warmup": 11},
        hidden_size=16,
        alphabet=HAN + LATIN[:6],
        tokens=380,
        rare=RARE,
        deviation=0.3,
        final=True,
    ),
]


def make_text(case, random):
    """A second-order Markov text: what follows a pair of characters is mostly the same."""
    alphabet = case.alphabet
    followers = {}
    text = list(alphabet[:2])

    def draw():
        return alphabet[int(len(alphabet) * random.uniform() ** case.skew)]

    while len(text) < case.tokens - 2 * (len(case.rare) + len(case.late)):
        pair = tuple(text[-2:])
        if pair not in followers:
            followers[pair] = [draw(), draw()]
        if random.uniform() < case.certainty:
            text.append(followers[pair][0])
        else:
            text.append(followers[pair][1] if random.uniform() < 0.6 else draw())
    for character in case.rare * 2:
        text.insert(random.below(len(text)), character)
    return "".join(text) + case.late * 2


def file_bytes(case, text):
    if case.crlf:
        text = text.replace("\n", "\r\n")
    return (b"\xef\xbb\xbf" if case.byte_order_mark else b"") + text.encode()


def ordered_vocabulary(text):
    """Characters by falling count, ties by code point; without <unk>."""
    return sorted(Counter(text).items(), key=lambda item: (-item[1], ord(item[0])))


def file_vocabulary(case, vocabulary):
    characters = [character for character, _ in vocabulary]
    if case.missing_rank is not None:
        del characters[case.missing_rank]
    if case.reversed_vocabulary:
        characters.reverse()
    return ["<unk>"] + characters


def make_weights(case, random, vocabulary_size):
    hidden = case.hidden_size
    return {
        "layer0/W_x": random.tensor(case.deviation, vocabulary_size, 4 * hidden),
        "layer0/W_h": random.tensor(case.deviation, hidden, 4 * hidden),
        "layer0/b": random.tensor(0.3, 4 * hidden),
        "output/W": random.tensor(case.deviation, hidden, vocabulary_size),
        "output/b": random.tensor(0.3, vocabulary_size),
    }


def write_tokens(group, tokens, kind):
    """The strings in the ways that HDF5 has for them. The fixed ones are as wide as the longest
    token, so that a padded one may end without a null."""
    encoded = [token.encode() for token in tokens]
    width = max(map(len, encoded))
    if kind == "bytes":  # null-padded, and marked as ASCII though it is not
        group.create_dataset("token", data=np.array(encoded, dtype=f"S{width}"))
    elif kind == "utf8":  # null-padded
        dtype = h5py.string_dtype("utf-8", width)
        group.create_dataset("token", data=np.array(encoded, dtype=dtype))
    elif kind == "variable":
        group.create_dataset("token", data=tokens, dtype=h5py.string_dtype())
    else:
        assert kind != "space-padded" or " " not in tokens
        padding = {"null-terminated": b"\0", "space-padded": b" "}[kind]
        width += kind == "null-terminated"
        string = h5py.h5t.C_S1.copy()
        string.set_size(width)
        string.set_cset(h5py.h5t.CSET_UTF8)
        string.set_strpad(h5py.h5t.STR_NULLTERM if padding == b"\0" else h5py.h5t.STR_SPACEPAD)
        space = h5py.h5s.create_simple((len(tokens),))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_obj_track_times(False)  # the same bytes whenever it is made
        dataset = h5py.h5d.create(group.id, b"token", string, space, properties)
        data = np.array([token.ljust(width, padding) for token in encoded], dtype=f"S{width}")
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, data, mtype=string)


def write_init(path, case, tokens, weights):
    with h5py.File(path, "w") as file:
        fixed = case.strings in ("bytes", "utf8")
        file.attrs["format"] = np.bytes_("lstm_mpi") if fixed else "lstm_mpi"
        file.attrs.create("format_version", 1, dtype=case.version)
        if case.config is not None:
            file.create_group("config").attrs.update(case.config)
        write_tokens(file.create_group("vocabulary"), tokens, case.strings)
        for name, values in weights.items():
            file.create_dataset(f"model/{name}", data=values)


def cut_batches(case, ids):
    """The updates of an epoch as pairs (inputs, targets) of [B, T]."""
    rows, steps, offset = (case.option(o) for o in ("batch-size", "num-steps", "start-offset"))
    if case.option("sampling") == "sequential":
        length = (len(ids) - offset - 1) // rows
        starts = [
            [offset + row * length + update * steps for row in range(rows)]
            for update in range(length // steps)
        ]
    else:
        count = (len(ids) - offset - 1) // steps
        assert count % rows == 0, "a dropped batch would make the order matter"
        starts = [
            [offset + (first + row) * steps for row in range(rows)]
            for first in range(0, count, rows)
        ]
    cut = lambda shift: [
        torch.tensor([ids[s + shift : s + shift + steps] for s in update]) for update in starts
    ]
    return list(zip(cut(0), cut(1)))


def forward(weights, inputs, h, c):
    """Logits [B, T, V] and the state after the last step."""
    logits = []
    for t in range(inputs.shape[1]):
        z = weights["layer0/W_x"][inputs[:, t]] + h @ weights["layer0/W_h"] + weights["layer0/b"]
        i, f, o, candidate = z.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(candidate)
        h = torch.sigmoid(o) * torch.tanh(c)
        logits.append(h @ weights["output/W"] + weights["output/b"])
    return torch.stack(logits, dim=1), h, c


def as_tensors(weights, dtype):
    return {name: torch.tensor(w, dtype=dtype, requires_grad=True) for name, w in weights.items()}


def make_optimizer(case, weights):
    decay = case.option("weight-decay")
    if case.option("optimizer") == "adam":
        return torch.optim.Adam(weights.values(), weight_decay=decay)
    momentum = case.option("momentum")
    return torch.optim.SGD(weights.values(), lr=1, momentum=momentum, weight_decay=decay)


def rate(case, epoch, update):
    """Of an update, counted from 1 as its epoch is."""
    falls = max(epoch - max(case.option("lr-decay-after"), 1), 0)
    warmth = update / case.option("lr-warmup") if update < case.option("lr-warmup") else 1
    return case.option("lr") * case.option("lr-decay") ** falls * warmth


def states(weights, optimizer):
    """The optimizer's states by their paths in a checkpoint."""
    found = {}
    for path, weight in weights.items():
        for name, state in optimizer.state[weight].items():
            if name != "step" and state is not None:
                found[f"{name.replace('momentum_buffer', 'momentum')}/{path}"] = state
    return found


def train(case, batches, weights):
    """Trains weights in place. Returns perplexity and mean norm of every epoch, how often the gradient was
    clipped, and the optimizer."""
    clip = case.option("clip-norm")
    optimizer = make_optimizer(case, weights)
    shape = (case.option("batch-size"), case.hidden_size)
    dtype = weights["output/b"].dtype
    perplexities, mean_norms, clipped, updates = [], [], 0, 0
    for epoch in range(1, EPOCHS + 1):
        loss_sum, norm_sum, targets_seen = 0.0, 0.0, 0
        h = c = torch.zeros(shape, dtype=dtype)
        for inputs, targets in batches:
            if case.option("sampling") == "random":
                h = c = torch.zeros(shape, dtype=dtype)
            logits, h, c = forward(weights, inputs, h.detach(), c.detach())
            losses = torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), targets.flatten(), reduction="none"
            )
            gradients = torch.autograd.grad(losses.mean(), list(weights.values()))
            norm = math.sqrt(sum(g.double().square().sum().item() for g in gradients))
            factor = 1.0
            if clip > 0 and norm > clip:
                factor = clip / norm
                clipped += 1
            updates += 1
            optimizer.param_groups[0]["lr"] = rate(case, epoch, updates)
            for weight, gradient in zip(weights.values(), gradients):
                weight.grad = factor * gradient
            optimizer.step()
            loss_sum += losses.detach().double().sum().item()
            norm_sum += norm
            targets_seen += targets.numel()
        perplexities.append(math.exp(loss_sum / targets_seen))
        mean_norms.append(norm_sum / len(batches))
    return perplexities, mean_norms, clipped, optimizer


def check_forward(case, weights, inputs):
    """The equations above against torch.nn.LSTM, whose gates are in the order i, f, c, o."""
    hidden, vocabulary_size = weights["output/W"].shape
    reorder = lambda w: torch.cat([w.chunk(4, dim=-1)[k] for k in (0, 1, 3, 2)], dim=-1)
    lstm = torch.nn.LSTM(vocabulary_size, hidden, batch_first=True, dtype=torch.float64)
    one_hot = torch.nn.functional.one_hot(inputs, vocabulary_size).double()
    h = torch.linspace(-0.9, 0.9, len(inputs) * hidden, dtype=torch.float64).view(-1, hidden)
    c = h.flip(1)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(reorder(weights["layer0/W_x"]).T)
        lstm.weight_hh_l0.copy_(reorder(weights["layer0/W_h"]).T)
        lstm.bias_ih_l0.copy_(reorder(weights["layer0/b"]))
        lstm.bias_hh_l0.zero_()
        states, (last_h, last_c) = lstm(one_hot, (h[None], c[None]))
        expected = states @ weights["output/W"] + weights["output/b"]
        for mine, theirs in zip(forward(weights, inputs, h, c), (expected, last_h[0], last_c[0])):
            assert torch.allclose(mine, theirs, rtol=1e-12, atol=1e-12), case.name


@torch.no_grad()
def greedy(weights, tokens, prefix):
    """SAMPLE_LENGTH characters after prefix, or None where the choice is narrow or is <unk>."""
    index = {token: id for id, token in enumerate(tokens)}
    h = c = torch.zeros(1, len(weights["output/W"]), dtype=torch.float64)
    logits, h, c = forward(weights, torch.tensor([[index[p] for p in prefix]]), h, c)
    text = ""
    for _ in range(SAMPLE_LENGTH):
        (first, second), (choice, _) = torch.topk(logits[0, -1], 2)
        if first - second <= SAMPLE_MARGIN or choice == UNKNOWN:
            return None
        text += tokens[choice]
        logits, h, c = forward(weights, choice.view(1, 1), h, c)
    return text


def samples(weights, tokens, prefixes):
    made = [{"prefix": prefix, "text": greedy(weights, tokens, prefix)} for prefix in prefixes]
    return [sample for sample in made if sample["text"] is not None][:3]


def largest_difference(values, references):
    return max(abs(v - r) / abs(r) for v, r in zip(values, references, strict=True))


def final_tensors(weights, optimizer):
    tensors = {f"model/{path}": weight for path, weight in weights.items()}
    tensors |= {f"optimizer/{path}": state for path, state in states(weights, optimizer).items()}
    return {path: tensor.detach().double().numpy() for path, tensor in tensors.items()}


def final_difference(tensors, references):
    """Relative to the largest number of each tensor."""
    return max(abs(tensors[p] - r).max() / abs(r).max() for p, r in references.items())


def write_final(path, tensors):
    with h5py.File(path, "w") as file:
        for name, tensor in tensors.items():
            file.create_dataset(name, data=tensor.astype(np.float32), track_times=False)


def make_case(case):
    random = Random(case.seed)
    text = make_text(case, random)
    vocabulary = ordered_vocabulary(text)
    assert len(text) == case.tokens
    counts = [count for _, count in vocabulary]
    assert len(set(counts)) < len(counts), f"{case.name}: no ties"
    tokens = file_vocabulary(case, vocabulary)
    initial = make_weights(case, random, len(tokens))

    index = {token: id for id, token in enumerate(tokens)}
    limit = min(case.option("max-tokens") or len(text), len(text))
    ids = [index.get(character, UNKNOWN) for character in text[:limit]]
    batches = cut_batches(case, ids)

    weights = as_tensors(initial, torch.float64)
    check_forward(case, weights, batches[0][0])
    prefixes = [text[s : s + 1 + s % 4] for s in (random.below(limit - 4) for _ in range(60))]
    prefixes = [p for p in dict.fromkeys(prefixes) if all(q in index and q > " " for q in p)]
    initial_samples = samples(weights, tokens, prefixes)
    perplexities, norms, clipped, optimizer = train(case, batches, weights)
    trained_samples = samples(weights, tokens, prefixes)

    rounded_weights = as_tensors(initial, torch.float32)
    rounded, rounded_norms, rounded_clipped, rounded_optimizer = train(case, batches, rounded_weights)
    strayed = largest_difference(rounded, perplexities)
    strayed_norm = largest_difference(rounded_norms, norms)
    updates = EPOCHS * len(batches)
    print(
        f"{case.name:20} V {len(tokens):3}  updates {updates:3}  clipped {clipped:3}"
        f"  perplexity {perplexities[0]:.3f} to {perplexities[-1]:.3f}"
        f"  norm {norms[0]:.3f} to {norms[-1]:.3f}"
        f"  float32 strays {strayed:.1e}, norm {strayed_norm:.1e}"
        f"  samples {len(initial_samples)} + {len(trained_samples)}"
    )
    if strayed > ROUNDING or strayed_norm > ROUNDING or rounded_clipped != clipped:
        sys.exit(f"{case.name}: float32 strays too far; choose another seed or a smaller rate")
    final = final_tensors(weights, optimizer)
    if case.final:
        strayed_final = final_difference(final_tensors(rounded_weights, rounded_optimizer), final)
        print(f"{'':20} final tensors stray {strayed_final:.1e}")
        if strayed_final > FINAL_ROUNDING:
            sys.exit(f"{case.name}: float32 strays too far in the end")

    folder = FOLDER / case.name
    folder.mkdir(exist_ok=True)
    (folder / "corpus.txt").write_bytes(file_bytes(case, text))
    write_init(folder / "init.h5", case, tokens, initial)
    if case.final:
        write_final(folder / "final.h5", final)
    fixed_order = not case.norms_depend_on_order
    write_expected(
        folder / "expected.json",
        {
            "purpose": case.purpose,
            "options": case.options | {"epochs": EPOCHS},
            "updates": updates,
            "clipped_updates": clipped if fixed_order else None,
            "perplexity": perplexities,
            "grad_norm": norms if fixed_order else None,
            "vocabulary": {
                "code_point": [0] + [ord(character) for character, _ in vocabulary],
                "count": [0] + counts,
            },
            "initial_samples": initial_samples,
            "trained_samples": trained_samples,
        },
    )


def write_expected(path, expected):
    text = lambda value: json.dumps(value, ensure_ascii=False)
    lines = [f" {text(key)}: {text(value)}" for key, value in expected.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Make the golden files anew.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all")
    names = parser.parse_args().cases
    unknown = set(names) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)  # one order of summation
    for case in CASES:
        if not names or case.name in names:
            make_case(case)


if __name__ == "__main__":
    main()
