#!/usr/bin/python3
"""Checks the golden files without PyTorch: NumPy in float32, back-propagation written by hand.

    /usr/bin/python3 tests/golden/check_golden.py                 does it come to the same numbers?
    /usr/bin/python3 tests/golden/check_golden.py --mistakes      does every mistake show?

It reads what a case's folder holds and shares no line with make_golden.py. The second form puts one
mistake after the other into the lines below, and fails if the golden files would let it pass.
"""

import argparse
import json
import math
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np

FOLDER = Path(__file__).resolve().parent
TOLERANCE = 1e-5  # relative, of what is checked with these files
ROUNDING = 2e-6  # relative, of float32
DEFAULTS = {"sampling": "sequential", "num-steps": 35, "max-tokens": 10000, "lr": 1.0, "cell": "lstm"}
DEFAULTS |= {"optimizer": "sgd", "momentum": 0, "weight-decay": 0}
DEFAULTS |= {"lr-decay": 1, "lr-decay-after": 0, "lr-warmup": 0}


def read_case(folder):
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    text = (folder / "corpus.txt").read_bytes().decode().removeprefix("\ufeff")
    text = text.replace("\r\n", "\n")
    options = DEFAULTS | expected["options"]
    with h5py.File(folder / "init.h5") as file:
        tokens = [token.decode() for token in file["vocabulary/token"][:]]
        weights = {}
        file["model"].visititems(
            lambda name, item: weights.update({name: item[:]}) if hasattr(item, "shape") else None
        )
    index = {token: id for id, token in enumerate(tokens)}
    ids = np.array([index.get(character, 0) for character in text])
    if options["max-tokens"]:
        ids = ids[: options["max-tokens"]]
    return SimpleNamespace(
        name=folder.name, text=text, ids=ids, weights=weights, options=options, expected=expected
    )


def vocabulary(text):
    ordered = sorted(Counter(text).items(), key=lambda item: (-item[1], ord(item[0])))
    return {
        "code_point": [0] + [ord(character) for character, _ in ordered],
        "count": [0] + [count for _, count in ordered],
    }


def cut(case):
    """An epoch as an array of [updates, B, T + 1] ids."""
    B, T, offset = (case.options[o] for o in ("batch-size", "num-steps", "start-offset"))
    if case.options["sampling"] == "sequential":
        n = (len(case.ids) - offset - 1) // B
        first = offset + n * np.arange(B)[None, :] + T * np.arange(n // T)[:, None]
    else:
        m = (len(case.ids) - offset - 1) // T
        first = offset + T * np.arange(m - m % B).reshape(-1, B)
    return case.ids[first[:, :, None] + np.arange(T + 1)]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_forward(a, q, h, c):
    i, f, o, g = np.split(a + q, 4, axis=1)
    i, f, o = sigmoid(i), sigmoid(f), sigmoid(o)
    g = np.tanh(g)
    c = f * c + i * g
    h = o * np.tanh(c)
    return (i, f, o, g, q), h, c


def lstm_backward(gates, h_before, c_before, c_t, dh, dc):
    i, f, o, g, q = gates
    tanh_c = np.tanh(c_t)
    dc = dc + dh * o * (1 - tanh_c**2)
    di, df, dg = dc * g * i * (1 - i), dc * c_before * f * (1 - f), dc * i * (1 - g**2)
    da = np.hstack([di, df, dh * tanh_c * o * (1 - o), dg])
    dc = dc * f
    return da, da, 0, dc


def gru_forward(a, q, h, c):
    (a_r, a_z, a_n), (q_r, q_z, q_n) = np.split(a, 3, axis=1), np.split(q, 3, axis=1)
    r, z = sigmoid(a_r + q_r), sigmoid(a_z + q_z)
    n = np.tanh(a_n + r * q_n)
    h = (1 - z) * n + z * h
    return (r, z, n, q_n), h, c


def gru_backward(gates, h_before, c_before, c_t, dh, dc):
    r, z, n, q_n = gates
    da_n = dh * (1 - z) * (1 - n**2)
    da_z = dh * (h_before - n) * z * (1 - z)
    da_r = da_n * q_n * r * (1 - r)
    dq_n = da_n * r
    direct = dh * z
    return np.hstack([da_r, da_z, da_n]), np.hstack([da_r, da_z, dq_n]), direct, dc


def rnn_forward(a, q, h, c):
    h = np.tanh(a + q)
    return (h,), h, c


def rnn_backward(gates, h_before, c_before, c_t, dh, dc):
    da = dh * (1 - gates[0] ** 2)
    return da, da, 0, dc


CELLS = {
    "lstm": (lstm_forward, lstm_backward),
    "gru": (gru_forward, gru_backward),
    "rnn": (rnn_forward, rnn_backward),
}


def direction_forward(cell, w, path, x, h, c):
    """H of all steps, [B, T, H]; what the way back needs; the state that is carried on."""
    times = list(range(x.shape[1]))
    if "reverse" in path:
        times.reverse()
    states, tape = [None] * len(times), []
    for t in times:
        a = w[f"{path}/W_x"][x[:, t]] if x.ndim == 2 else x[:, t] @ w[f"{path}/W_x"]
        a = a + w[f"{path}/b"]
        q = h @ w[f"{path}/W_h"] + w.get(f"{path}/b_h", 0)
        h_before, c_before = h, c
        gates, h, c = CELLS[cell][0](a, q, h, c)
        states[t] = h
        tape.append((t, gates, h_before, c_before, c))
    return np.stack(states, axis=1), tape, (h, c)


def direction_backward(cell, w, d, path, x, tape, dstates):
    """Adds the gradients of the weights to d; returns that of x, [B, T, in], unless x are tokens."""
    dx = None if x.ndim == 2 else np.zeros_like(x)
    dh, dc = np.zeros_like(dstates[:, 0]), np.zeros_like(dstates[:, 0])
    for t, gates, h_before, c_before, c_t in reversed(tape):
        dh = dh + dstates[:, t]
        da, dq, direct, dc = CELLS[cell][1](gates, h_before, c_before, c_t, dh, dc)
        d[f"{path}/W_h"] += h_before.T @ dq
        d[f"{path}/b"] += da.sum(axis=0)
        if f"{path}/b_h" in d:
            d[f"{path}/b_h"] += dq.sum(axis=0)
        if x.ndim == 2:
            np.add.at(d[f"{path}/W_x"], x[:, t], da)
        else:
            d[f"{path}/W_x"] += x[:, t].T @ da
            dx[:, t] = da @ w[f"{path}/W_x"].T
        dh = dq @ w[f"{path}/W_h"].T + direct
    return dx


def layers_of(w):
    """The paths of each layer's directions."""
    names = sorted({name.rsplit("/", 1)[0] for name in w if name.startswith("layer")})
    count = len({name.split("/")[0] for name in names})
    return [[name for name in names if name.split("/")[0] == f"layer{k}"] for k in range(count)]


def forward_backward(cell, w, ids, state):
    """Sum of the losses, gradients of their mean, and the state after the last step."""
    tokens, targets = ids[:, :-1], ids[:, 1:]
    W = w["output/W"] if "output/W" in w else w["embedding/W"].T
    x = w["embedding/W"][tokens] if "embedding/W" in w else tokens
    inputs, tapes, after = [], {}, {}
    for paths in layers_of(w):
        inputs.append(x)
        outputs = []
        for path in paths:
            states, tapes[path], after[path] = direction_forward(cell, w, path, x, *state[path])
            outputs.append(states)
        x = np.concatenate(outputs, axis=2)
    logits = x @ W + w["output/b"]
    logits = logits - logits.max(axis=2, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    of_target = (*np.indices(targets.shape), targets)
    loss = -np.log(p[of_target]).sum(dtype=float)

    d = {name: np.zeros_like(weight) for name, weight in w.items()}
    p[of_target] -= 1
    p /= np.float32(targets.size)
    dW = np.tensordot(x, p, ((0, 1), (0, 1)))
    if "output/W" in w:
        d["output/W"] += dW
    else:
        d["embedding/W"] += dW.T
    d["output/b"] += p.sum(axis=(0, 1))
    dx = p @ W.T
    for paths, x in zip(reversed(layers_of(w)), reversed(inputs)):
        parts = np.split(dx, len(paths), axis=2)
        below = [
            direction_backward(cell, w, d, path, x, tapes[path], part)
            for path, part in zip(paths, parts)
        ]
        dx = None if x.ndim == 2 else sum(below)
    if "embedding/W" in w:
        np.add.at(d["embedding/W"], tokens, dx)
    return loss, d, after


def step(w, g, m, v, rate, t, options):
    """A new tensor of weights in place, from its gradient and its two states."""
    g = g + np.float32(options["weight-decay"]) * w
    if options["optimizer"] == "adam":
        m += np.float32(0.1) * (g - m)
        v += np.float32(0.001) * (g * g - v)
        mean, square = m / (1 - 0.9**t), v / (1 - 0.999**t)
        w -= (rate * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)
    else:
        m *= np.float32(options["momentum"])
        m += g
        w -= np.float32(rate) * m


def rate_of(epoch, t, options):
    """Both counted from 1."""
    rate = options["lr"] * min(t, options["lr-warmup"] or t) / (options["lr-warmup"] or t)
    for end in range(1, epoch):
        rate *= options["lr-decay"] if end >= options["lr-decay-after"] else 1
    return rate


def train(case):
    """Perplexity and mean gradient norm of every epoch, and the number of clipped updates."""
    w = {name: weight.copy() for name, weight in case.weights.items()}
    means, squares = ({name: np.zeros_like(w[name]) for name in w} for _ in range(2))
    clip, t = case.options["clip-norm"], 0
    updates = cut(case)
    perplexities, norms, clipped = [], [], 0
    zero_h = np.zeros((updates.shape[1], len(w["layer0/W_h"])), np.float32)
    zero = {path: (zero_h, zero_h) for paths in layers_of(w) for path in paths}
    for epoch in range(1, case.options["epochs"] + 1):
        state = zero
        losses, norm_sum = [], 0.0
        for ids in updates:
            if case.options["sampling"] == "random":
                state = zero
            loss, d, state = forward_backward(case.options["cell"], w, ids, state)
            norm = math.sqrt(sum((g.astype(float) ** 2).sum() for g in d.values()))
            factor = 1.0
            if clip > 0 and norm > clip:
                factor = clip / norm
                clipped += 1
            t += 1
            rate = rate_of(epoch, t, case.options)
            for name in w:
                gradient = np.float32(factor) * d[name]
                step(w[name], gradient, means[name], squares[name], rate, t, case.options)
            losses.append(loss)
            norm_sum += norm
        perplexities.append(math.exp(sum(losses) / updates[:, :, 1:].size))
        norms.append(norm_sum / len(updates))
    return perplexities, norms, clipped


def difference(values, references):
    return max(abs(v / r - 1) for v, r in zip(values, references, strict=True))


def check(case):
    expected = case.expected
    perplexities, norms, clipped = train(case)
    strayed = difference(perplexities, expected["perplexity"])
    good = strayed < ROUNDING and vocabulary(case.text) == expected["vocabulary"]
    good = good and len(cut(case)) * case.options["epochs"] == expected["updates"]
    line = f"{case.name:20} perplexity differs by {strayed:.1e}"
    if expected["grad_norm"]:
        strayed = difference(norms, expected["grad_norm"])
        good = good and strayed < ROUNDING and clipped == expected["clipped_updates"]
        line += f", norm by {strayed:.1e}"
    print(line if good else f"{line}  WRONG")
    return good


# What goes wrong, what stands above, and what stands there with the mistake.
MISTAKES = [
    ("tanh of the cell left out", "h = o * np.tanh(c)", "h = o * c"),
    ("sigmoid for the candidate", "g = np.tanh(g)", "g = sigmoid(g)"),
    ("gates in the order i, f, c, o", "i, f, o, g = np.split(a + q, 4, axis=1)",
     "i, f, g, o = np.split(a + q, 4, axis=1)"),
    ("reset before the product, as in the paper", "n = np.tanh(a_n + r * q_n)",
     "n = np.tanh(a_n + q_n)"),
    ("gates of the GRU in the order z, r, n", "(q_r, q_z, q_n) = np.split(a, 3, axis=1)",
     "(q_z, q_r, q_n) = np.split(a, 3, axis=1)"),
    ("z and 1 - z exchanged", "h = (1 - z) * n + z * h", "h = z * n + (1 - z) * h"),
    ("no direct gradient through z", "direct = dh * z", "direct = 0"),
    ("b_h of n not reset", "dq_n = da_n * r", "dq_n = da_n"),
    ("reset gate does not learn", "da_r = da_n * q_n * r * (1 - r)", "da_r = 0 * r"),
    ("relu for the tanh of the RNN", "h = np.tanh(a + q)", "h = np.maximum(a + q, 0)"),
    ("bias twice", 'a = a + w[f"{path}/b"]', 'a = a + 2 * w[f"{path}/b"]'),
    ("second bias missing", 'w.get(f"{path}/b_h", 0)', "0"),
    ("second bias does not learn", 'd[f"{path}/b_h"] += dq.sum(axis=0)', "pass"),
    ("reverse direction runs forward", "times.reverse()", "pass"),
    ("directions exchanged", "x = np.concatenate(outputs, axis=2)",
     "x = np.concatenate(outputs[::-1], axis=2)"),
    ("reverse direction's state not carried", "tape, (h, c)",
     'tape, (0 * h, 0 * c) if "reverse" in path else (h, c)'),
    ("states of the directions exchanged", "path, x, *state[path])",
     'path, x, *state[paths[-1 - paths.index(path)]])'),
    ("gradient of a layer's input from one direction alone", "sum(below)", "below[0]"),
    ("embedding does not learn", 'np.add.at(d["embedding/W"], tokens, dx)', "pass"),
    ("embedding tied, without the output's gradient", 'd["embedding/W"] += dW.T', "pass"),
    ("state carried over epochs", "        state = zero\n        losses",
     "        state = state if perplexities else zero\n        losses"),
    ("state zero at every update", 'if case.options["sampling"] == "random":', "if True:"),
    ("random: state carried", 'if case.options["sampling"] == "random":', "if False:"),
    ("clip never acts", "if clip > 0 and norm > clip:", "if False:"),
    ("clip also enlarges", "if clip > 0 and norm > clip:", "if clip > 0:"),
    ("clip acts when off", "if clip > 0 and norm > clip:", "if norm > (clip or 1):"),
    ("clip by the norm of the cell alone", "for g in d.values()",
     "for n, g in d.items() if n != 'output/W'"),
    ("gradient of the mean over rows only", "p /= np.float32(targets.size)", "p /= np.float32(len(ids))"),
    ("output bias does not learn", 'd["output/b"] += p.sum(axis=(0, 1))', "pass"),
    ("cell bias does not learn", 'd[f"{path}/b"] += da.sum(axis=0)', "pass"),
    ("repeated inputs in W_x counted once", 'np.add.at(d[f"{path}/W_x"], x[:, t], da)',
     'd[f"{path}/W_x"][x[:, t]] += da'),
    ("no gradient through h", 'dh = dq @ w[f"{path}/W_h"].T + direct', "dh = np.zeros_like(dh)"),
    ("no gradient through c", "dc = dc * f", "dc = np.zeros_like(dc)"),
    ("forget gate sees c after, not before", "dc * c_before * f", "dc * c_t * f"),
    ("first step forgets the carried h", 'd[f"{path}/W_h"] += h_before.T @ dq',
     'd[f"{path}/W_h"] += h_before.T @ dq * (t > 0)'),
    ("loss after the update", "losses.append(loss)",
     "losses.append(forward_backward(case.options['cell'], w, ids, zero)[0])"),
    ("mean of the perplexities of the updates", "math.exp(sum(losses) / updates[:, :, 1:].size)",
     "np.exp(np.array(losses) / ids[:, 1:].size).mean()"),
    ("offset ignored", '("batch-size", "num-steps", "start-offset"))',
     '("batch-size", "num-steps", "start-offset")); offset = 0'),
    ("n = floor((N - o) / B)", "(len(case.ids) - offset - 1) // B",
     "(len(case.ids) - offset) // B"),
    ("rows without their tails", "first = offset + n * np", "first = offset + n // T * T * np"),
    ("rows interleaved", "n * np.arange(B)[None, :] + T * np.arange(n // T)[:, None]",
     "T * (np.arange(B)[None, :] + B * np.arange(n // T)[:, None])"),
    ("random: subsequences overlap", "T * np.arange(m - m % B)", "(T - 1) * np.arange(m - m % B)"),
    ("max-tokens ignored", 'if options["max-tokens"]:', "if False:"),
    ("byte order mark kept", '.removeprefix("\\ufeff")', ""),
    ("CRLF kept", 'text.replace("\\r\\n", "\\n")', "text"),
    ("<unk> skipped", "ids = np.array([index.get(character, 0) for character in text])",
     "ids = np.array([index[character] for character in text if character in index])"),
    ("momentum damped", "        m += g\n", "        m += g * (1 if t == 1 else 0.1)\n"),
    ("momentum forgotten", "m *= np.float32(options[\"momentum\"])", "m *= 0"),
    ("momentum of touched rows alone", "        m += g\n        w -= np.float32(rate) * m",
     "        m += g\n        w -= np.float32(rate) * m * (g != 0)"),
    ("weight decay by half", 'g = g + np.float32(options["weight-decay"]) * w',
     'g = g + np.float32(options["weight-decay"]) * w * np.float32(0.5)'),
    ("decay of touched rows alone", 'g = g + np.float32(options["weight-decay"]) * w',
     'g = g + np.float32(options["weight-decay"]) * w * (g != 0)'),
    ("Adam without correction of the mean", "m / (1 - 0.9**t)", "m"),
    ("Adam without correction of the square", "v / (1 - 0.999**t)", "v"),
    ("Adam's root around epsilon", "np.sqrt(square) + 1e-8", "np.sqrt(square + 1e-8)"),
    ("Adam of touched rows alone", "w -= (rate * mean", "w -= (g != 0) * (rate * mean"),
    ("rate falls an epoch late", 'if end >= options["lr-decay-after"]',
     'if end > options["lr-decay-after"]'),
    ("warm-up from zero", 'options["lr"] * min(t,', 'options["lr"] * min(t - 1,'),
]  # fmt: skip


def check_mistake(name, right, wrong, folders):
    """Runs this file with one line changed. True where some case shows it."""
    source = Path(__file__).read_text(encoding="utf-8").split("\n# What goes wrong")[0]
    assert source.count(right) == 1, f"{name}: {source.count(right)} places for the mistake"
    module = {"__name__": "mistaken", "__file__": __file__}
    exec(compile(source.replace(right, wrong), f"<{name}>", "exec"), module)
    for folder in folders:
        case = module["read_case"](folder)
        with np.errstate(all="ignore"):
            perplexities, norms, _ = module["train"](case)
        shown = difference(perplexities, case.expected["perplexity"])
        if case.expected["grad_norm"]:
            shown = max(shown, difference(norms, case.expected["grad_norm"]))
        if not shown < TOLERANCE:
            print(f"{name:50} {case.name} differs by {shown:.1e}", flush=True)
            return True
    print(f"{name:50} does not show", flush=True)
    return False


def main():
    parser = argparse.ArgumentParser(description="Check the golden files with NumPy.")
    parser.add_argument("--mistakes", action="store_true", help="see that every mistake shows")
    mistakes = parser.parse_args().mistakes
    folders = sorted(path.parent for path in FOLDER.glob("*/expected.json"))
    if mistakes:
        # The largest case would take most of the time and shows nothing that the others hide.
        folders = [folder for folder in folders if folder.name != "blocks"]
        good = [check_mistake(*mistake, folders) for mistake in MISTAKES]
    else:
        good = [check(read_case(folder)) for folder in folders]
    sys.exit(0 if good and all(good) else 1)


if __name__ == "__main__":
    main()
