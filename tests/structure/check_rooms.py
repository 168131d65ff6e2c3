"""Checks that every file stays in its room.

    check_rooms.py SOURCE [BUILD]

- A room includes its own headers, and those of the rooms that ROOMS grants it; it links only those.
- A library's header is included only in the rooms that ROOMS grants it.
- A header is in include/lstm_mpi/ROOM/ exactly when another room uses it.
- No two modules have the same name.
- A function that leaves its file begins with the file's name (needs BUILD, and nm).
"""

import collections
import fnmatch
import pathlib
import re
import shutil
import subprocess
import sys

BELOW_TRAIN = "base linalg text dist model optim config generate store"

# room: (the rooms that it may include, the headers of libraries that it may include)
ROOMS = {
    "base": ("", "Random123/* xxhash.h"),
    "linalg": ("base", "blis.h blis/*"),
    "text": ("base", "uni*.h"),
    "dist": ("base", "mpi.h mpi-ext.h"),
    "model": ("base linalg", ""),
    "optim": ("base linalg", ""),
    "config": ("base text model optim", "ini.h"),
    "generate": ("base text model", ""),
    "store": ("base text dist model config", "hdf5.h mpi.h jansson.h"),
    "train": (BELOW_TRAIN, ""),
    "report": ("base text config store", "curl/* jansson.h"),
    "cli": (BELOW_TRAIN + " train report", "popt.h jansson.h"),
    "main": (BELOW_TRAIN + " train report cli", ""),  # src/main.c
}

SYSTEM_HEADERS = """
    assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h math.h setjmp.h
    signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h
    string.h tgmath.h threads.h time.h uchar.h wchar.h wctype.h
    arpa/* cpuid.h dirent.h dlfcn.h endian.h fcntl.h ifaddrs.h immintrin.h libgen.h net/* netinet/* poll.h pthread.h
    sched.h semaphore.h strings.h sys/* termios.h
    unistd.h
""".split()

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
PUBLIC = "lstm_mpi/"


class House:
    def __init__(self, source):
        self.source = source
        self.complaints = []
        self.includes = {}  # file: [(quote, name)]
        self.rooms = {}  # file: room
        for room in ROOMS:
            for folder in (source / "src" / room, source / "include" / "lstm_mpi" / room):
                for path in sorted(folder.glob("*.[ch]")):
                    self.add(path, room)
        for path in sorted((source / "src").glob("*.[ch]")):
            self.add(path, "main")
        for folder in sorted([*(source / "src").iterdir(), *(source / "include/lstm_mpi").iterdir()]):
            if folder.is_dir() and folder.name not in ROOMS:
                self.complain(folder, "is a room without a row in ROOMS")

    def add(self, path, room):
        self.rooms[path] = room
        self.includes[path] = INCLUDE.findall(path.read_text(encoding="utf-8"))

    def complain(self, path, text):
        self.complaints.append(f"{path.relative_to(self.source)}: {text}")

    def public_header(self, name):
        return self.source / "include" / name

    def check_arrows(self):
        for path, includes in self.includes.items():
            room = self.rooms[path]
            granted = ROOMS[room][0].split() + [room]
            for quote, name in includes:
                if quote == "<":
                    self.check_library(path, room, name)
                elif name.startswith(PUBLIC):
                    target = name.split("/")[1]
                    if target not in granted:
                        self.complain(path, f"includes {name}: the room {room} may not look into {target}")
                    elif not self.public_header(name).is_file():
                        self.complain(path, f"includes {name}, which is not there")
                    else:
                        for inner_quote, inner in self.includes[self.public_header(name)]:
                            if inner_quote == "<":
                                self.check_library(path, room, inner, f" (through {name})")
                elif not self.is_generated(path, name) and not (path.parent / name).is_file():
                    self.complain(path, f"includes {name}, which is not in its folder")
                elif "/" in name and room != "main":
                    self.complain(path, f"includes {name} by a path")

    @staticmethod
    def is_generated(path, name):
        """Written in the build folder, by a rule that names it in the room's CMakeLists.txt."""
        rules = path.parent / "CMakeLists.txt"
        return "/" not in name and rules.is_file() and name in rules.read_text(encoding="utf-8")

    def check_library(self, path, room, name, through=""):
        def matches(patterns):
            return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

        if matches(SYSTEM_HEADERS) or matches(ROOMS[room][1].split()):
            return
        owners = [owner for owner, (_, libraries) in ROOMS.items() if matches(libraries.split())]
        if owners:
            self.complain(path, f"includes <{name}>{through}, which belongs in {' and '.join(owners)}")
        else:
            self.complain(path, f"includes <{name}>, which is in no list of tests/structure/check_rooms.py")

    def check_links(self):
        """LINK in a room's CMakeLists.txt names no room that it may not include."""
        for room, (granted, _) in ROOMS.items():
            rules = self.source / "src" / room / "CMakeLists.txt"
            text = rules.read_text(encoding="utf-8") if rules.is_file() else ""
            for links in re.findall(r"\bLINK\s([^)]*)\)", text):
                for name in links.split():
                    if name in ROOMS and name not in granted.split():
                        self.complain(rules, f"links {name}: the room {room} may not look into it")

    def check_walls(self):
        """A header crosses the wall when another room includes it, or a header does that crosses it."""
        crossing = set()
        pending = []
        for path, includes in self.includes.items():
            for quote, name in includes:
                if quote == '"' and name.startswith(PUBLIC) and name.split("/")[1] != self.rooms[path]:
                    pending.append(self.public_header(name))
        while pending:
            header = pending.pop()
            if header in crossing or header not in self.includes:
                continue
            crossing.add(header)
            pending += [self.public_header(name) for quote, name in self.includes[header] if quote == '"']
        for path in self.includes:
            if self.source / "include" in path.parents and path not in crossing:
                self.complain(path, f"is used in its own room only: its place is src/{self.rooms[path]}")

    def check_names(self):
        places = collections.defaultdict(set)
        for path, room in self.rooms.items():
            places[path.stem].add(room)
            if path.suffix == ".h":
                here = self.source / "src" / room / path.name
                there = self.source / "include" / "lstm_mpi" / room / path.name
                if path == here and there.is_file():
                    self.complain(path, f"is also in include/lstm_mpi/{room}")
        for stem, rooms in sorted(places.items()):
            if len(rooms) > 1:
                self.complaints.append(f"{stem}: this name is in the rooms {', '.join(sorted(rooms))}")

    def check_functions(self, build):
        """Weak symbols are not ours to name, and main.c has but one function."""
        sources = {}  # object: source
        for path, room in self.rooms.items():
            if path.suffix == ".c" and room != "main":
                folder = build / path.parent.relative_to(self.source) / "CMakeFiles"
                sources.update({str(compiled): path for compiled in folder.glob(f"*/{path.name}.o")})
        if not sources:
            self.complaints.append(f"{build}: there are no compiled files")
            return
        command = ["nm", "--print-file-name", "--defined-only", "--extern-only", "--format=posix", *sources]
        for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
            compiled, symbol = line.split(": ", 1)
            name, kind = symbol.split()[:2]
            path = sources[compiled]
            # h5_read.c may hold a part of what h5.h declares.
            stems = [path.stem, path.stem.split("_")[0]]
            if path.stem.split("_")[0] not in {source.stem for source in self.rooms}:
                stems.pop()
            if kind == "T" and not any(name == stem or name.startswith(stem + "_") for stem in stems):
                self.complain(path, f"{name}() leaves the file, and does not begin with {path.stem}_")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    house = House(pathlib.Path(sys.argv[1]).resolve())
    house.check_arrows()
    house.check_links()
    house.check_walls()
    house.check_names()
    if len(sys.argv) == 3 and shutil.which("nm"):
        house.check_functions(pathlib.Path(sys.argv[2]).resolve())
    for complaint in sorted(set(house.complaints)):
        print(complaint)
    print(f"{len(house.rooms)} files in {len(set(house.rooms.values()))} rooms")
    sys.exit(1 if house.complaints or not house.rooms else 0)


if __name__ == "__main__":
    main()
