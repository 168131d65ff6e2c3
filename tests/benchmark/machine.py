"""The machine that is measured, and whether anything else is using it."""

import contextlib
import os
import pathlib

CPUS = sorted(os.sched_getaffinity(0))


def cores():
    return len(CPUS)


@contextlib.contextmanager
def on_cpu(cpu):
    """This thread, and what it starts meanwhile, stays on a CPU."""
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, CPUS)


def _line(path, beginning):
    try:
        for line in pathlib.Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(beginning):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown"


def facts():
    return {
        "cpu": _line("/proc/cpuinfo", "model name"),
        "cores": cores(),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "kernel": os.uname().release,
        "load": os.getloadavg()[0],
    }


def is_idle():
    """The load of the last minute; a build that has just ended counts still, so a little is let pass."""
    return os.getloadavg()[0] < 0.5 + 0.5 * cores()
