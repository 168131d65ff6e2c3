#!/usr/bin/python3
"""Runs benchmark_update at several settings and numbers of ranks, and PyTorch beside it where that is installed.
Prints a table and writes all figures to a JSON file. Figures, no verdicts: run it on an idle machine, and compare
what stands in one table."""

import argparse
import json
import os
import pathlib
import subprocess
import sys

SETTINGS = (
    {"vocabulary": 3965, "hidden-size": 256},
    {"vocabulary": 66, "hidden-size": 256},
    {"vocabulary": 3965, "hidden-size": 1024},
)
RANKS = (1, 2, 4, 8)


def environment():
    variables = dict(os.environ)
    variables.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    variables.update(OMPI_MCA_rmaps_base_oversubscribe="1", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    variables.pop("BLIS_ARCH_TYPE", None)
    # A machine may name an older CPU for OpenBLAS: that would be a crippled peer.
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        variables.pop(name, None)
    return variables


def arguments(settings):
    return [word for name, value in settings.items() for word in (f"--{name}", str(value))]


def measure(program, mpiexec, settings, ranks, timing):
    command = [program, "--json", *arguments(settings), *timing]
    if ranks > 1:
        command = [mpiexec, "-np", str(ranks), *command]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout
    return json.loads(output)


def measure_pytorch(settings, timing):
    """Tokens per second of one thread; None where there is no PyTorch."""
    script = pathlib.Path(__file__).with_name("pytorch_lookup.py")
    command = [sys.executable, str(script), *arguments(settings), *timing]
    result = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    return float(result.stdout) if result.returncode == 0 else None


def print_phases(figures):
    for name, seconds in figures["phases"].items():
        print(f"    {1e3 * seconds:8.2f} ms  {100 * seconds / figures['seconds']:5.1f} %  {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help="the built benchmark_update")
    parser.add_argument("--mpiexec", default="mpirun")
    parser.add_argument("--output", default="benchmark.json", help="where the JSON goes")
    parser.add_argument("--rounds", type=int, default=10, help="the best of them counts")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a round")
    options = parser.parse_args()
    timing = ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
    everything = []
    for settings in SETTINGS:
        pytorch = measure_pytorch(settings, timing)
        print(f"\nvocabulary {settings['vocabulary']}, hidden size {settings['hidden-size']}, 32 rows of 35 steps")
        print("ranks   tokens/s   of one core's FMA peak   times one rank" + ("   times PyTorch" if pytorch else ""))
        alone = None
        for ranks in RANKS:
            figures = measure(options.program, options.mpiexec, settings, ranks, timing)
            figures["pytorch_tokens_per_second"] = pytorch
            everything.append(figures)
            alone = alone or figures
            speed = figures["tokens_per_second"]
            line = f"{ranks:5}   {speed:8.0f}   {figures['share_of_peak']:22.3f}"
            line += f"   {speed / alone['tokens_per_second']:14.2f}"
            print(line + (f"   {speed / pytorch:13.2f}" if pytorch else ""), flush=True)
        if pytorch:
            print(f"PyTorch, one thread: {pytorch:.0f} tokens/s")
        print(f"  one rank, {alone['kernels']} kernels, {alone['vector_level']} loops, "
              f"peak {1e-9 * alone['fma_peak']:.0f} GFLOP/s:")
        print_phases(alone)
    pathlib.Path(options.output).write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    print(f"\nall figures: {options.output}")


if __name__ == "__main__":
    main()
