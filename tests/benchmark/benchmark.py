#!/usr/bin/python3
"""Measures lstm_mpi on one machine: the share of what a core can do at most, ranks, files, and others doing the same
work. Prints a table, ratios first, and writes all figures to a JSON file. Figures of different runs of this program
should not be compared: machines change from hour to hour. What cannot be measured here says so."""

import argparse
import dataclasses
import datetime
import json
import pathlib
import sys
import time

import machine
import table
from measure_files import Files, check_folder
from measure_peers import Peers, check_pytorch
from measure_training import Training, has_invariant
from programs import Programs, Unavailable

SHAPES = ((3965, 256, 32, 35), (66, 256, 32, 35), (3965, 1024, 32, 35))
NAMES = ("vocabulary", "hidden-size", "batch-size", "num-steps")
SECTIONS = ("training", "few-rows", "touched-rows", "memory", "invariant", "checkpoints", "corpus", "pytorch", "onednn")


@dataclasses.dataclass
class Effort:
    turns: int  # of what is compared
    rounds: int  # of a turn; the best counts
    seconds: float  # of a round
    checkpoints: tuple  # megabytes, ranks, rounds
    corpus_megabytes: int


EFFORTS = {
    "quick": Effort(1, 3, 0.2, ((20, 1, 5), (20, 2, 5), (200, 2, 2)), 100),
    "normal": Effort(2, 4, 0.3, ((20, 1, 9), (20, 2, 9), (20, 8, 9), (2000, 1, 2), (2000, 2, 2)), 300),
    "full": Effort(4, 8, 0.5, ((20, 1, 21), (20, 2, 21), (20, 8, 21), (2000, 1, 3), (2000, 2, 3), (2000, 8, 3)), 1000),
}


class Benchmark:
    def __init__(self, options):
        self.options = options
        self.effort = EFFORTS[options.effort]
        self.programs = Programs(options.build, options.mpiexec)
        self.training = Training(self.programs, self.effort)
        self.files = Files(self.programs, self.effort, options.folder)
        self.peers = Peers(self.programs, self.effort)
        self.results = {"machine": machine.facts(), "effort": options.effort, "sections": []}
        self.updates = []  # of benchmark_update, for the sections that look at them again

    def wants(self, section):
        return not self.options.only or section in self.options.only

    def section(self, title, measure):
        """Prints what `measure` gives, figures and rows, or why there are none."""
        figures = None
        try:
            figures, rows = measure()
        except Unavailable as why:
            rows = [table.Row("not measured", None, str(why))]
        table.print_section(title, rows)
        self.results["sections"].append({"title": title, "rows": table.as_json(rows), "figures": figures})
        return figures

    def run(self):
        shapes = [dict(zip(NAMES, shape)) for shape in self.options.shapes]
        for shape in shapes:
            self.measure_shape(shape)
        if self.wants("few-rows"):
            self.section("Few rows", self.training.few_rows)
        if self.wants("onednn"):
            self.section("oneDNN's LSTM layer (Debian: libdnnl-dev), H 256, T 35",
                         lambda: self.peers.onednn(self.training))
        if self.wants("touched-rows"):
            self.section("Rows of W_x: exchange, norm, clip and update", self.training.touched_rows)
        if self.wants("memory") and self.updates:
            self.section("Memory of updates", lambda: (None, self.training.memory(self.updates)))
        if self.wants("invariant"):
            self.section("Price of --rank-invariant", lambda: self.measure_invariant(shapes[0]))
        if self.wants("checkpoints"):
            # First: a disk is still at work after gigabytes were written.
            self.section("Share of checkpoints and metrics", self.files.share_of_run)
            self.section(f"Checkpoints, in {self.options.folder}", self.files.checkpoints)
        if self.wants("corpus"):
            self.section("A corpus, read, counted, numbered and dealt out", self.files.corpus)

    def measure_shape(self, shape):
        name = "V {vocabulary}, H {hidden-size}, B {batch-size}, T {num-steps}".format(**shape)
        ranks = self.options.ranks
        if self.wants("training"):
            figures = self.section(f"Updates, {name}", lambda: self.training.on_ranks(shape, ranks))
            self.updates += figures or []
            if figures and figures[0]["ranks"] == 1:
                table.print_section("  where an update of one rank spends its time", self.training.phases(figures[0]))
        if self.wants("pytorch") and 1 in ranks:
            self.section(f"PyTorch, {name}", lambda: self.measure_pytorch(shape, 2 in ranks))

    def measure_pytorch(self, shape, on_two_ranks):
        check_pytorch(self.programs)
        return self.peers.pytorch(self.training, shape, on_two_ranks)

    def measure_invariant(self, shape):
        has_invariant(self.programs)
        figures, rows = [], []
        for ranks in (1, 2) if machine.cores() > 1 else (1,):
            more = self.training.invariant(shape, ranks)
            figures += more[0]
            rows += more[1]
        return figures, rows


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build", help="the folder of the build (%(default)s)")
    parser.add_argument("--mpiexec", default="mpirun")
    parser.add_argument("--output", help="where the JSON goes; default: benchmark.json in the build")
    effort = parser.add_mutually_exclusive_group()
    for name, text in (("quick", "about a minute, rough"), ("full", "long, for figures to keep")):
        effort.add_argument(f"--{name}", dest="effort", action="store_const", const=name, help=text)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="this section; may be given several times")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8], metavar="N", help="1 2 4 8")
    parser.add_argument("--folder", default=".", help="where checkpoints are written: on the disk to measure")
    parser.add_argument("--anyway", action="store_true", help="measure on a machine that is not idle")
    for name, default in zip(NAMES, SHAPES[0]):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"measure this one shape ({default} if not given)")
    options = parser.parse_args()
    options.effort = options.effort or "normal"
    options.output = options.output or str(pathlib.Path(options.build) / "benchmark.json")
    given = [getattr(options, name.replace("-", "_")) for name in NAMES]
    options.shapes = SHAPES
    if any(value is not None for value in given):
        options.shapes = (tuple(value if value is not None else default for value, default in zip(given, SHAPES[0])),)
    return options


def main():
    options = arguments()
    if not machine.is_idle() and not options.anyway:
        sys.exit(f"This machine is not idle: its load is {machine.facts()['load']:.1f}. Figures taken now would mean "
                 "nothing. Wait a minute, or say --anyway.")
    benchmark = Benchmark(options)
    facts = benchmark.results["machine"]
    print(f"{facts['cpu']}, {facts['cores']} cores, {facts['memory']}, Linux {facts['kernel']}, "
          f"load {facts['load']:.1f}")
    print("What is compared was run in turn; of updates the best counts, of files the median.")
    print(f"  {'':<50} {'':>8}  {'good':<8} {'it is':<6}")
    started = time.monotonic()
    try:
        check_folder(options.folder)
        benchmark.run()
    except Unavailable as why:
        sys.exit(f"benchmark.py: {why}")
    benchmark.results["finished"] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    pathlib.Path(options.output).write_text(json.dumps(benchmark.results, indent=1) + "\n", encoding="utf-8")
    print(f"\n{time.monotonic() - started:.0f} s; all figures: {options.output}")


if __name__ == "__main__":
    main()
