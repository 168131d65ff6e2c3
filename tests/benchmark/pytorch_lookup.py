#!/usr/bin/python3
"""The same network in PyTorch, in its fastest form on a CPU: rows of W_x by index with a sparse gradient, the gates
of a step in one product, the logits of all steps in one. Prints tokens per second of one thread."""

import argparse
import math
import time

import torch


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("vocabulary", 3965), ("hidden-size", 256), ("batch-size", 32), ("num-steps", 35)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    V, H, B, T = options.vocabulary, options.hidden_size, options.batch_size, options.num_steps
    torch.set_num_threads(1)
    torch.manual_seed(1)

    W_x = (0.01 * torch.randn(V, 4 * H)).requires_grad_()
    W_h = (0.01 * torch.randn(H, 4 * H)).requires_grad_()
    W = (0.01 * torch.randn(H, V)).requires_grad_()
    b = torch.zeros(4 * H, requires_grad=True)
    b_output = torch.zeros(V, requires_grad=True)
    parameters = [W_x, W_h, W, b, b_output]
    tokens = (torch.exp(torch.rand(9, T, B) * math.log(V)) - 1).long().clamp(max=V - 1)  # Zipf

    def update(number, state):
        h, c = (part.detach() for part in state)
        rows = torch.nn.functional.embedding(tokens[number % 8], W_x, sparse=True).unbind(0)
        hs = []
        for t in range(T):
            gates = torch.addmm(rows[t] + b, h, W_h)
            i, f, o = torch.sigmoid(gates[:, : 3 * H]).chunk(3, 1)
            c = f * c + i * torch.tanh(gates[:, 3 * H :])
            h = o * torch.tanh(c)
            hs.append(h)
        logits = torch.addmm(b_output, torch.cat(hs), W)
        loss = torch.nn.functional.cross_entropy(logits, tokens[number % 8 + 1].reshape(-1))
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        with torch.no_grad():
            sparse = W_x.grad.coalesce()
            gradients = [sparse.values()] + [parameter.grad for parameter in parameters[1:]]
            norm = math.sqrt(sum(float((gradient * gradient).sum()) for gradient in gradients))
            rate = -0.1 * (1 / norm if norm > 1 else 1)
            W_x.index_add_(0, sparse.indices()[0], gradients[0], alpha=rate)
            for parameter, gradient in zip(parameters[1:], gradients[1:]):
                parameter.add_(gradient, alpha=rate)
        return h, c

    state = torch.zeros(B, H), torch.zeros(B, H)
    best = math.inf
    for _ in range(options.rounds + 1):
        count = 0
        start = time.perf_counter()
        while time.perf_counter() - start < options.seconds:
            state = update(count, state)
            count += 1
        best = min(best, (time.perf_counter() - start) / count)
    print(B * T / best)


if __name__ == "__main__":
    main()
