#!/usr/bin/python3
"""report: the page as a browser gets it."""

import os
import pty
import re
import unittest
from html.parser import HTMLParser

import h5py
import numpy as np

import support

VOID = {"meta"}


class Page(HTMLParser):
    """Fails where elements are not closed in their order; keeps the text, and what each attribute says."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.attributes = [], "", []
        self.tags = []
        self.feed(text)
        self.close()
        if self.open:
            raise AssertionError(f"{self.open} are not closed")

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes {self.open}")

    def handle_data(self, data):
        self.text += data


class ReportTest(support.ProgramTest):
    def train(self, name="run", *options, **how):
        corpus = self.write("corpus.txt", support.text(900))
        result = support.run(
            *("train", "--corpus", corpus, "--run-dir", self.folder / name, "--hidden-size", 8),
            *("--batch-size", 4, "--num-steps", 5, "--quiet", "--epochs", 6, *options),
            **how,
        )
        self.assertDone(result)
        return self.folder / name

    def page(self, *runs, **how):
        result = support.run("report", *runs, **how)
        self.assertDone(result)
        self.assertNotRegex(result.stdout, r"(?i)<script|https?:|src=|href=|url\(|@import")
        return Page(result.stdout)

    def test_one_run(self):
        run = self.train()
        page = self.page(run)
        self.assertIn("6 of 6", page.text)
        self.assertIn("finished", page.text)
        self.assertIn(str(run), page.text)
        self.assertIn("hidden-size", page.text)
        with h5py.File(run / "metrics.h5") as file:
            self.assertIn(f"epoch 6\n{run}: {file['metrics/perplexity'][-1]:.4g}", page.text)
        self.assertEqual(6, page.tags.count("figure"))
        sample = support.run("generate", "--checkpoint", run / "checkpoint.h5", "--prefix", "你是", "--length", 30)
        self.assertIn(sample.stdout.rstrip("\n"), page.text)

    def test_several_runs_and_ranks(self):
        one = self.train("one", "--lr", 0.5, ranks=2)
        two = self.train("two", "--epochs", 3, ranks=1)
        self.train("two", "--resume", "--epochs", 6, ranks=3)
        page = self.page(one, two, ranks=2)
        self.assertIn("2 runs", page.text)
        self.assertIn("rank 2, mean of 3 epochs", page.text)
        self.assertIn("rank 0, mean of 6 epochs", page.text)

    def test_one_epoch(self):
        """Its points are told apart, and no half epoch is on the axis."""
        run = self.train("run", "--epochs", 1, "--log-every", 1, "--valid-fraction", 0.1)
        result = support.run("report", run)
        self.assertDone(result)
        chart = result.stdout.partition("</figure>")[0]
        self.assertEqual(["0", "1", "epoch"], re.findall(r'<text class="x"[^>]*y="\d+">([^<]*)', chart))
        self.assertRegex(chart, r'<g class="dots c0"><circle [^>]*/></g>\n')
        self.assertRegex(chart, r'<g class="rings c0"><circle [^>]*/></g>\n')

    def test_names_are_text(self):
        run = self.train("<img onerror=x>&\"'", "--prefix", "<b>你</b>")
        page = self.page(run)
        self.assertNotIn("img", page.tags)
        self.assertIn("<img onerror=x>&\"'", page.text)
        self.assertIn("<b>你</b>", page.text)

    def test_metrics_alone_and_numbers_that_are_none(self):
        run = self.train()
        (run / "checkpoint.h5").unlink()
        with h5py.File(run / "metrics.h5", "r+") as file:
            file["metrics/perplexity"][2:4] = np.nan, np.inf
            file["metrics/grad_norm"][:] = np.nan
        page = self.page(run)
        self.assertIn("no checkpoint", page.text)
        for name, value in page.attributes:
            self.assertNotRegex(value or "", r"\b(nan|inf)\b", name)

    def test_a_run_that_has_no_epoch_yet(self):
        run = self.train("run", "--max-updates", 1)
        self.assertIn("No epoch is complete yet", self.page(run).text)
        self.assertIn("0 of 6", self.page(run).text)

    def test_output(self):
        run = self.train()
        file = self.write("page.html", "old")
        result = support.run("report", run, "--output", file)
        self.assertDone(result)
        self.assertEqual(f"wrote {file}\n", result.stdout)
        Page(file.read_text(encoding="utf-8"))
        self.assertEqual([], [path for path in self.folder.iterdir() if path.suffix == ".part"])
        self.assertError(1, support.run("report", run, "--output", self.folder / "no/page.html"), "no/page.html")
        self.assertError(1, support.run("report", run, self.folder / "none"), "none")
        self.assertError(2, support.run("report"), "report")

    def test_a_terminal_gets_a_file(self):
        run = self.train()
        master, terminal = pty.openpty()
        try:
            with support.start("report", run, stdout=terminal, folder=self.folder) as running:
                self.assertDone(running.wait())
            self.assertRegex(os.read(master, 100).decode(), re.compile("wrote report.html"))
        finally:
            os.close(master)
            os.close(terminal)
        Page((self.folder / "report.html").read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
