"""Compiling the C glue to a WebAssembly shared library, and attaching its world."""

from __future__ import annotations

from pathlib import Path

from dcanary.wasm import _tools
from dcanary.wasm._tools import Command

GLUE_FOLDER = Path(__file__).resolve().parent / "glue"
BOOT_MODULE = "_dcanary_boot"
LIBRARY = "libdcanary.so"
EMBEDDED = "libdcanary.embedded.so"

_COMPILE_FLAGS = ["-target", "wasm32-wasi", "-O2", "-fPIC", "-g0", "-std=c11", "-Wall", "-Werror"]
_LINK_FLAGS = [
    "--shared",
    "--experimental-pic",
    "--import-memory",
    "--allow-undefined",
    "--unresolved-symbols=import-dynamic",
    "--strip-all",
]

STACK_SIZE = 512 << 10
"""Bytes of the C stack, which lies at the start of the memory and grows down.

CPython's own limit of 1,000 nested calls fits into it, and C code that fills it needs less than
half of the 5 MiB that the Internet Computer gives to the engine's stack.
"""


def glue_sources() -> dict[str, bytes]:
    """Return every file of the glue by name."""
    return {
        path.name: path.read_bytes()
        for path in sorted(GLUE_FOLDER.iterdir())
        if path.suffix in (".c", ".h", ".py", ".wit")
    }


def compile_glue(tools: _tools.Tools, folder: Path) -> None:
    """Write the library with its world to `folder`/EMBEDDED.

    The sources are copied there first and compiled under relative names, so that no path of this
    machine can get into the library.
    """
    sources = glue_sources()
    for name, content in sources.items():
        (folder / name).write_bytes(content)
    caches = {
        "ZIG_GLOBAL_CACHE_DIR": str(folder / "zig-cache"),
        "ZIG_LOCAL_CACHE_DIR": str(folder / "zig-cache"),
    }
    objects = []
    for name in sorted(sources):
        if name.endswith(".c"):
            objects.append(name.removesuffix(".c") + ".o")
            compiling: Command = [tools.zig, "cc", *_COMPILE_FLAGS, "-c", name, "-o", objects[-1]]
            _tools.run(compiling, cwd=folder, env=caches)
    linking: Command = [tools.zig, "wasm-ld", *_LINK_FLAGS, *objects, "-o", LIBRARY]
    _tools.run(linking, cwd=folder, env=caches)
    embedding: Command = [tools.wasm_tools, "component", "embed", "canister.wit"]
    _tools.run([*embedding, "--world", "canister", LIBRARY, "-o", EMBEDDED], cwd=folder)


def link_component(tools: _tools.Tools, libraries: dict[str, bytes], folder: Path) -> bytes:
    """Link the glue and the interpreter's libraries into one component and return it."""
    for name, content in libraries.items():
        (folder / name).write_bytes(content)
    linking: Command = [tools.wasm_tools, "component", "link", "--use-built-in-libdl"]
    linking += ["--stack-size", str(STACK_SIZE), EMBEDDED, *sorted(libraries)]
    _tools.run([*linking, "-o", "component.wasm"], cwd=folder)
    return (folder / "component.wasm").read_bytes()
