"""Updates: the share of the peak, phases, ranks, few rows, the rows of W_x, memory, the price of --rank-invariant.

What is compared is run in turn, and the best of the turns counts: whatever disturbs a run makes it slower."""

import concurrent.futures

import machine
from programs import Unavailable, words
from table import Row


def shape_text(figures):
    return (f"V {figures['vocabulary']}, H {figures['hidden_size']}, "
            f"B {figures['batch_size']}, T {figures['num_steps']}")


class Training:
    def __init__(self, programs, effort):
        self.programs = programs
        self.effort = effort

    def update(self, shape, ranks=1, extra=(), cpu=None):
        timing = ["--rounds", self.effort.rounds, "--seconds", self.effort.seconds]
        return self.programs.measure("benchmark_update", *words(shape), *timing, *extra, ranks=ranks, cpu=cpu)

    def halves_at_once(self, shape):
        """What two cores do together where neither waits for the other: a run on each, of half the rows."""
        half = shape | {"batch-size": max(1, shape["batch-size"] // 2)}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = pool.map(lambda cpu: self.update(half, cpu=cpu), machine.CPUS[:2])
            speed = sum(run["tokens_per_second"] for run in runs)
        return {"seconds": 1 / speed, "tokens_per_second": speed}

    def on_ranks(self, shape, ranks):
        """Figures for each number of ranks, and the table of them."""
        commands = [lambda n=n: self.update(shape, n) for n in ranks]
        if machine.cores() > 1 and {1, 2} <= set(ranks):
            commands.append(lambda: self.halves_at_once(shape))
        found = self.programs.best(self.effort.turns, commands)
        figures = dict(zip(ranks, found))
        one = figures[ranks[0]]
        goal = 0.75 if shape["vocabulary"] < 1000 else 0.85
        peak = f"{1e-9 * one['flops']:.0f} of {1e-9 * one['fma_peak']:.0f} GFLOP/s, {one['kernels']} kernels"
        rows = [Row("share of the FMA peak of one core", one["share_of_peak"],
                    f"{one['tokens_per_second']:,.0f} tokens/s, {peak}", at_least=goal)]
        for few, many, at_least in ((1, 2, 1.9), (2, 4, None), (2, 8, 0.85)):
            if few not in figures or many not in figures:
                continue
            if many == 2 and machine.cores() < 2:
                rows.append(Row("2 ranks / 1 rank", None, "there is one core"))
                continue
            speed = figures[many]["tokens_per_second"]
            at_least = at_least if machine.cores() == 2 else None
            rows.append(Row(f"{many} ranks / {few} rank{'s' if few > 1 else ''}",
                            speed / figures[few]["tokens_per_second"], f"{speed:,.0f} tokens/s", at_least=at_least))
            if many == 2:
                speed = found[-1]["tokens_per_second"]
                rows.append(Row("2 runs of half the rows at once / 1 rank", speed / one["tokens_per_second"],
                                f"{speed:,.0f} tokens/s, what these cores give together"))
        return list(figures.values()), rows

    def phases(self, figures):
        return [Row(name, 1e3 * seconds, f"ms, {100 * seconds / figures['seconds']:.1f} %")
                for name, seconds in figures["phases"].items()]

    def recurrent(self, batch):
        """An update whose seconds are those of the recurrent products alone, forward, back, and for their gradient."""
        found = self.update({"vocabulary": 66, "hidden-size": 256, "batch-size": batch, "num-steps": 35})
        phases = found["phases"]
        seconds = sum(phases[name] for name in ("forward steps", "backward steps", "gradient of W_h"))
        flops = 3 * 2 * 256 * 4 * 256 * batch * 35 / seconds
        return found | {"seconds": seconds, "flops": flops, "share_of_peak": flops / found["fma_peak"]}

    def few_rows(self):
        """As few rows as a rank has of a batch of 32 on 8 ranks, and all 32."""
        rows, figures = [], []
        for batch in (4, 32):
            found, = self.programs.best(self.effort.turns, [lambda: self.recurrent(batch)])
            figures.append(found)
            rows.append(Row(f"recurrent part at {batch} rows, share of the peak", found["share_of_peak"],
                            f"H 256: {1e3 * found['seconds']:.2f} ms, {1e-9 * found['flops']:.0f} GFLOP/s",
                            at_least=0.65 if batch == 4 else None))
        return figures, rows

    def touched_rows(self):
        rows, figures = [], []
        for ranks in (1, 2) if machine.cores() > 1 else (1,):
            small, large = self.programs.best(2 * self.effort.turns, [
                lambda v=v: self.programs.measure("benchmark_rows", "--vocabulary", v, ranks=ranks)
                for v in (4000, 100000)])
            figures += [small, large]
            rows.append(Row(f"V 100,000 / V 4,000, {ranks} rank{'s' if ranks > 1 else ''}",
                            large["seconds"] / small["seconds"],
                            f"{1e6 * large['seconds']:.0f} and {1e6 * small['seconds']:.0f} us for "
                            f"{small['rows_touched']} rows, from memory", at_most=1.2))
        return figures, rows

    def memory(self, figures):
        rows = []
        for run in figures:
            if "memory_measured" in run:
                rows.append(Row(f"measured / said by the header, {run['ranks']} rank{'s' if run['ranks'] > 1 else ''}",
                                run["memory_measured"] / run["memory_said"],
                                f"{1e-6 * run['memory_measured']:.0f} MB of all ranks together, {shape_text(run)}"))
        return rows or [Row("memory", None, "this system does not tell it")]

    def invariant(self, shape, ranks):
        plain, exact = self.programs.best(self.effort.turns, [
            lambda: self.update(shape, ranks), lambda: self.update(shape, ranks, ["--rank-invariant"])])
        return [plain, exact], [Row(f"time / time without, {ranks} rank{'s' if ranks > 1 else ''}",
                                    exact["seconds"] / plain["seconds"],
                                    f"{1e3 * exact['seconds']:.1f} and {1e3 * plain['seconds']:.1f} ms an update")]


def has_invariant(programs):
    if "rank-invariant" not in programs.run("benchmark_update", "--help"):
        raise Unavailable("this build has no --rank-invariant")
