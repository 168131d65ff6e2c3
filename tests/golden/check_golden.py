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
DEFAULTS = {"sampling": "sequential", "num-steps": 35, "max-tokens": 10000, "lr": 1.0}
DEFAULTS |= {"optimizer": "sgd", "momentum": 0, "weight-decay": 0}
DEFAULTS |= {"lr-decay": 1, "lr-decay-after": 0, "lr-warmup": 0}


def read_case(folder):
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    text = (folder / "corpus.txt").read_bytes().decode().removeprefix("\ufeff")
    text = text.replace("\r\n", "\n")
    options = DEFAULTS | expected["options"]
    with h5py.File(folder / "init.h5") as file:
        tokens = [token.decode() for token in file["vocabulary/token"][:]]
        weights = {
            name: file[f"model/{path}"][:]
            for name, path in {
                "W_x": "layer0/W_x",
                "W_h": "layer0/W_h",
                "b": "layer0/b",
                "W": "output/W",
                "b_out": "output/b",
            }.items()
        }
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


def forward_backward(w, ids, h, c):
    """Sum of the losses, gradients of their mean, and the state after the last step."""
    B, T, H = ids.shape[0], ids.shape[1] - 1, h.shape[1]
    loss, steps = 0.0, []
    for t in range(T):
        z = w["W_x"][ids[:, t]] + h @ w["W_h"] + w["b"]
        i, f, o = sigmoid(z[:, :H]), sigmoid(z[:, H : 2 * H]), sigmoid(z[:, 2 * H : 3 * H])
        g = np.tanh(z[:, 3 * H :])
        h_before, c_before = h, c
        c = f * c + i * g
        h = o * np.tanh(c)
        logits = h @ w["W"] + w["b_out"]
        logits = logits - logits.max(axis=1, keepdims=True)
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss -= np.log(p[np.arange(B), ids[:, t + 1]]).sum(dtype=float)
        steps.append((i, f, o, g, h_before, c_before, h, c, p))

    d = {name: np.zeros_like(weight) for name, weight in w.items()}
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    for t in reversed(range(T)):
        i, f, o, g, h_before, c_before, h_t, c_t, p = steps[t]
        p[np.arange(B), ids[:, t + 1]] -= 1
        p /= np.float32(B * T)
        d["W"] += h_t.T @ p
        d["b_out"] += p.sum(axis=0)
        dh = dh + p @ w["W"].T
        tanh_c = np.tanh(c_t)
        dc = dc + dh * o * (1 - tanh_c**2)
        dz = np.hstack(
            [
                dc * g * i * (1 - i),
                dc * c_before * f * (1 - f),
                dh * tanh_c * o * (1 - o),
                dc * i * (1 - g**2),
            ]
        )
        d["W_h"] += h_before.T @ dz
        d["b"] += dz.sum(axis=0)
        np.add.at(d["W_x"], ids[:, t], dz)
        dh = dz @ w["W_h"].T
        dc = dc * f
    return loss, d, h, c


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
    zero = np.zeros((updates.shape[1], len(w["W"])), np.float32)
    for epoch in range(1, case.options["epochs"] + 1):
        h = c = zero
        losses, norm_sum = [], 0.0
        for ids in updates:
            if case.options["sampling"] == "random":
                h = c = zero
            loss, d, h, c = forward_backward(w, ids, h, c)
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
    ("sigmoid for the candidate", "g = np.tanh(z[:, 3 * H :])", "g = sigmoid(z[:, 3 * H :])"),
    ("gates in the order i, f, c, o", "g = np.tanh(z[:, 3 * H :])",
     "g, o = np.tanh(z[:, 2 * H : 3 * H]), sigmoid(z[:, 3 * H :])"),
    ("state carried over epochs", "        h = c = zero\n        losses",
     "        h, c = (h, c) if perplexities else (zero, zero)\n        losses"),
    ("state zero at every update", 'if case.options["sampling"] == "random":', "if True:"),
    ("random: state carried", 'if case.options["sampling"] == "random":', "if False:"),
    ("clip never acts", "if clip > 0 and norm > clip:", "if False:"),
    ("clip also enlarges", "if clip > 0 and norm > clip:", "if clip > 0:"),
    ("clip acts when off", "if clip > 0 and norm > clip:", "if norm > (clip or 1):"),
    ("clip by the norm of the cell alone", "for g in d.values()",
     "for n, g in d.items() if n != 'W'"),
    ("gradient of the mean over rows only", "p /= np.float32(B * T)", "p /= np.float32(B)"),
    ("output bias does not learn", 'd["b_out"] += p.sum(axis=0)', "pass"),
    ("cell bias does not learn", 'd["b"] += dz.sum(axis=0)', "pass"),
    ("repeated inputs in W_x counted once", 'np.add.at(d["W_x"], ids[:, t], dz)',
     'd["W_x"][ids[:, t]] += dz'),
    ("no gradient through h", "dh = dz @ w[\"W_h\"].T", "dh = np.zeros_like(dh)"),
    ("no gradient through c", "dc = dc * f", "dc = np.zeros_like(dc)"),
    ("forget gate sees c after, not before", "dc * c_before * f", "dc * c_t * f"),
    ("first step forgets the carried h", 'd["W_h"] += h_before.T @ dz',
     'd["W_h"] += h_before.T @ dz * (t > 0)'),
    ("loss after the update", "losses.append(loss)",
     "losses.append(forward_backward(w, ids, zero, zero)[0])"),
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
    shown = {}
    for folder in folders:
        case = module["read_case"](folder)
        with np.errstate(all="ignore"):
            perplexities, norms, _ = module["train"](case)
        shown[case.name] = difference(perplexities, case.expected["perplexity"])
        if case.expected["grad_norm"]:
            norm_shown = difference(norms, case.expected["grad_norm"])
            shown[case.name] = max(shown[case.name], norm_shown)
    seen = [case for case, by in shown.items() if not by < TOLERANCE]
    most = max(shown.values())
    print(f"{name:42} {len(seen)} of {len(shown)} cases, by {most:.1e} at most", flush=True)
    return bool(seen)


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
