"""Several hosts on this machine: each has a network, a name, processes and shared memory of its own, and the same files.

They are namespaces of the kernel, and take root, iproute2 and util-linux.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import support

# Of the block that is set aside for tests of networks.
NETWORK = f"198.18.{os.getpid() % 256}"

# Of the environment nothing else travels to the ranks.
SANITIZERS = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"}

# Lives as long as the host does; ends with it whatever was started there.
FIRST_PROCESS = """
hostname {name} && mount -t tmpfs tmpfs /dev/shm && mount --bind {folder}/hosts /etc/hosts && ip link set lo up &&
    touch {folder}/{name} && exec sleep infinity
"""

# What mpirun takes for ssh: AGENT HOST COMMAND...
AGENT = """#!/bin/sh
read -r pid < {folder}/$1.pid
shift
exec nsenter -t "$pid" -n -u -m -p env -i HOME="$HOME" PATH="$PATH" LANG=C.UTF-8 /bin/sh -c "cd '$PWD'; $*"
"""


def are_possible():
    bridge = f"lm{os.getpid()}"
    spaces = ("unshare", "--net", "--uts", "--mount", "--pid", "--fork", "true")
    return (
        os.geteuid() == 0
        and all(shutil.which(tool) for tool in ("ip", "unshare", "nsenter"))
        and subprocess.run(spaces, stderr=subprocess.DEVNULL).returncode == 0
        and ip("link", "add", bridge, "type", "bridge", check=False)
        and ip("link", "del", bridge, check=False)
    )


def ip(*words, check=True):
    done = subprocess.run(("ip", *map(str, words)), check=check, stderr=None if check else subprocess.DEVNULL)
    return done.returncode == 0


class Hosts:
    """Hosts h1, h2, …; as a context they go with all that runs on them."""

    def __init__(self, count, folder):
        self.folder = folder
        self.names = [f"h{i + 1}" for i in range(count)]
        self._bridge = f"lm{os.getpid()}"
        self._first = {}  # the first process of each
        self._open = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._make(stack)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._open.close()

    def _make(self, stack):
        known = [f"{NETWORK}.{i + 1} {name}\n" for i, name in enumerate(self.names)]
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(known))
        (self.folder / "agent").write_text(AGENT.format(folder=self.folder))
        (self.folder / "agent").chmod(0o755)
        ip("link", "add", self._bridge, "type", "bridge")
        stack.callback(ip, "link", "del", self._bridge)
        ip("addr", "add", f"{NETWORK}.254/24", "dev", self._bridge)
        ip("link", "set", self._bridge, "up")
        for i, name in enumerate(self.names):
            self._first[name] = self._start(name, stack)
            ip("link", "add", self._link(name), "type", "veth", "peer", "name", "eth0", "netns", self._first[name])
            stack.callback(ip, "link", "del", self._link(name))
            ip("link", "set", self._link(name), "master", self._bridge, "up")
            self._on(name, "ip", "addr", "add", f"{NETWORK}.{i + 1}/24", "dev", "eth0")
            self._on(name, "ip", "link", "set", "eth0", "up")

    def _start(self, name, stack):
        """The process id, as seen from here, of the first process of a host."""
        process = subprocess.Popen(
            ("unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
            + ("sh", "-c", FIRST_PROCESS.format(name=name, folder=self.folder)),
            stdin=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        deadline = time.monotonic() + 10
        while not (self.folder / name).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"host {name} does not start")
            time.sleep(0.01)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        (self.folder / f"{name}.pid").write_text(children.strip() + "\n")
        return int(children)

    def _link(self, name):
        return f"{self._bridge}{name}"

    def _on(self, name, *command):
        subprocess.run(("nsenter", "-t", str(self._first[name]), "-n", *command), check=True)

    def launcher(self, **ranks):
        """What starts so many ranks on each of these hosts: launcher(h1=1, h2=3)."""
        network = f"{NETWORK}.0/24"
        options = {"plm": "rsh", "plm_rsh_agent": self.folder / "agent"}
        options |= {"btl_tcp_if_include": network, "oob_tcp_if_include": network}
        words = ["mpirun", "-np", sum(ranks.values()), "--bind-to", "none"]
        words += ["--host", ",".join(f"{name}:{count}" for name, count in ranks.items())]
        for name, value in options.items():
            words += ["--mca", name, value]
        for name in SANITIZERS & os.environ.keys():
            words += ["-x", name]
        return [str(word) for word in words]

    def cut(self, name):
        """Pulls the cable of a host."""
        ip("link", "set", self._link(name), "down")

    def ranks(self):
        """Process ids of the program's ranks, by rank."""
        found = {}
        spaces = {os.readlink(f"/proc/{pid}/ns/pid") for pid in self._first.values()}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") not in spaces:
                    continue
                if os.readlink(f"/proc/{pid}/exe") != os.path.realpath(support.program()):
                    continue
                variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended
            rank = [v for v in variables if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
            found[int(rank[0].partition(b"=")[2])] = int(pid)
        return found

    def stop(self, rank):
        os.kill(self.ranks()[rank], signal.SIGSTOP)
