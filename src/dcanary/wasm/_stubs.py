"""Which function of the glue answers for which WASI function once the canister runs."""

from __future__ import annotations

from dcanary.wasm_binary import leb128, sections
from dcanary.wasm_binary.sections import Export, Import

SELF = "self"
TRAPS = "traps"

OVERRIDES = ("abort", "clock_nanosleep", "getentropy")
"""Functions of the C library that the interpreter takes from the glue instead."""

_STREAMS = "wasi:io/streams"
_FILES = "wasi:filesystem/types"
_STUBS = {
    (_STREAMS, "[method]output-stream.check-write"): "output-stream.check-write",
    (_STREAMS, "[method]output-stream.write"): "output-stream.write",
    (_STREAMS, "[method]output-stream.blocking-flush"): "output-stream.blocking-flush",
    (_STREAMS, "[method]input-stream.read"): "input-stream.read",
    ("wasi:cli/stdin", "get-stdin"): "get-stdin",
    ("wasi:cli/stdout", "get-stdout"): "get-stdout",
    ("wasi:cli/stderr", "get-stderr"): "get-stderr",
    ("wasi:cli/terminal-stdin", "get-terminal-stdin"): "get-terminal",
    ("wasi:cli/terminal-stdout", "get-terminal-stdout"): "get-terminal",
    ("wasi:cli/terminal-stderr", "get-terminal-stderr"): "get-terminal",
    ("wasi:cli/exit", "exit"): "exit",
    ("wasi:clocks/monotonic-clock", "now"): "monotonic-clock.now",
    ("wasi:clocks/monotonic-clock", "resolution"): "monotonic-clock.resolution",
    ("wasi:clocks/wall-clock", "now"): "wall-clock.now",
    ("wasi:clocks/wall-clock", "resolution"): "wall-clock.resolution",
    (_FILES, "[method]descriptor.stat-at"): "descriptor.stat-at",
    (_FILES, "[method]descriptor.metadata-hash-at"): "descriptor.metadata-hash-at",
    (_FILES, "[method]descriptor.open-at"): "descriptor.open-at",
    (_FILES, "[method]descriptor.readlink-at"): "descriptor.readlink-at",
    (_FILES, "[method]descriptor.create-directory-at"): "descriptor.path",
    (_FILES, "[method]descriptor.remove-directory-at"): "descriptor.path",
    (_FILES, "[method]descriptor.unlink-file-at"): "descriptor.path",
    (_FILES, "[method]descriptor.rename-at"): "descriptor.two-paths",
    (_FILES, "[method]descriptor.symlink-at"): "descriptor.symlink-at",
    (_FILES, "[method]descriptor.link-at"): "descriptor.link-at",
    (_FILES, "[method]descriptor.set-times-at"): "descriptor.set-times-at",
    ("wasi:sockets/tcp-create-socket", "create-tcp-socket"): "create-socket",
    ("wasi:sockets/udp-create-socket", "create-udp-socket"): "create-socket",
    ("wasi:sockets/instance-network", "instance-network"): "instance-network",
    ("wasi:sockets/ip-name-lookup", "resolve-addresses"): "resolve-addresses",
}


def stub_exports() -> set[str]:
    """Return the names of every export of the glue that a stub is bound to."""
    return {f"stub:{name}" for name in (*_STUBS.values(), "drop", "unsupported")}


def bind(imports: list[Import], types: list[bytes]) -> tuple[list[Import], bytes]:
    """Bind every WASI import to a stub.

    Returns the imports with their new names, and the module TRAPS that answers for the functions
    that the glue has no stub for: it calls the glue's stub "unsupported", which traps. Those
    functions need a resource (a socket, an open file) that the other stubs never hand out.
    """
    bound, trapping = [], []
    for row in imports:
        if not row.module.startswith("wasi:"):
            bound.append(row)
            continue
        stub = _STUBS.get((row.module.partition("@")[0], row.field))
        if row.field.startswith("[resource-drop]"):
            stub = "drop"
        if stub is None:
            name = f"{row.module} {row.field}"
            trapping.append((name, types[row.type_index]))
            bound.append(Import(TRAPS, name, row.kind, row.description))
        else:
            bound.append(Import(SELF, f"stub:{stub}", row.kind, row.description))
    return bound, _trap_module(trapping)


def _trap_module(functions: list[tuple[str, bytes]]) -> bytes:
    types = [b"\x60\0\0", *(type_ for _, type_ in functions)]
    unsupported = Import(SELF, "stub:unsupported", sections.KIND_FUNCTION, b"\0\0")
    count = leb128.encode_unsigned(len(functions))
    body = leb128.with_length(b"\0\x10\0\0\x0b")  # no locals; call 0; unreachable; end
    return sections.join(
        [
            sections.Section(sections.TYPE, leb128.encode_unsigned(len(types)) + b"".join(types)),
            sections.write_imports([unsupported]),
            sections.Section(
                sections.FUNCTION,
                count + b"".join(leb128.encode_unsigned(i + 1) for i in range(len(functions))),
            ),
            sections.write_exports(
                [
                    Export(name, sections.KIND_FUNCTION, i + 1)
                    for i, (name, _) in enumerate(functions)
                ]
            ),
            sections.Section(sections.CODE, count + body * len(functions)),
        ]
    )
