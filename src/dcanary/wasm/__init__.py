"""Kybra-API Python sources to Internet Computer modules, from registry packages only.

A canister is built in two steps. The runtime template (CPython for WebAssembly with the System API
as a builtin module) is made once and cached by content. A canister is the template with its
interpreter already started and the canister's modules already imported: a snapshot of memory.
"""

from dcanary.wasm._builder import BuiltCanister, build_canister
from dcanary.wasm._template import (
    TEMPLATE_SECONDS,
    Template,
    ensure_template,
    template_is_ready,
)
from dcanary.wasm.errors import BuildError, LimitError, SourceError, ToolError

__all__ = [
    "TEMPLATE_SECONDS",
    "BuildError",
    "BuiltCanister",
    "LimitError",
    "SourceError",
    "Template",
    "ToolError",
    "build_canister",
    "ensure_template",
    "template_is_ready",
]
