"""The standard library as compiled files."""

from __future__ import annotations

from collections.abc import Mapping

from dcanary.wasm._interpreter import Interpreter
from dcanary.wasm.errors import BuildError

_LEFT_OUT = {
    "__hello__.py",
    "__phello__",
    "_android_support.py",
    "_apple_support.py",
    "_aix_support.py",
    "_ios_support.py",
    "_osx_support.py",
    "_pyrepl",
    "antigravity.py",
    "ctypes",
    "curses",
    "dbm",
    "ensurepip",
    "idlelib",
    "multiprocessing",
    "pydoc_data",
    "site-packages",
    "sqlite3",
    "test",
    "this.py",
    "tkinter",
    "turtle.py",
    "turtledemo",
    "unittest",
    "venv",
    "xmlrpc",
    "zipapp.py",
}
"""Parts that no canister can use: user interfaces, installers, processes, foreign libraries."""


def available(name: str) -> bool:
    """Tell whether a path of the standard library is part of a canister's."""
    return name.endswith(".py") and name.partition("/")[0] not in _LEFT_OUT


def compile_stdlib(interpreter: Interpreter, sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return compiled files (without docstrings and assertions) for every available source.

    The file names in tracebacks are relative: "json/decoder.py".
    """
    compiled = {}
    for name in sorted(filter(available, sources)):
        compiled[f"{name}c"] = compile_source(interpreter, name, sources[name], level=2)
    return compiled


def compile_source(interpreter: Interpreter, name: str, source: bytes, *, level: int) -> bytes:
    """Compile one source to the bytes of a .pyc file.

    Raises CompileError when it is not valid Python.
    """
    status, *rest = interpreter.call_boot("compile_file", name.encode(), bytes([level]), source)
    if status == b"ok":
        return rest[0]
    kind, message, line = (item.decode(errors="replace") for item in rest)
    raise CompileError(kind, message, int(line) or None)


class CompileError(BuildError):
    """The compiler refused a source: exception type, message and line (1-based, if known)."""

    def __init__(self, kind: str, message: str, line: int | None) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.line = kind, message, line
