"""The runtime template: built once per combination of glue, tools and inputs, and kept."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import wasmtime

from dcanary import folders, lock_holder, pace
from dcanary.wasm import (
    _component,
    _files,
    _glue,
    _guard,
    _inputs,
    _interpreter,
    _link,
    _stdlib,
    _stubs,
    _tools,
)
from dcanary.wasm._tree import Fixed, Tree
from dcanary.wasm.errors import BuildError, ToolError

_RECIPE = 1
"""Raised whenever this package's own steps change what a template is."""

TEMPLATE_SECONDS = 100.0
"""How long a template takes on an idle machine of two processors. Measured, and rounded up."""

_STEPS = {
    "component": _component,
    "glue": _glue,
    "guard": _guard,
    "link": _link,
    "stdlib": _stdlib,
    "stubs": _stubs,
}
"""Modules whose sources decide about the content of a template."""

_A, _B, _STDLIB, _SUMS = "a.wasm", "b.wasm", "stdlib.zip", "sha256.json"


@dataclass(frozen=True)
class Template:
    """A runtime template on disk.

    `key` names its content: the SHA-256 over glue, tool versions and pinned inputs. `built` tells
    whether this call made it (False: it was in the cache).
    """

    key: str
    folder: Path
    built: bool

    @cached_property
    def module_b(self) -> bytes:
        """The module that becomes the canister."""
        return (self.folder / _B).read_bytes()

    @cached_property
    def stdlib(self) -> dict[str, bytes]:
        """The compiled standard library by path."""
        with zipfile.ZipFile(self.folder / _STDLIB) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @cached_property
    def engine(self) -> wasmtime.Engine:
        """The engine that `module_a` was compiled for."""
        return _interpreter.new_engine()

    @cached_property
    def module_a(self) -> wasmtime.Module:
        """Template A, compiled for this machine; the compiled form is kept beside the template."""
        path = self.folder / compiled_name()
        if path.is_file():
            try:
                return wasmtime.Module.deserialize_file(self.engine, str(path))
            except wasmtime.WasmtimeError:
                pass  # compiled for another processor or another set of engine settings
        module = wasmtime.Module(self.engine, (self.folder / _A).read_bytes())
        with contextlib.suppress(OSError):  # a cache that is only readable serves as well
            _files.write_atomically(path, bytes(module.serialize()))
        return module

    def interpreter(
        self, tree: Tree, output: Callable[[str], None] = lambda line: None
    ) -> _interpreter.Interpreter:
        """Start an interpreter whose standard library is compiled."""
        return _interpreter.Interpreter(self.engine, self.module_a, tree, output=output)


def template_key() -> str:
    """Return the hexadecimal SHA-256 that names the template which these sources make."""
    parts = {
        "recipe": _RECIPE,
        "glue": {n: hashlib.sha256(c).hexdigest() for n, c in _glue.glue_sources().items()},
        "tools": [_tools.ZIG, _tools.WASM_TOOLS, _tools.BINARYEN],
        "inputs": [*_inputs.LIBRARIES.values(), _inputs.STDLIB_SHA256],
        "steps": {
            name: hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()
            for name, module in sorted(_STEPS.items())
        },
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def ensure_template(
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
    *,
    node_modules: Path | None = None,
) -> Template:
    """Return the runtime template, building it when the cache does not have it: some minutes.

    `progress` gets about how long it will take, a line per step, and one every half minute within a
    step. Two processes that ask at once build it once: the second waits, and says for whom. A
    folder of the cache is complete or absent; damaged files are noticed by their hashes and built
    again.
    Raises ToolError when a tool or package is missing, and BuildError when the cache folder
    cannot be written.
    """
    say = progress or (lambda line: None)
    root = (cache or folders.cache()) / "templates"
    key = template_key()
    folder = root / key[:32]
    if is_complete(folder):
        return Template(key, folder, built=False)
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = root / f"{key[:32]}.lock"
        with (
            pace.repeated(say) as told,
            _files.locked(lock, lambda: told(_waiting(lock_holder.holder(lock)))),
        ):
            if is_complete(folder):
                return Template(key, folder, built=False)
            begun = time.monotonic()
            _build(root, folder, told, node_modules)
            told(
                f"the canister template is made and kept ({pace.lasted(time.monotonic() - begun)})"
            )
    except OSError as error:
        raise BuildError(
            f"the runtime template cannot be kept in {root} ({error.strerror or error}); "
            "make the folder writable or name another cache folder"
        ) from None
    return Template(key, folder, built=True)


def _waiting(pid: int | None) -> str:
    who = "another process" if pid is None else f"process {pid}"
    return f"waiting: {who} is making the canister template"


def template_is_ready(cache: Path | None = None) -> bool:
    """Whether `ensure_template` has nothing to build."""
    return is_complete((cache or folders.cache()) / "templates" / template_key()[:32])


def is_complete(folder: Path) -> bool:
    """Whether every file of a template is there and has the digest that was written down."""
    try:
        sums = json.loads((folder / _SUMS).read_text(encoding="utf-8"))
        return set(sums) == {_A, _B, _STDLIB} and all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
            for name, digest in sums.items()
        )
    except (OSError, ValueError, TypeError):
        return False


def _build(
    root: Path, folder: Path, progress: Callable[[str], None], node_modules: Path | None
) -> None:
    tools = _tools.find_tools(node_modules)
    estimate = pace.roughly(TEMPLATE_SECONDS * pace.measured_pace())
    # Stands for the first step, too: who looks now and then is to see it.
    progress(f"making the canister template, once per version: {estimate} on this machine")
    inputs = _inputs.load_inputs()
    prefix = f".building.{folder.name}."
    for stale in root.glob(f"{prefix}*"):  # left by a build that was killed; the lock is ours
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=root) as work:
        steps, result = Path(work) / "steps", Path(work) / "result"
        steps.mkdir()
        result.mkdir(mode=0o700)
        module_a, module_b = _link.link_templates(inputs, tools, steps, progress)
        progress("compiling the standard library")
        engine = _interpreter.new_engine()
        try:
            module = wasmtime.Module(engine, module_a)
        except wasmtime.WasmtimeError as error:
            raise ToolError(f"the linked interpreter is not a valid module: {error}") from None
        (result / compiled_name()).write_bytes(module.serialize())
        stdlib = _compile_stdlib(engine, module, inputs)
        contents = {_A: module_a, _B: module_b, _STDLIB: stdlib}
        for name, content in contents.items():
            (result / name).write_bytes(content)
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        (result / _SUMS).write_text(json.dumps(sums), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        result.rename(folder)


def compiled_name() -> str:
    """Name of the file that holds the template as this version of Wasmtime compiled it."""
    return f"a-{importlib.metadata.version('wasmtime')}.cwasm"


def _compile_stdlib(
    engine: wasmtime.Engine, module: wasmtime.Module, inputs: _inputs.Inputs
) -> bytes:
    sources = dict(inputs.stdlib)
    boot = f"{_glue.BOOT_MODULE}.py"
    sources[boot] = _glue.glue_sources()[boot]
    interpreter = _interpreter.Interpreter(engine, module, Tree({"/python": Fixed(sources)}))
    compiled = _stdlib.compile_stdlib(interpreter, sources)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(compiled.items()):
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()
