"""The machine that is measured, and whether anything else is using it."""

import os
import pathlib


def cores():
    return len(os.sched_getaffinity(0))


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
