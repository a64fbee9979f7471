"""What is to be built: where a canister's sources are, and how its methods are called."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcanary.wasm.errors import BuildError, SourceError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LIFECYCLE = frozenset(
    {
        "canister_init",
        "canister_post_upgrade",
        "canister_pre_upgrade",
        "canister_inspect_message",
        "canister_heartbeat",
        "canister_global_timer",
        "canister_on_low_wasm_memory",
    }
)
_METHOD_KINDS = ("canister_update ", "canister_query ", "canister_composite_query ")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a canister's main module lies.

    `root` is the folder that imports start from, `module` the dotted name below it.
    """

    main: Path
    root: Path
    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Interface:
    """What the guest says about the canister after loading it."""

    exports: list[str]
    did: str
    metadata: dict[str, str]


def find_layout(main: Path, name: str | None) -> Layout:
    """Find the import root of `main` (a file, or a folder with a main.py).

    If the file's folder has no __init__.py, the folder is the root; otherwise the root is the
    first folder above without one. Raises SourceError when the file is missing or has a name that
    cannot be imported.
    """
    file = main / "main.py" if main.is_dir() else main
    if not file.is_file():
        what = "is no regular file" if file.exists() else "does not exist"
        raise SourceError(
            f"{file} {what}; name the canister's main Python file, for example "
            "canisters/counter/main.py"
        )
    file = file.resolve()
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise SourceError(
            f"{file.name} cannot be imported as a module; name a .py file whose name is an "
            "identifier, for example main.py"
        )
    parts = [file.stem]
    root = file.parent
    while (root / "__init__.py").is_file() and root.parent != root:
        parts.insert(0, root.name)
        root = root.parent
    canister = name or (file.parent.name if file.stem == "main" else file.stem)
    if not _NAME.fullmatch(canister):
        raise SourceError(
            f"'{canister}' is not usable as a canister's name; give one made of letters, digits, "
            "'.', '_' and '-'"
        )
    return Layout(file, root, ".".join(parts), canister)


def read_interface(text: bytes) -> Interface:
    """Check what the guest package answered. Raises BuildError when it breaks its contract."""
    try:
        answer: Any = json.loads(text)
        exports, did = answer["exports"], answer["did"]
        metadata = answer.get("metadata", {})
    except (ValueError, KeyError, TypeError):
        raise BuildError("the guest package kybra gave no description of the canister") from None
    plain = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if not isinstance(did, str) or not isinstance(exports, list) or not plain:
        raise BuildError("the guest package kybra gave a malformed description of the canister")
    seen = set()
    for export in exports:
        known = isinstance(export, str) and (
            export in _LIFECYCLE or any(export.startswith(k) and export != k for k in _METHOD_KINDS)
        )
        if not known:
            raise BuildError(f"the guest package kybra exports {export!r}, which is no entry point")
        method = export.partition(" ")[2] or export
        if method in seen:
            raise SourceError(f"two methods of the canister are called '{method}'; rename one")
        seen.add(method)
    return Interface(exports, did, metadata)


def source_digest(files: Mapping[str, bytes]) -> str:
    """Return the hexadecimal SHA-256 over the names and contents of the sources that were used."""
    rows = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()]
    return hashlib.sha256("".join(sorted(rows)).encode()).hexdigest()
