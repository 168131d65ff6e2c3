#!/usr/bin/python3
"""Times updates over several nodes, one rank on each, and adds the figures to a JSON file for exchange_model.py.

    benchmark_hosts.py --rate 1e9 --output measured.json -- mpirun --hostfile hosts --map-by node

What follows -- starts the ranks: the number of them and the program are put behind it. Figures, no verdicts: the
nodes and the network between them should have nothing else to do."""

import argparse
import json
import pathlib
import subprocess

EXCHANGE = "exchange between ranks"
BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"


def measure(options, nodes, batch_size):
    command = [*options.launcher, "-np", str(nodes), options.program, "--json", "--batch-size", str(batch_size)]
    command += ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    figures = json.loads(next(line for line in output.splitlines() if line.startswith("{")))
    exchange = figures["phases"][EXCHANGE]
    point = {name: figures[name] for name in ("vocabulary", "hidden_size", "batch_size", "num_steps", "rows_touched")}
    point.update(nodes=nodes, rate=options.rate, cores=options.cores or nodes, ranks_on_cores=nodes)
    point.update(compute=figures["seconds"] - exchange, exchange=exchange)
    return point


def load(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(BUILD / "tests/benchmark/benchmark_update"))
    parser.add_argument("--rate", type=float, required=True, help="of a node's network, in bits per second")
    parser.add_argument("--cores", type=int, help="that all ranks share, where the nodes have none of their own")
    parser.add_argument("--nodes", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 256, 512])
    parser.add_argument("--rounds", type=int, default=3, help="the best of them counts")
    parser.add_argument("--seconds", type=float, default=2, help="of a round")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("hosts.json"))
    parser.add_argument("launcher", nargs="+", help="mpirun and its options")
    options = parser.parse_args()
    points = load(options.output)
    for nodes in options.nodes:
        for batch_size in options.batch_sizes:
            point = measure(options, nodes, batch_size)
            points.append(point)
            whole = point["compute"] + point["exchange"]
            print(
                f"{nodes} nodes, {options.rate / 1e6:.0f} Mbit/s, {batch_size} rows: {1e3 * whole:.1f} ms an update, "
                f"{100 * point['exchange'] / whole:.0f} % of it exchange",
                flush=True,
            )
            options.output.write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
