#!/usr/bin/python3
"""The live chart, on a server that keeps what it is told as visdom does, and on servers that fail.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_visdom.py [unittest's arguments]
"""

import json
import os
import socket
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import h5py
import numpy as np

import support
from support import run, start

os.environ["no_proxy"] = "*"  # for the program: the servers are on this machine

OPTIONS = {
    "hidden-size": 8,
    "batch-size": 5,
    "num-steps": 6,
    "start-offset": 0,
    "epochs": 30,
    "predict-length": 0,
    "log-every": 5,
}


class Server(ThreadingHTTPServer):
    """Windows by environment and name: how many there were of it, and the traces {name: (x, y)} of the last.

    Points for a window that is not there become a window of these points alone, or get lost, as with old versions of
    visdom (`creates` is false). Neither is an error to a server. `meanwhile` is done once, after the next message to
    the path `after`; where it returns true, the connection is gone too.
    """

    daemon_threads = True

    def __init__(self, port=0, answer=lambda path: 200, delay=0, creates=True, http="HTTP/1.1"):
        self.windows = {}
        self.requests = []
        self.complaints = []
        self.answer = answer
        self.delay = delay
        self.creates = creates
        self.meanwhile = None
        self.after = "/update"
        super().__init__(("127.0.0.1", port), type("Handler", (Handler,), {"protocol_version": http}))
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def take(self, path, message):
        """The text of its answer."""
        known = (message["eid"], message["win"]) in self.windows
        if path == "/win_exists":
            return "true" if known else "false"
        if path == "/update" and not known and not self.creates:
            return "win does not exist"
        if path == "/events" or path == "/update" and not known:
            self.draw(message)
        elif path == "/update":
            self.append(message)
        else:
            raise AssertionError(f"there is no {path}")
        return message["win"]

    def draw(self, message):
        self.check(message)
        key = message["eid"], message["win"]
        drawn = self.windows.get(key, {"drawn": 0})["drawn"]
        traces = {trace["name"]: (trace["x"], trace["y"]) for trace in message["data"]}
        self.windows[key] = {"drawn": drawn + 1, "traces": traces, "layout": message["layout"]}

    def append(self, message):
        self.check(message)
        (trace,) = message["data"]
        assert message["append"] is True and message["name"] == trace["name"], message
        traces = self.windows[message["eid"], message["win"]]["traces"]
        x, y = traces.setdefault(message["name"], ([], []))
        x += trace["x"]
        y += trace["y"]

    @staticmethod
    def check(message):
        assert message["data"], message
        for trace in message["data"]:
            assert trace["type"] == "scatter" and trace["mode"] == "lines", trace
            assert len(trace["x"]) == len(trace["y"]) > 0, trace
        assert message["layout"]["xaxis"]["title"] == "epoch", message
        assert message["layout"]["yaxis"]["title"] == "ppl", message
        assert message["opts"]["title"] == "train", message
        assert "legend" not in message["opts"], "it would rename the traces"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(self.path)
        time.sleep(self.server.delay)
        status = self.server.answer(self.path)
        text = ""
        if status == 200:
            try:
                text = self.server.take(self.path, json.loads(body))
            except Exception as complaint:
                self.server.complaints.append(repr(complaint))
                status = 500
        self.send_response(status)
        if status != 200:
            self.send_header("Connection", "close")
        if status == 302:
            self.send_header("Location", "/elsewhere")
        if self.path == self.server.after and self.server.meanwhile:
            self.close_connection = self.server.meanwhile()
            self.server.meanwhile = None
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def history(run_dir, name):
    with h5py.File(run_dir / "metrics.h5") as file:
        return file["metrics"][name][:]


class VisdomTest(support.ProgramTest):
    def setUp(self):
        super().setUp()
        self.corpus = self.write("corpus.txt", support.text(400, kinds=30))
        self.run_dir = self.folder / "run"

    def words(self, *flags, **changed):
        options = OPTIONS | {option.replace("_", "-"): value for option, value in changed.items()}
        words = [word for option, value in options.items() for word in (f"--{option}", value)]
        return ("train", "--corpus", self.corpus, "--run-dir", self.run_dir, *flags, *words)

    def assertShown(self, server, environment="main", lines=("train",), drawn=1):
        self.assertEqual([], server.complaints)
        window = server.windows[environment, "train"]
        self.assertEqual(drawn, window["drawn"])
        self.assertEqual(sorted(lines), sorted(window["traces"]))
        for line in lines:
            column = history(self.run_dir, "perplexity" if line == "train" else "valid_perplexity")
            x, y = window["traces"][line]
            there = np.isfinite(column)
            np.testing.assert_array_equal(history(self.run_dir, "epoch")[there], x)
            np.testing.assert_allclose(y, column[there], rtol=1e-8)

    def assertWarned(self, result, *named):
        """Status 0, everything done, and one line on standard error."""
        self.assertStatus(0, result)
        (line,) = result.stderr.splitlines()
        self.assertRegex(line, "^lstm_mpi: warning: .*live chart")
        for what in named:
            self.assertIn(what, line)
        self.assertEqual(OPTIONS["epochs"], len(history(self.run_dir, "epoch")))

    def test_points(self):
        with Server() as server:
            self.assertDone(run(*self.words("--visdom", server.url)))
            self.assertShown(server)
            self.assertEqual("/events", server.requests[0])

    def test_ranks(self):
        """One of three ranks draws; the slash at the end of a URL does not matter."""
        with Server() as server:
            self.assertDone(run(*self.words("--quiet", "--visdom", f"{server.url}/"), ranks=3))
            self.assertShown(server)

    def test_validation(self):
        with Server() as server:
            words = ("--visdom", server.url, "--visdom-env", "试验 \"1\"")
            self.assertDone(run(*self.words(*words, valid_fraction=0.2)))
            self.assertShown(server, "试验 \"1\"", ("train", "valid"))

    def test_updates_follow_the_window(self):
        """While training goes on, not at its end."""
        with Server() as server, start(*self.words("--visdom", server.url, epochs=10**6)) as running:
            deadline = time.monotonic() + 30
            while server.requests.count("/update") < 3 and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertTrue(running.running())
            self.assertEqual(["/events"] + 3 * ["/win_exists", "/update"], server.requests[:7])
            x, _ = server.windows["main", "train"]["traces"]["train"]
            self.assertEqual(list(range(1, len(x) + 1)), x)

    def test_resume(self):
        """The curve is whole, also on a server that knows nothing of the first part."""
        with Server() as server:
            self.assertDone(run(*self.words("--visdom", server.url, valid_fraction=0.2, epochs=12)))
        with Server() as server:
            words = ("train", "--run-dir", self.run_dir, "--resume", "--epochs", 20)
            self.assertDone(run(*words, "--visdom", server.url))
            self.assertShown(server, lines=("train", "valid"))
            requests = len(server.requests)
            self.assertDone(run(*words[:-1], 30))
            self.assertShown(server, lines=("train", "valid"), drawn=2)
            requests = len(server.requests)
            self.assertDone(run(*words[:-1], 33, "--visdom", "off"))
            self.assertDone(run(*words[:-1], 33))
            self.assertEqual(requests, len(server.requests))

    def test_many_epochs(self):
        """A line of more points than a browser likes is thinned out; its ends stay."""
        with Server() as server:
            words = self.words("--quiet", "--visdom", server.url, epochs=9000, log_every=9000)
            self.assertDone(run(*words, "--hidden-size", 1, "--checkpoint-every", 0, timeout=120))
            x, y = server.windows["main", "train"]["traces"]["train"]
            self.assertLessEqual(len(x), 4096)
            self.assertEqual(list(range(1, 9001, 4)), x)
            np.testing.assert_allclose(y, history(self.run_dir, "perplexity")[::4], rtol=1e-8)

    def test_absent_server(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            self.assertWarned(run(*self.words("--visdom", url), timeout=20), "connect")

    def test_bad_urls(self):
        for url, why in (
            ("http://no-such-host.invalid:8097", "resolve"),
            ("ftp://127.0.0.1", "rotocol"),
            ("http://127.0.0.1:99999", ""),
            ("http://[", ""),
            ("http://127.0.0.1/" + 3000 * "x", ""),
        ):
            with self.subTest(url=url[:40]):
                self.assertWarned(run(*self.words("--overwrite", "--visdom", url), timeout=20), why)

    def test_silent_server(self):
        """It takes connections and never answers."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            begun = time.monotonic()
            alone = run(*self.words())
            middle = time.monotonic()
            result = run(*self.words("--overwrite", "--visdom", url))
            self.assertDone(alone)
            self.assertWarned(result, "no answer in time")
            self.assertLess(time.monotonic() - middle, middle - begun + 4)

    def test_slow_server(self):
        """Many epochs in one message; every point arrives."""
        with Server(delay=0.4) as server:
            self.assertDone(run(*self.words("--visdom", server.url, epochs=300, checkpoint_every=0)))
            self.assertShown(server)
            self.assertLess(len(server.requests), 100)

    def test_refusing_server(self):
        for status in (302, 400, 500):
            with self.subTest(status=status), Server(answer=lambda path: status) as server:
                result = run(*self.words("--overwrite", "--visdom", server.url))
                self.assertWarned(result, str(status))
                self.assertLessEqual(len(server.requests), 2)
                self.assertNotIn("/elsewhere", server.requests)

    def test_server_that_comes_back(self):
        """It dies in the middle of a run; a new one gets the whole curve."""
        with Server() as first, start(*self.words("--visdom", first.url, epochs=10**6)) as running:
            port = first.server_address[1]
            while first.requests.count("/update") < 2:
                time.sleep(0.02)
            first.answer = lambda path: 500
            time.sleep(0.5)
            first.__exit__()
            time.sleep(0.2)
            with Server(port) as second:
                deadline = time.monotonic() + 30
                while "/update" not in second.requests and time.monotonic() < deadline:
                    time.sleep(0.05)
                self.assertEqual("/events", second.requests[0])
                self.assertIn("/update", second.requests)
                self.assertEqual([], second.complaints)
                x, _ = second.windows["main", "train"]["traces"]["train"]
                self.assertEqual(1, x[0])
                self.assertEqual(1, len(set(np.diff(x))))
                self.assertTrue(running.running())
                self.assertEqual(1, running.stderr().count("warning"), running.stderr())

    def assertDrawnAgain(self, server, meanwhile, *requests):
        """After what happens between two messages: once, from the first epoch on, and then longer. No warning."""
        words = self.words("--overwrite", "--visdom", server.url, epochs=10**6)
        server.meanwhile = meanwhile
        with server, start(*words) as running:
            deadline = time.monotonic() + 30
            while server.requests.count("/update") < 4 and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertTrue(running.running())
            self.assertEqual("", running.stderr())
        requests = ["/events", "/win_exists", "/update", *requests, "/events", "/win_exists", "/update"]
        self.assertEqual(requests, server.requests[: len(requests)])
        self.assertEqual([], server.complaints)
        x, _ = server.windows["main", "train"]["traces"]["train"]
        self.assertEqual(list(range(1, len(x) + 1)), x)

    def test_closed_window(self):
        """Somebody closes it, or the server starts anew."""
        for creates in (True, False):
            with self.subTest(creates=creates):
                server = Server(creates=creates)
                self.assertDrawnAgain(server, server.windows.clear, "/win_exists")

    def test_old_window(self):
        """The server starts anew with a window that it saved long before."""
        for after, requests in (("/update", ["/win_exists"]), ("/win_exists", [])):
            with self.subTest(after=after):
                server = Server()
                server.after = after

                def restart(windows=server.windows):
                    windows["main", "train"]["traces"]["train"] = ([1], [100])
                    return True

                self.assertDrawnAgain(server, restart, *requests)

    def test_server_without_questions(self):
        """It neither knows /win_exists nor keeps a connection, and gets points all the same."""
        with Server(answer=lambda path: 404 if path == "/win_exists" else 200, http="HTTP/1.0") as server:
            self.assertDone(run(*self.words("--visdom", server.url)))
            self.assertShown(server)
            self.assertIn("/update", server.requests)

    def test_signal(self):
        """A run that is stopped does not wait for a server."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with start(*self.words("--visdom", url, epochs=10**6)) as running:
                while not (self.run_dir / "metrics.h5").exists():
                    time.sleep(0.02)
                begun = time.monotonic()
                running.send(support.signal.SIGTERM)
                self.assertStatus(75, running.wait(30))
                self.assertLess(time.monotonic() - begun, 2)


if __name__ == "__main__":
    unittest.main()
