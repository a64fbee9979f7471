"""The canisters' own Candid codec, used on the host too: one codec, one set of property tests.

It lives with the guest's `kybra` package, whose name on the host belongs to the published wheel;
so its modules are loaded here under a package of ours, without running the guest's `__init__`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = [
    "decoding",
    "did",
    "encoding",
    "errors",
    "principals",
    "readers",
    "text_parser",
    "textual",
    "types",
    "wire",
]

_PACKAGE = "dcanary.candid._guest"
_FOLDER = Path(__file__).resolve().parent.parent / "wasm" / "guest" / "kybra"


def _load(name: str) -> Any:
    if _PACKAGE not in sys.modules:
        package = ModuleType(_PACKAGE)
        package.__path__ = [str(_FOLDER)]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")


if TYPE_CHECKING:
    from dcanary.wasm.guest.kybra import _decode as decoding
    from dcanary.wasm.guest.kybra import _did as did
    from dcanary.wasm.guest.kybra import _encode as encoding
    from dcanary.wasm.guest.kybra import _errors as errors
    from dcanary.wasm.guest.kybra import _principal as principals
    from dcanary.wasm.guest.kybra import _readers as readers
    from dcanary.wasm.guest.kybra import _text_parser as text_parser
    from dcanary.wasm.guest.kybra import _textual as textual
    from dcanary.wasm.guest.kybra import _types as types
    from dcanary.wasm.guest.kybra import _wire as wire
else:
    decoding = _load("_decode")
    did = _load("_did")
    encoding = _load("_encode")
    errors = _load("_errors")
    principals = _load("_principal")
    readers = _load("_readers")
    text_parser = _load("_text_parser")
    textual = _load("_textual")
    types = _load("_types")
    wire = _load("_wire")
