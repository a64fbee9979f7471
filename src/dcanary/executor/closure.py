"""The files of this machine that its programs run with, and the digest that names them.

The closure of a program is the file itself, the interpreter of a script, the loader and all shared
libraries that it is linked with, as `ldd` finds them. Files count by name and content, not by
place. Reading them all takes a second, so digests of files are kept until a file's inode, size or
times change.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_FORMAT = 1
_LDD_SECONDS = 60.0
_LIBRARY = re.compile(r"^\s+(?:(?P<name>\S+) => )?(?P<path>/.*?|not found) ?(?:\(0x[0-9a-f]+\))?$")
_LOADER_CACHE = Path("/etc/ld.so.cache")
_MAX_SHEBANGS = 4
_NOT_READ = frozenset(("__pycache__", "dist-packages", "site-packages", "test"))
"""Of Python's own library."""


class IncompleteClosure(Exception):
    """A program cannot run on this machine: says which of its files is missing."""


class Closures:
    """Finds closures. What it knows about files is kept in the file `notes`."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes
        self._known = _read(notes)
        self._changed = False

    def digest(self, programs: Iterable[Path] = (), folder: Path | None = None) -> str:
        """Hexadecimal sha256 over names and contents of the closures of programs, and of the files
        below a folder with those of the libraries among them.

        Raises IncompleteClosure and OSError.
        """
        names: dict[Path, str] = {}
        programs = list(programs)
        for name, file in () if folder is None else _below(folder):
            names[file] = name
            if file.suffix == ".so":
                programs.append(file)
        for program in programs:
            for file in self.files(program):
                names.setdefault(file, file.name)
        lines = sorted(f"{self._content(file)} {name}\n" for file, name in names.items())
        self._write()
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def files(self, program: Path) -> set[Path]:
        """The closure of a program. Raises IncompleteClosure and OSError."""
        program = program.resolve()
        found = {program}
        for _ in range(_MAX_SHEBANGS):
            interpreter = _interpreter(program)
            if interpreter is None:
                break
            program = interpreter.resolve()
            found.add(program)
        return found | set(self._libraries(program))

    def _libraries(self, program: Path) -> list[Path]:
        key = f"libraries of {program}"
        state = [_state(program), _state(_LOADER_CACHE)]
        known = self._known.get(key)
        if isinstance(known, list) and len(known) == 2 and known[0] == state:
            libraries = [Path(each) for each in known[1]]
            if all(library.is_file() for library in libraries):
                return libraries
        libraries = _linked(program)
        self._keep(key, [state, [str(each) for each in libraries]])
        return libraries

    def _content(self, file: Path) -> str:
        key, state = str(file), _state(file)
        known = self._known.get(key)
        if isinstance(known, list) and len(known) == 2 and known[0] == state:
            return str(known[1])
        with file.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
        self._keep(key, [state, content])
        return content

    def _keep(self, key: str, value: object) -> None:
        self._known[key] = value
        self._changed = True

    def _write(self) -> None:
        """Keep what is known, for other processes too; what cannot be kept is found again."""
        if not self._changed:
            return
        self._changed = False
        text = json.dumps({"format": _FORMAT, "known": self._known})
        fresh = self._notes.with_name(f"{self._notes.name}.{os.getpid()}")
        try:
            self._notes.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(text)
            fresh.replace(self._notes)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Relative names and files of a folder, without what no program reads or what is made again."""
    root = folder.resolve()
    for place, folders, names in os.walk(root):
        folders[:] = [each for each in folders if each not in _NOT_READ]
        inside = Path(place)
        below = inside.relative_to(root)
        for name in names:
            file = inside / name
            # Only a link can lead elsewhere: to resolve a thousand paths takes long.
            yield (below / name).as_posix(), file.resolve() if file.is_symlink() else file


def _read(notes: Path) -> dict[str, object]:
    try:
        kept = json.loads(notes.read_text())
    except (OSError, ValueError):
        return {}
    known = kept.get("known") if isinstance(kept, dict) and kept.get("format") == _FORMAT else None
    return known if isinstance(known, dict) else {}


def _state(file: Path) -> list[int]:
    """What changes when a file does; empty for one that is not there."""
    try:
        info = file.stat()
    except FileNotFoundError:
        return []
    return [info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns]


def _interpreter(program: Path) -> Path | None:
    """The program that runs a script; None of what is no script."""
    with program.open("rb") as opened:
        first = opened.readline(256)
    if not first.startswith(b"#!"):
        return None
    words = os.fsdecode(first[2:]).split()
    if not words:
        return None
    if Path(words[0]).name == "env" and len(words) > 1:
        found = shutil.which(words[-1])
        return None if found is None else Path(found)
    return Path(words[0])


def _linked(program: Path) -> list[Path]:
    """Shared libraries and loader of a program; none of a static one.

    Where the machine has no `ldd`, libraries do not count: they are the system's own there, as on
    macOS, where they are not even files.
    """
    ldd = shutil.which("ldd")
    if ldd is None:
        return []
    done = subprocess.run(
        [ldd, str(program)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        timeout=_LDD_SECONDS,
        text=True,
        check=False,
    )
    return (
        sorted(libraries_listed(program, done.stdout.splitlines())) if done.returncode == 0 else []
    )


def libraries_listed(program: Path, lines: Sequence[str]) -> set[Path]:
    """Files that the output of `ldd` names. Raises IncompleteClosure."""
    found = set()
    for line in lines:
        match = _LIBRARY.match(line)
        if match is None:
            continue  # the kernel's own, which is no file
        if match["path"] == "not found":
            raise IncompleteClosure(f"{program} needs {match['name']}, which is not found")
        found.add(Path(match["path"].strip()).resolve())
    return found
