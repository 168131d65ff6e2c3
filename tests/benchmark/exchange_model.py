#!/usr/bin/python3
"""What an update will cost on more nodes than there are, from measurements of benchmark_hosts.py.

    exchange_model.py MEASURED.json [--rate BITS_PER_SECOND]

One update of B rows and T steps on n nodes, N = B·T / n tokens each:

    compute  = base + token · N · crowding
    exchange = constant · log2 n + message · messages + efficiency · bytes / rate

- crowding: ranks that share a core take turns; 1 where each has its own.
- bytes: what a node sends: of each part of the gradients (n-1)/n to their owners, where the rows of W_x that it did
  not touch are left out, and (n-1)/n of the sums back. How many rows are touched is what is to be expected of tokens as
  unevenly frequent as those of benchmark_update.
- messages: 2·(n-1) for each block of the exchange (src/dist/lane.h); log2 n is for the small sums of all ranks.

The five constants are fitted by least squares of the relative errors, none below zero. What the model leaves out:
networks whose switches are slower than all their ports together, nodes of unequal speed, and how much of the exchange
goes on beside the computation, beyond what the measurements saw."""

import argparse
import json
import math

import numpy as np

SHARE_FLOATS = 1 << 14  # of src/dist/lane.c
FLOAT_BYTES = 4
PREDICTED_NODES = (1, 4, 16, 64, 256, 1024)


def touched_rows(tokens, vocabulary):
    """The expected number of different ones among so many tokens."""
    ranks = np.arange(vocabulary - 1)
    chances = np.log((ranks + 2) / (ranks + 1)) / math.log(vocabulary)
    return float(np.sum(-np.expm1(tokens * np.log1p(-np.minimum(chances, 1 - 1e-12)))))


def sent_bytes(nodes, tokens, vocabulary, hidden):
    """What one node sends in an update of so many tokens over all nodes."""
    row = 4 * hidden
    dense = hidden * row + row + hidden * vocabulary + vocabulary
    own_rows = touched_rows(tokens / nodes, vocabulary) * row
    all_rows = touched_rows(tokens, vocabulary) * row
    return FLOAT_BYTES * (nodes - 1) / nodes * (2 * dense + own_rows + all_rows)


def message_count(nodes, tokens, vocabulary, hidden):
    row = 4 * hidden
    floats = hidden * row + row + hidden * vocabulary + vocabulary + touched_rows(tokens, vocabulary) * row
    return 2 * (nodes - 1) * math.ceil(floats / (nodes * SHARE_FLOATS))


def fit(rows, measured):
    """Factors, none below zero, such that rows @ factors is close to `measured` relative to it."""
    scaled = np.asarray(rows, float) / np.asarray(measured, float)[:, None]
    kept = list(range(scaled.shape[1]))
    while True:
        solution = np.linalg.lstsq(scaled[:, kept], np.ones(len(scaled)), rcond=None)[0]
        if np.all(solution >= 0) or len(kept) == 1:
            break
        del kept[int(np.argmin(solution))]
    factors = np.zeros(scaled.shape[1])
    factors[kept] = np.maximum(solution, 0)
    return factors


def compute_terms(point):
    crowding = max(1.0, point["ranks_on_cores"] / point["cores"])
    return 1.0, point["batch_size"] * point["num_steps"] / point["nodes"] * crowding


def exchange_terms(point):
    shape = (point["nodes"], point["batch_size"] * point["num_steps"], point["vocabulary"], point["hidden_size"])
    return math.log2(point["nodes"]), message_count(*shape), 8 * sent_bytes(*shape) / point["rate"]


class Model:
    def __init__(self, points):
        several = [point for point in points if point["nodes"] > 1]
        if not several:
            raise ValueError("no measurement on more than one node")
        self.compute = fit([compute_terms(point) for point in points], [point["compute"] for point in points])
        self.exchange = fit([exchange_terms(point) for point in several], [point["exchange"] for point in several])

    def predict(self, point):
        """Seconds of an update: (compute, exchange)."""
        compute = float(np.dot(compute_terms(point), self.compute))
        exchange = float(np.dot(exchange_terms(point), self.exchange)) if point["nodes"] > 1 else 0.0
        return compute, exchange


def print_fit(model, points):
    base, token = model.compute
    constant, message, efficiency = model.exchange
    print(f"compute:  {1e3 * base:.2f} ms + {1e6 * token:.2f} us a token")
    print(f"exchange: {1e3 * constant:.2f} ms · log2 n + {1e6 * message:.1f} us a message + {efficiency:.2f} · bytes / rate\n")
    print("nodes  rate Mbit/s     B   measured ms   predicted ms   error   exchange measured, predicted, least by bytes")
    for point in points:
        compute, exchange = model.predict(point)
        measured = point["compute"] + point["exchange"]
        least = exchange_terms(point)[2] if point["nodes"] > 1 else 0.0
        print(
            f"{point['nodes']:5}  {point['rate'] / 1e6:11.0f}  {point['batch_size']:4}   {1e3 * measured:11.1f}"
            f"   {1e3 * (compute + exchange):12.1f}   {100 * ((compute + exchange) / measured - 1):+4.0f} %"
            f"   {1e3 * point['exchange']:17.1f} {1e3 * exchange:10.1f} {1e3 * least:10.1f}"
        )


def print_predictions(model, shape, rate, rows_of_node, rows_of_all):
    weak = [dict(shape, nodes=nodes, batch_size=rows_of_node * nodes) for nodes in PREDICTED_NODES]
    strong = [dict(shape, nodes=nodes, batch_size=rows_of_all) for nodes in PREDICTED_NODES]
    for title, points in ((f"{rows_of_node} rows a node", weak), (f"{rows_of_all} rows over all nodes", strong)):
        print(f"\n{title}, {rate / 1e6:.0f} Mbit/s, each rank its own core:")
        print("nodes   update ms   exchange   tokens/s   times one node")
        alone = None
        for point in points:
            compute, exchange = model.predict(dict(point, rate=rate, cores=1, ranks_on_cores=1))
            speed = point["batch_size"] * point["num_steps"] / (compute + exchange)
            alone = alone or speed
            share = exchange / (compute + exchange)
            print(
                f"{point['nodes']:5}   {1e3 * (compute + exchange):9.1f}   {100 * share:6.0f} %   {speed:8.0f}"
                f"   {speed / alone:14.1f}"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", help="the JSON file of benchmark_hosts.py")
    parser.add_argument("--rate", type=float, action="append", help="bits per second to predict for (repeatable)")
    parser.add_argument("--rows-of-node", type=int, default=256, help="for the table of batches that grow")
    parser.add_argument("--rows-of-all", type=int, default=16384, help="for the table of one batch")
    options = parser.parse_args()
    with open(options.measured, encoding="utf-8") as file:
        points = json.load(file)
    model = Model(points)
    print_fit(model, points)
    shape = {name: points[0][name] for name in ("vocabulary", "hidden_size", "num_steps")}
    for rate in options.rate or (1e9, 1e10):
        print_predictions(model, shape, rate, options.rows_of_node, options.rows_of_all)


if __name__ == "__main__":
    main()
