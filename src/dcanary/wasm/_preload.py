"""Importing, before a canister is sealed, what its functions import from the standard library."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from dcanary.wasm import _late
from dcanary.wasm._interpreter import Interpreter
from dcanary.wasm._lazy import LAZY, ON_USE
from dcanary.wasm.errors import SourceError

_TAKE_ENCODINGS = frozenset(
    {"encode", "decode", "str", "bytes", "bytearray", "open", "TextIOWrapper", "lookup"}
    | {f"get{kind}" for kind in ("encoder", "decoder", "reader", "writer")}
    | {"getincrementalencoder", "getincrementaldecoder", "iterencode", "iterdecode"}
)
_ENCODING = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{0,30}")
_IMPORT_INSIDE = re.compile(rb"^[ \t]+(import|from)[ \t]", re.MULTILINE)


def preload(
    interpreter: Interpreter, root: Path, used: Mapping[str, bytes], stdlib: Collection[str]
) -> None:
    """Import what functions of the canister, and of Python's modules in it, import when called.

    `used` are the canister's sources that were imported, by their paths below `root`; `stdlib` the
    paths of Python's compiled modules. Raises SourceError where one of the canister's own imports
    fails.
    """
    refuse_unread(root, used)
    wanted = _late.wanted_of_python(root, used)
    rows = {name: [one for one in names if not _late.is_own(root, one)]
            for name, names in LAZY.items()}  # fmt: skip
    answer = interpreter.call_boot(
        "preload",
        _lines([late.text for late in wanted]),
        _lines(encodings_named(used, stdlib)),
        _lines([*(" ".join([name, *names]) for name, names in rows.items()), *_on_use(used)]),
    )
    _late.refuse_failed(root, wanted, [error.decode(errors="replace") for error in answer])


def refuse_unread(root: Path, used: Mapping[str, bytes]) -> None:
    """Raise SourceError for a file that only a newer Python reads, when imports are inside of it.

    Passed over, they would be missing on chain, and another machine would build other bytes.
    """
    for file in sorted(used):
        if _late.read_tree(used[file]) is None and _IMPORT_INSIDE.search(used[file]):
            running = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise SourceError(
                f"the imports in functions of this file cannot be found: Python {running}, which "
                "runs the build, cannot read it; write it for Python 3.10, or put its imports at "
                "the left margin",
                path=str(root / file),
            )


def encodings_named(used: Mapping[str, bytes], stdlib: Collection[str]) -> list[str]:
    """Return the texts in the sources that are, or may be, names of encodings, sorted.

    Every text that is the name of a module of `encodings`, and every text that is given to a
    function which takes encodings.
    """
    found: set[str] = set()
    for source in used.values():
        tree = _late.read_tree(source)
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.Call) and _late.last_name(node.func) in _TAKE_ENCODINGS:
                found.update(_texts([*node.args, *(one.value for one in node.keywords)]))
            for text in _texts([node]):
                if f"encodings/{text.lower().replace('-', '_')}.pyc" in stdlib:
                    found.add(text)
    return sorted(found)


def _texts(nodes: Sequence[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if _ENCODING.fullmatch(node.value):
            yield node.value


def _on_use(used: Mapping[str, bytes]) -> Iterator[str]:
    """Rows for what comes with a word in the sources; `sys` is always there."""
    for word, module in ON_USE.items():
        pattern = re.compile(rf"\b{word}\b".encode())
        if any(pattern.search(source) for source in used.values()):
            yield f"sys {module}"


def _lines(texts: list[str]) -> bytes:
    return "\n".join(texts).encode()
