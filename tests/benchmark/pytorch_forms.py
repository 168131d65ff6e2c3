#!/usr/bin/python3
"""The same network in PyTorch, in the forms that people write: `lookup`, the fastest on a CPU (rows of W_x by index
with a sparse gradient, the gates of a step in one product, the logits of all steps in one), and `module` (one-hot rows
into nn.LSTM and nn.Linear). One thread a rank; with --ranks, DistributedDataParallel over gloo, where the batch is
shared out. Prints one JSON object."""

import argparse
import ctypes
import json
import math
import os
import time

import torch
import torch.distributed
import torch.multiprocessing
from torch.nn import functional


class Lookup(torch.nn.Module):
    def __init__(self, V, H, sparse):
        super().__init__()
        self.sparse = sparse
        self.W_x = torch.nn.Parameter(0.01 * torch.randn(V, 4 * H))
        self.W_h = torch.nn.Parameter(0.01 * torch.randn(H, 4 * H))
        self.W = torch.nn.Parameter(0.01 * torch.randn(H, V))
        self.b = torch.nn.Parameter(torch.zeros(4 * H))
        self.b_output = torch.nn.Parameter(torch.zeros(V))

    def forward(self, inputs, state):
        h, c = state
        H = h.shape[1]
        hs = []
        for row in functional.embedding(inputs, self.W_x, sparse=self.sparse).unbind(0):
            gates = torch.addmm(row + self.b, h, self.W_h)
            i, f, o = torch.sigmoid(gates[:, : 3 * H]).chunk(3, 1)
            c = f * c + i * torch.tanh(gates[:, 3 * H :])
            h = o * torch.tanh(c)
            hs.append(h)
        return torch.addmm(self.b_output, torch.cat(hs), self.W), (h, c)


class Module(torch.nn.Module):
    def __init__(self, V, H):
        super().__init__()
        self.V = V
        self.rnn = torch.nn.LSTM(V, H)
        self.linear = torch.nn.Linear(H, V)

    def forward(self, inputs, state):
        one_hot = functional.one_hot(inputs, self.V).float()
        h, c = (part.unsqueeze(0) for part in state)
        hs, (h, c) = self.rnn(one_hot, (h, c))
        return self.linear(hs.flatten(0, 1)), (h[0], c[0])


def new_weights(parameters, limit=1.0, rate=0.1):
    """Clipped by the norm of all gradients; a sparse one moves its own rows alone."""
    with torch.no_grad():
        gradients = [parameter.grad.coalesce() if parameter.grad.is_sparse else parameter.grad for parameter in parameters]
        values = [gradient.values() if gradient.is_sparse else gradient for gradient in gradients]
        norm = math.sqrt(sum(float((value * value).sum()) for value in values))
        step = -rate * min(1.0, limit / norm)
        for parameter, gradient, value in zip(parameters, gradients, values):
            if gradient.is_sparse:
                parameter.index_add_(0, gradient.indices()[0], value, alpha=step)
            else:
                parameter.add_(gradient, alpha=step)


def measure(options, rank):
    V, H, T = options.vocabulary, options.hidden_size, options.num_steps
    B = options.batch_size // options.ranks
    torch.set_num_threads(1)
    torch.manual_seed(1 + rank)
    model = Module(V, H) if options.form == "module" else Lookup(V, H, sparse=options.ranks == 1)
    if options.ranks > 1:
        model = torch.nn.parallel.DistributedDataParallel(model)
    parameters = list(model.parameters())
    tokens = (torch.exp(torch.rand(9, T, B) * math.log(V)) - 1).long().clamp(max=V - 1)  # Zipf

    def update(number, state):
        for parameter in parameters:
            parameter.grad = None
        logits, state = model(tokens[number % 8], tuple(part.detach() for part in state))
        functional.cross_entropy(logits, tokens[number % 8 + 1].reshape(-1)).backward()
        new_weights(parameters)
        return state

    state = torch.zeros(B, H), torch.zeros(B, H)
    start = time.perf_counter()
    state = update(0, state)
    state = update(0, state)
    count = max(2, math.ceil(2 * options.seconds / (time.perf_counter() - start)))
    if options.ranks > 1:  # all make as many updates
        agreed = torch.tensor(count)
        torch.distributed.broadcast(agreed, 0)
        count = int(agreed)
    best = math.inf
    for _ in range(options.rounds):
        start = time.perf_counter()
        for number in range(count):
            state = update(number, state)
        best = min(best, (time.perf_counter() - start) / count)
    return best


def run_rank(rank, options, results):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port))
    torch.distributed.init_process_group("gloo", rank=rank, world_size=options.ranks)
    seconds = measure(options, rank)
    if rank == 0:
        results.put(seconds)
    torch.distributed.destroy_process_group()


def free_port():
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def product_flops(options):
    """The speed of the logits' product alone."""
    torch.set_num_threads(1)
    rows, H, V = options.batch_size * options.num_steps, options.hidden_size, options.vocabulary
    hs, W = torch.rand(rows, H), torch.rand(H, V)
    best = math.inf
    for _ in range(options.rounds):
        start = time.perf_counter()
        torch.mm(hs, W)
        best = min(best, time.perf_counter() - start)
    return 2 * rows * H * V / best


def blas():
    """Which library multiplies matrices, and for which CPU it does it."""
    try:
        library = ctypes.CDLL("libblas.so.3")
        library.openblas_get_corename.restype = ctypes.c_char_p
        return f"OpenBLAS for {library.openblas_get_corename().decode()}"
    except (OSError, AttributeError):
        return next((line.strip(" -") for line in torch.__config__.show().splitlines() if "BLAS" in line), "unknown BLAS")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("vocabulary", 3965), ("hidden-size", 256), ("batch-size", 32), ("num-steps", 35)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--form", choices=("lookup", "module"), default="lookup")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a round")
    parser.add_argument("--rounds", type=int, default=10, help="the best of them counts")
    parser.add_argument("--version", action="store_true", help="say what PyTorch this is, and no more")
    parser.add_argument("--product", action="store_true", help="only the product of the logits")
    options = parser.parse_args()
    facts = {"pytorch": torch.__version__, "blas": blas()}
    if options.version:
        print(json.dumps(facts))
        return
    if options.product:
        print(json.dumps(facts | {"flops": product_flops(options)}))
        return
    if options.ranks > 1:
        options.port = free_port()
        context = torch.multiprocessing.get_context("spawn")
        results = context.SimpleQueue()
        torch.multiprocessing.spawn(run_rank, (options, results), nprocs=options.ranks)
        seconds = results.get()
    else:
        seconds = measure(options, 0)
    tokens = options.batch_size // options.ranks * options.ranks * options.num_steps
    print(json.dumps(facts | {"form": options.form, "ranks": options.ranks, "seconds": seconds,
                              "tokens_per_second": tokens / seconds}))


if __name__ == "__main__":
    main()
