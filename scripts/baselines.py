#!/usr/bin/python3
"""Trains a text under several settings and prints what comes out as a table in Markdown.

    scripts/baselines.py                                       # the text of datasets, the settings below
    scripts/baselines.py --corpus novel.txt --setting 'words=--token word --cell gru'
    scripts/baselines.py --update README.md                    # into a page, between its two marks

The last part of the text, from the beginning of a line on, is held out. A setting trains on the rest until the
perplexity of that part has not become better for ten epochs, and is measured with the weights that were best by
it. All is done on as many ranks as there are cores, and decided by counts of updates, never by the clock: the same
command gives the same perplexities again. The speed is that of the machine, which should have nothing else to do.

Figures that are there from an earlier call stay, as long as text, options and ranks are the same; so a long table
can be measured piece by piece, with --only.
"""

import argparse
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent

ADAM = "--optimizer adam --init uniform --embedding-size 128 --dropout 0.5"
SETTINGS = {
    "lstm": "",
    "lstm-sgd": "--init uniform --embedding-size 128 --lr 4",
    "lstm-adam": f"{ADAM} --lr 0.002",
    "lstm-2-layers": f"{ADAM} --lr 0.002 --num-layers 2",
    "gru-adam": f"--cell gru {ADAM} --lr 0.002",
    "rnn-adam": f"--cell rnn {ADAM} --lr 0.001",
    "gru-bytes": f"--token byte --cell gru {ADAM} --lr 0.002",
}
FOR_ALL = "--epochs 200 --log-every 1 --patience 10"

OURS = {"corpus", "max-tokens", "valid-fraction", "run-dir", "resume", "overwrite", "predict-length", "quiet",
        "progress", "config", "bidirectional"}
OF_TOKENS = {"token", "lowercase", "drop-newlines"}  # the options that say what a token is
MARKS = re.compile(r"(<!-- baselines -->\n)(.*?)(<!-- end of baselines -->)", re.DOTALL)


class Failure(Exception):
    """What is told to the user in a line."""


# ---------------------------------------------------------------------------------------------------- the program


class Program:
    def __init__(self, path, ranks):
        self.path = path
        self.ranks = ranks
        if not os.access(path, os.X_OK) or os.path.isdir(path):
            raise Failure(f"{path} is no program (cmake -B build && cmake --build build makes it)")

    def run(self, *arguments, ranks=1):
        """What it prints. Its own words, where it fails."""
        command = [self.path, *map(str, arguments)]
        if ranks > 1:
            command = ["mpirun", "-np", str(ranks), *command]
        variables = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                     "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_orte_execute_quiet": "1"}
        try:
            done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False,
                                  env=os.environ | variables)
        except OSError as error:
            raise Failure(f"{command[0]}: {error.strerror}") from error
        if done.returncode != 0:
            told = done.stderr.decode(errors="replace").strip().splitlines()
            errors = [line for line in told if line.startswith("lstm_mpi: error: ")]
            last = (errors or told or [f"{command[0]} ended with status {done.returncode}"])[-1]
            raise Failure(last.removeprefix("lstm_mpi: error: "))
        return done.stdout.decode(errors="replace")

    def inspect(self, path, *arguments):
        return json.loads(self.run("inspect", path, "--format", "json", *arguments))


# ------------------------------------------------------------------------------------------------------- the text


@dataclasses.dataclass
class Text:
    """Two files of a folder: what is trained on, and what is held out."""

    names: str
    training: pathlib.Path
    held_out: pathlib.Path
    digest: str

    def files(self):
        return ["--corpus", self.training, "--corpus", self.held_out]


def read(paths):
    try:
        return b"".join(pathlib.Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf") for path in paths)
    except OSError as error:
        raise Failure(f"cannot read {error.filename}: {error.strerror}") from error


def split(text, fraction):
    """Where the held-out part begins: at the line, or without lines at the character, next to its share."""
    wanted = round(len(text) * (1 - fraction))
    before, after = text.rfind(b"\n", 0, wanted) + 1, text.find(b"\n", wanted) + 1
    lines = [place for place in (before, after) if 0 < place < len(text)]
    nearest = min(lines, key=lambda place: abs(place - wanted), default=0)
    if nearest and abs(nearest - wanted) <= len(text) * fraction / 2:
        return nearest
    while wanted < len(text) and text[wanted] & 0xC0 == 0x80:  # within a character of UTF-8
        wanted += 1
    return wanted


def prepare_text(paths, fraction, folder):
    text = read(paths)
    place = split(text, fraction)
    if not 0 < place < len(text):
        raise Failure(f"{', '.join(paths)}: {len(text)} bytes are too few to hold out {fraction:g} of them")
    result = Text(", ".join(os.path.relpath(path, SOURCE) if pathlib.Path(path).resolve().is_relative_to(SOURCE)
                            else path for path in paths),
                  folder / "training.txt", folder / "held-out.txt",
                  hashlib.sha256(b"%d " % place + text).hexdigest())
    for path, part in (result.training, text[:place]), (result.held_out, text[place:]):
        path.write_bytes(part)
    return result


# --------------------------------------------------------------------------------------------------- the settings


def option_names(options):
    return [word.removeprefix("--").removeprefix("no-").partition("=")[0] for word in options if word.startswith("--")]


def parse_setting(text):
    name, equals, options = text.partition("=")
    if not equals or not re.fullmatch(r"[\w.+-]*\w[\w.+-]*", name):
        raise Failure(f"--setting '{text}' is not NAME=OPTIONS, with a name of letters, digits, and . + - _")
    try:
        words = shlex.split(options)
    except ValueError as error:
        raise Failure(f"--setting {name}: {error}") from error
    for option in option_names(words):
        if option in OURS:
            raise Failure(f"--setting {name}: --{option} is not for a setting to say")
    return name, words


def parse_settings(texts, only):
    settings = {}
    for name, words in map(parse_setting, texts):
        if name in settings:
            raise Failure(f"--setting {name} is there twice")
        settings[name] = words
    for name in only:
        if name not in settings:
            raise Failure(f"--only {name}: there is no such setting, but {', '.join(settings)}")
    return {name: words for name, words in settings.items() if not only or name in only}


def of_tokens(options):
    """Those of the options that say what a token is, with their values."""
    chosen = []
    for word, following in zip(options, options[1:] + ["--"]):
        if set(option_names([word])) & OF_TOKENS:
            chosen += [word] if "=" in word or following.startswith("-") else [word, following]
    return tuple(chosen)


# --------------------------------------------------------------------------------------------------- the figures


@dataclasses.dataclass
class Figures:
    made_of: str  # all that they follow from
    parameters: int
    updates: int  # those of the best weights
    all_updates: int
    training: float  # perplexities
    held_out: float
    bits: float  # a character, of the held-out part
    tokens_per_second: float
    seconds: float
    training_tokens: int
    held_out_tokens: int


@functools.cache
def count_tokens(program, path, options):
    """Of a file, cut as the options say: a vocabulary has their counts, so the smallest model is trained once."""
    run_dir = path.with_suffix("")
    program.run("train", "--corpus", path, "--max-tokens", 0, *options, "--batch-size", 1, "--num-steps", 1,
                "--hidden-size", 1, "--start-offset", 0, "--max-updates", 1, "--predict-length", 0, "--quiet",
                "--overwrite", "--run-dir", run_dir)
    vocabulary = program.inspect(run_dir / "checkpoint.h5", "--vocabulary")["vocabulary"]
    return sum(token["count"] for token in vocabulary)


def evaluate(program, checkpoint, path, batch_size):
    told = program.run("evaluate", "--checkpoint", checkpoint, "--corpus", path, "--batch-size", batch_size,
                       ranks=program.ranks)
    match = re.fullmatch(r"perplexity (\S+), bits per character (\S+), \d+ tokens\n", told)
    if not match:
        raise Failure(f"evaluate said '{told.strip()}'")
    return float(match[1]), float(match[2])


def measure(program, text, options, folder, made_of):
    training_tokens = count_tokens(program, text.training, of_tokens(options))
    held_out_tokens = count_tokens(program, text.held_out, of_tokens(options))
    fraction = held_out_tokens / (training_tokens + held_out_tokens)
    run_dir = folder / "run"
    program.run("train", *text.files(), "--max-tokens", 0, *options, "--valid-fraction", repr(fraction),
                "--predict-length", 0, "--quiet", "--overwrite", "--run-dir", run_dir, ranks=program.ranks)
    run = program.inspect(run_dir)
    progress = run["progress"]
    best, batch_size = run_dir / "best.h5", run["config"]["batch_size"]
    held_out, bits = evaluate(program, best, text.held_out, batch_size)
    if abs(held_out / progress["best_valid_perplexity"] - 1) > 1e-4:
        raise Failure(f"training found a perplexity of {progress['best_valid_perplexity']:g} where evaluate finds "
                      f"{held_out:g}: they measure different texts")
    training, _ = evaluate(program, best, text.training, batch_size)
    return Figures(made_of, run["parameters"], progress["best_update"], progress["update"], training, held_out, bits,
                   statistics.median(run["metrics"]["tokens_per_second"]), progress["seconds"], training_tokens,
                   held_out_tokens)


def stored(path, made_of):
    try:
        figures = Figures(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return figures if figures.made_of == made_of else None


def figures_of(program, text, name, options, folder, again):
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    made_of = shlex.join([text.digest, str(program.ranks), *options])
    path = folder / "figures.json"
    figures = None if again else stored(path, made_of)
    if figures:
        print(f"{name}: measured before", file=sys.stderr)
        return figures
    print(f"{name}: training …", file=sys.stderr)
    try:
        figures = measure(program, text, options, folder, made_of)
    except Failure as failure:
        raise Failure(f"setting {name}: {failure}") from failure
    path.write_text(json.dumps(dataclasses.asdict(figures), indent=2) + "\n", encoding="utf-8")
    print(f"{name}: {figures.held_out:.1f} after {figures.seconds:.0f} s", file=sys.stderr)
    return figures


# ----------------------------------------------------------------------------------------------------- the table


def perplexity(value):
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(rows):
    columns = ("setting", "parameters", "updates, best / all", "perplexity of training", "held out",
               "bits per character", "tokens/s", "time")
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | {row.parameters:,} | {row.updates:,} / {row.all_updates:,} | "
                     f"{perplexity(row.training)} | {perplexity(row.held_out)} | {row.bits:.3f} | "
                     f"{row.tokens_per_second:,.0f} | {row.seconds:.0f} s |")
    return lines


def describe_sizes(rows):
    """Settings that cut the text into other tokens than the first are named."""
    names = {}
    for name, row in rows.items():
        names.setdefault((row.training_tokens, row.held_out_tokens), []).append(name)
    (training, held_out), *others = names
    told = [f"{', '.join(names[counts])}: {counts[0]:,} and {counts[1]:,}" for counts in others]
    return f"{training:,} tokens are trained on and {held_out:,} held out" + (f" ({'; '.join(told)})" if told else "")


def describe(text, settings, rows, ranks):
    """The table, and what its names mean."""
    lines = [f"Of {text.names}, {describe_sizes(rows)}; {ranks} rank{'s' * (ranks > 1)}.", "", *table(rows), "",
             f"All with `{FOR_ALL}`, where they do not say otherwise themselves:", ""]
    lines += [f"- {name}: " + (f"`{shlex.join(options)}`" if options else "nothing else, the defaults")
              for name, options in settings.items()]
    return "\n".join(lines) + "\n"


def read_page(path):
    """The text of a page that has a place for the table."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is no text in UTF-8'}") from error
    count = len(MARKS.findall(text))
    if count != 1:
        raise Failure(f"{path} has {count} places between <!-- baselines --> and <!-- end of baselines -->, not one")
    return text


def update_page(path, contents):
    text = MARKS.sub(lambda match: f"{match[1]}\n{contents}\n{match[3]}", read_page(path))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from error


def share(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no share between 0 and 1")
    return value


def rank_count(text):
    if not re.fullmatch("0*[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of ranks")
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="\n".join(["settings:"] + [f"  {name:<14} {options or 'the defaults'}"
                                                                       for name, options in SETTINGS.items()]))
    parser.add_argument("--corpus", metavar="FILE", action="append",
                        help="a text in UTF-8; several are read as one (default: all of datasets)")
    parser.add_argument("--held-out", metavar="SHARE", type=share, default=0.1,
                        help="of the text, its last part (default: 0.1)")
    parser.add_argument("--setting", metavar="NAME=OPTIONS", action="append", default=[],
                        help="options of lstm_mpi train, in place of the settings below; several times for several")
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="this setting only")
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("--update", metavar="FILE", type=pathlib.Path,
                        help="write the table into a page, between <!-- baselines --> and <!-- end of baselines -->")
    parser.add_argument("--np", metavar="N", type=rank_count, default=len(os.sched_getaffinity(0)),
                        help="ranks (default: one a core)")
    parser.add_argument("--program", metavar="FILE", default=str(SOURCE / "build/src/lstm_mpi"))
    parser.add_argument("--folder", metavar="DIR", type=pathlib.Path, default=SOURCE / "build/baselines",
                        help="of runs and figures (default: build/baselines)")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    corpus = arguments.corpus or sorted(map(str, (SOURCE / "datasets").glob("*.txt")))
    settings = parse_settings(arguments.setting or map("=".join, SETTINGS.items()), arguments.only)
    program = Program(arguments.program, arguments.np)
    if arguments.update:
        read_page(arguments.update)
    try:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        text = prepare_text(corpus, arguments.held_out, arguments.folder)
        rows = {name: figures_of(program, text, name, shlex.split(FOR_ALL) + options, arguments.folder,
                                 arguments.again)
                for name, options in settings.items()}
    except OSError as error:
        raise Failure(f"cannot write {error.filename}: {error.strerror}") from error
    contents = describe(text, settings, rows, arguments.np)
    if arguments.update:
        update_page(arguments.update, contents)
    else:
        print(contents, end="")


if __name__ == "__main__":
    try:
        main()
    except Failure as told:
        sys.exit(f"baselines.py: error: {told}")
    except KeyboardInterrupt:
        sys.exit(130)
