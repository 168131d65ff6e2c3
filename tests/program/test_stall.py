#!/usr/bin/python3
"""A run that does not get on ends with an error that names the late ranks; a slow or suspended one goes on.

    LSTM_MPI=/full/path/of/lstm_mpi tests/program/test_stall.py [unittest's arguments]
"""

import os
import signal
import socket
import subprocess
import time
import unittest

import support

TIMEOUT = 4


class StallTest(support.ProgramTest):
    def start(self, *options, ranks, stdout=None, environment=None):
        corpus = self.write("corpus.txt", support.text(400))
        self.run_dir = self.folder / "run"
        return support.start(
            *("train", "--corpus", corpus, "--run-dir", self.run_dir, "--hidden-size", 16, "--overwrite"),
            *("--batch-size", 8, "--num-steps", 8, "--epochs", 10**9, "--predict-length", 0),
            *("--checkpoint-every", 0, "--log-every", 1, "--stall-timeout", TIMEOUT, *options),
            ranks=ranks,
            stdout=stdout,
            environment=environment,
        )

    def wait_for_training(self, running, what="epoch 3/"):
        deadline = time.monotonic() + 60
        while what not in running.stdout():
            self.assertTrue(running.running(), running.stderr())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_a_stopped_rank(self):
        """Named once, with its host, whichever it is; the job ends, and the stopped process too."""
        for ranks, stopped in ((2, [1]), (2, [0]), (3, [0]), (3, [2]), (3, [0, 1])):
            with self.subTest(ranks=ranks, stopped=stopped), self.start(ranks=ranks) as running:
                self.wait_for_training(running)
                pids = running.ranks()
                for rank in stopped:
                    os.kill(pids[rank], signal.SIGSTOP)
                result = running.wait()
                names = "ranks 0-1" if len(stopped) > 1 else f"rank {stopped[0]}"
                self.assertError(
                    1, result, f"{names} on {socket.gethostname()} do", f"longer than {TIMEOUT} s"
                )
                self.assertEqual([], running.ranks())
                self.assertAllWhole(self.run_dir)

    def test_nobody_reads(self):
        """It waits for somebody who reads what it prints. The error does not."""
        ends = os.pipe()
        with os.fdopen(ends[0]), os.fdopen(ends[1], "w") as writer:
            with self.start("--log-every-updates", 1, ranks=None, stdout=writer) as running:
                self.assertError(1, running.wait(), f"rank 0 on {socket.gethostname()} is still at it")

    def test_a_suspended_run(self):
        """All ranks stopped for longer than the timeout, as a batch system suspends a job: it goes on."""
        with self.start(ranks=3) as running:
            self.wait_for_training(running)
            for number, seconds in ((signal.SIGSTOP, TIMEOUT + 2), (signal.SIGCONT, 0)):
                for pid in running.ranks():
                    os.kill(pid, number)
                time.sleep(seconds)
            shown = running.stdout().count("\n")
            deadline = time.monotonic() + 60
            while running.stdout().count("\n") < shown + 3:
                self.assertTrue(running.running(), running.stderr())
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            running.send(signal.SIGUSR1)
            self.assertEqual(75, running.wait().status)

    def test_long_samples(self):
        """Sampling takes longer than the timeout, and each of its tokens does not."""
        text = support.text(400)
        options = ("--epochs", 1, "--prefix", text[:2], "--prefix", text[2:4], "--predict-length", 80000)
        with self.start(*options, "--hidden-size", 256, "--stall-timeout", 2, ranks=2) as running:
            self.assertDone(running.wait(300))

    def slow_disk(self, name, seconds):
        """Variables with which every piece of a file takes so long, if its path has `name` in it."""
        source, library = self.folder / "slow.c", self.folder / "slow.so"
        source.write_text(
            f"""
            #include <stdio.h>
            #include <string.h>
            #include <unistd.h>
            int sync_file_range(int file, long offset, long bytes, unsigned flags)
            {{
                char link[64], path[4096] = "";
                snprintf(link, sizeof link, "/proc/self/fd/%d", file);
                if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "{name}"))
                    sleep({seconds});
                return 0;
            }}
            """
        )
        if subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=False).returncode != 0:
            self.skipTest("there is no compiler")
        return {"LD_PRELOAD": str(library)}

    def test_long_checkpoint(self):
        """A checkpoint takes longer than the timeout, and none of its pieces does."""
        options = ("--epochs", 1, "--checkpoint-every", 1, "--num-layers", 3, "--stall-timeout", 3)
        with self.start(*options, ranks=2, environment=self.slow_disk("checkpoint.h5", 1)) as running:
            self.assertDone(running.wait(120))
        self.assertAllWhole(self.run_dir)

    def test_what_it_was_at(self):
        for name, what in (("checkpoint.h5", "writing the checkpoint"), ("best.h5", "writing best.h5")):
            slow = self.slow_disk(name, 60)
            with self.subTest(what), self.start("--valid-fraction", 0.2, ranks=2, environment=slow) as running:
                self.assertError(1, running.wait(), f"{what} takes longer than {TIMEOUT} s", "still at it")

    def test_off(self):
        with self.start("--stall-timeout", 0, ranks=2) as running:
            self.wait_for_training(running)
            pid = running.ranks()[1]
            os.kill(pid, signal.SIGSTOP)
            time.sleep(TIMEOUT + 2)
            self.assertTrue(running.running())
            os.kill(pid, signal.SIGCONT)
            running.send(signal.SIGUSR1)
            self.assertEqual(75, running.wait().status)


if __name__ == "__main__":
    unittest.main()
