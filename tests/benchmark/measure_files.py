"""Checkpoints beside what the disk takes from a plain file, their share of a run, and how fast a corpus is read."""

import json
import pathlib
import shutil
import tempfile

import machine
from programs import Unavailable
from table import Row

STORY = pathlib.Path(__file__).parents[2] / "datasets/story.txt"


class Files:
    def __init__(self, programs, effort, folder):
        self.programs = programs
        self.effort = effort
        self.folder = folder

    def checkpoints(self):
        rows, figures = [], []
        for megabytes, ranks, rounds in self.effort.checkpoints:
            needed = 2.5e6 * megabytes
            if shutil.disk_usage(self.folder).free < needed:
                rows.append(Row(f"{megabytes} MB", None, f"{self.folder} has not {needed / 1e6:,.0f} MB free"))
                continue
            run = self.programs.measure("benchmark_checkpoint", "--megabytes", megabytes, "--rounds", rounds,
                                        "--folder", self.folder, ranks=ranks)
            figures.append(run)
            rows.append(Row(f"{megabytes} MB, {ranks} rank{'s' if ranks > 1 else ''}, share of a plain file's speed",
                            run["share_of_plain"],
                            f"{1e-6 * run['write_bytes_per_second']:,.0f} of "
                            f"{1e-6 * run['plain_bytes_per_second']:,.0f} MB/s; read back at "
                            f"{1e-6 * run['read_bytes_per_second']:,.0f} MB/s; "
                            f"{1e-6 * run['extra_bytes_of_a_rank']:.0f} MB more memory", at_least=0.5))
        return figures, rows

    def share_of_run(self):
        """What the default run spends outside of its epochs, through one checkpoint and ten metrics files."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            ranks = min(2, machine.cores())
            run = str(pathlib.Path(folder) / "run")
            self.programs.run("lstm_mpi", "--run-dir", run, "--epochs", "105", "--start-offset", "0",
                              "--predict-length", "0", "--quiet", ranks=ranks)
            facts = json.loads(self.programs.run("lstm_mpi", "inspect", run, "--format", "json"))
        metrics = facts["metrics"]
        tokens = facts["progress"]["tokens_seen"] / len(metrics["epoch"])
        whole = metrics["seconds"][-1] - metrics["seconds"][0]
        training = sum(tokens / speed for speed in metrics["tokens_per_second"][1:])
        return {"seconds": whole, "seconds_of_files": whole - training}, [
            Row("of the default run, in percent", 100 * (whole - training) / whole,
                f"{1e3 * (whole - training):.0f} ms of {whole:.1f} s for a checkpoint and 10 metrics files",
                at_most=1)]

    def corpus(self):
        rows, figures = [], []
        for ranks in (1, 2) if machine.cores() > 1 else (1,):
            run = self.programs.measure("benchmark_corpus", "--megabytes", self.effort.corpus_megabytes, STORY,
                                        ranks=ranks)
            figures.append(run)
            rows.append(Row(f"MB/s a core, {ranks} rank{'s' if ranks > 1 else ''}",
                            run["megabytes_per_second_and_rank"],
                            f"{1e-6 * run['bytes']:,.0f} MB; {1e-6 * run['rank_peak_bytes']:,.0f} MB at most a rank",
                            at_least=200))
        return figures, rows


def check_folder(folder):
    if not pathlib.Path(folder).is_dir():
        raise Unavailable(f"there is no folder {folder}")
