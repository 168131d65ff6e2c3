"""The same work done by others: PyTorch on one core and on two, oneDNN's LSTM layer."""

import functools

import machine
from programs import Unavailable, words
from table import Row


class Peers:
    def __init__(self, programs, effort):
        self.programs = programs
        self.effort = effort

    @functools.cached_property
    def for_fastest_openblas(self):
        """The variables with which OpenBLAS multiplies fastest: on a CPU newer than itself it may take old kernels."""
        choices = [{}, {"OPENBLAS_CORETYPE": "SkylakeX"}, {"OPENBLAS_CORETYPE": "Haswell"}]
        flops = []
        for variables in choices:
            try:
                product = self.programs.measure_script("pytorch_forms.py", "--product", variables=variables)
                flops.append(product["flops"])
            except Unavailable:  # this CPU does not run them
                flops.append(0)
        return choices[flops.index(max(flops))]

    def measure_form(self, *arguments, ranks=1):
        return self.programs.measure_script("pytorch_forms.py", *arguments, variables=self.for_fastest_openblas,
                                            ranks=ranks)

    def pytorch(self, training, shape, on_two_ranks):
        """The forms of PyTorch and one rank, DistributedDataParallel and two."""
        timing = ["--rounds", self.effort.rounds, "--seconds", self.effort.seconds]
        forms = ["lookup", "module"] if shape["hidden-size"] <= 512 else ["lookup"]
        one, *figures = self.programs.best(self.effort.turns, [lambda: training.update(shape)] + [
            lambda form=form: self.measure_form("--form", form, *words(shape), *timing) for form in forms])
        fastest = max(figures, key=lambda form: form["tokens_per_second"])
        goal = {66: 2.1}.get(shape["vocabulary"], 1.7 if shape["hidden-size"] >= 1024 else 1.5)
        rows = [Row("one rank / PyTorch's fastest form, one thread",
                    one["tokens_per_second"] / fastest["tokens_per_second"],
                    f"{one['tokens_per_second']:,.0f} tokens/s; "
                    + ", ".join(f"{form['form']} {form['tokens_per_second']:,.0f}" for form in figures)
                    + f"; {fastest['blas']}", at_least=goal)]
        figures.append(one)
        if on_two_ranks and machine.cores() > 1:
            two, both = self.programs.best(self.effort.turns, [
                lambda: training.update(shape, 2),
                lambda: self.measure_form("--form", "lookup", *words(shape), *timing, ranks=2)])
            figures += [two, both]
            rows.append(Row("2 ranks / PyTorch DDP, 2 ranks", two["tokens_per_second"] / both["tokens_per_second"],
                            f"{two['tokens_per_second']:,.0f} tokens/s; lookup, gloo: {both['tokens_per_second']:,.0f}",
                            at_least=2.7))
        return figures, rows

    def onednn(self, training):
        """The speed of the products of the time steps, which in its layer are those by the input too."""
        rows, figures = [], []
        self.programs.path("benchmark_onednn")
        for batch in (4, 32):
            ours, theirs = self.programs.best(self.effort.turns, [
                lambda: training.recurrent(batch),
                lambda: self.programs.measure("benchmark_onednn", "--batch-size", batch, "--rounds",
                                              self.effort.rounds)])
            figures += [ours, theirs]
            rows.append(Row(f"recurrent part at {batch} rows, our speed / oneDNN's", ours["flops"] / theirs["flops"],
                            f"{1e-9 * ours['flops']:.0f} and {1e-9 * theirs['flops']:.0f} GFLOP/s, "
                            f"oneDNN {theirs['version']}", at_least=1))
        return figures, rows


def check_pytorch(programs):
    try:
        return programs.measure_script("pytorch_forms.py", "--version")
    except Unavailable as why:
        raise Unavailable(f"PyTorch (Debian: python3-torch) is not to be had: {why}") from why
