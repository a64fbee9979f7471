"""Compiled modules: an on-disk cache in front of a compiling child process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import wasmtime

from dcanary import folders
from dcanary.replica.state import limits
from dcanary.replica.state.errors import (
    CallError,
    CompileLimit,
    EngineError,
    ErrorCode,
    InvalidWasm,
)
from dcanary.replica.wasm.rewrite import REWRITER_VERSION
from dcanary.replica.wasm.shape import Shape, plain, shape
from dcanary.replica.wasm.validation import load, metadata_sections
from dcanary.wasm_binary.leb128 import MalformedModule
from dcanary.wasm_binary.module import ParsedModule

_CACHE_FORMAT = 1


@dataclass(slots=True)
class CompiledModule:
    """A module ready to be instantiated. `hash` is over the bytes as they were installed."""

    hash: bytes
    parsed: ParsedModule
    shape: Shape
    module: wasmtime.Module
    instructions: int
    mutates_tables: bool
    public_metadata: dict[str, bytes]
    private_metadata: dict[str, bytes]

    def exports(self, entry: str) -> bool:
        return entry in self.parsed.exports

    @property
    def persists_heap(self) -> bool:
        """Whether upgrades must say what happens to the main memory (Motoko's orthogonal
        persistence)."""
        return "enhanced-orthogonal-persistence" in self.private_metadata


class Compiler:
    """Compiles modules, or finds them in the cache. May be used by many threads."""

    def __init__(self, engine: wasmtime.Engine, cache_dir: Path | None) -> None:
        self._engine = engine
        self._dir = cache_dir or folders.compiled_modules()
        self._prepare_directory()
        self._loaded: dict[bytes, CompiledModule] = {}
        self._artifacts: dict[str, tuple[wasmtime.Module, dict[str, Any]]] = {}
        self._children: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def _prepare_directory(self) -> None:
        # Loading an artifact runs its machine code: nobody else may be able to write here.
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if hasattr(os, "getuid"):
            info = self._dir.stat()
            if info.st_uid != os.getuid():
                raise EngineError(f"compile cache {self._dir} belongs to another user")
            if stat.S_IMODE(info.st_mode) & 0o022:
                self._dir.chmod(0o700)

    def module(self, wasm: bytes) -> CompiledModule:
        """Compile raw or gzip-compressed bytes. Raises `InvalidWasm`, `CallError`."""
        digest = hashlib.sha256(wasm).digest()
        found = self._loaded.get(digest)
        if found is None:
            found = self._loaded[digest] = self._make(digest, wasm)
        return found

    def forget_except(self, used: set[bytes]) -> None:
        """Drop compiled modules no canister uses any more."""
        for digest in [d for d in list(self._loaded) if d not in used]:
            self._loaded.pop(digest, None)
        living = {id(found.module) for found in list(self._loaded.values())}
        for key, (module, _) in list(self._artifacts.items()):
            if id(module) not in living:
                self._artifacts.pop(key, None)

    def _make(self, digest: bytes, wasm: bytes) -> CompiledModule:
        parsed = load(wasm)
        checked = self._dir / f"{_key(parsed.wasm)}.valid"
        if not checked.exists():
            try:
                wasmtime.Module.validate(self._engine, parsed.wasm)
            except wasmtime.WasmtimeError as error:
                raise InvalidWasm(" ".join(str(error).split())[:500]) from None
        try:
            common = shape(parsed)
            module, facts = self._artifact(common.wasm)
        except CompileLimit:
            raise
        except (MalformedModule, InvalidWasm):
            # Its code refers to something that was taken out: compile all of it.
            common = plain(parsed)
            module, facts = self._artifact(common.wasm)
        checked.touch()
        sections = metadata_sections(parsed)
        thin = sum(len(entry.arguments) + 2 for entry in common.entries.values())
        # Bodies are compiled now: keep only what execution reads.
        parsed.sections = []
        return CompiledModule(
            hash=digest,
            parsed=parsed,
            shape=Shape(b"", common.entries, common.globals),
            module=module,
            instructions=int(facts["instructions"]) + thin,
            mutates_tables=bool(facts["mutates_tables"]),
            public_metadata=_named(sections, "icp:public "),
            private_metadata=_named(sections, "icp:private "),
        )

    def _artifact(self, wasm: bytes) -> tuple[wasmtime.Module, dict[str, Any]]:
        """Compile a module to be instantiated, or find it in the cache. Raises `InvalidWasm`."""
        key = _key(wasm)
        shared = self._artifacts.get(key)
        if shared is not None:
            return shared
        found = self._cached(key)
        if found is None:
            with _exclusive(self._dir / f"{key}.lock"):
                # Another process may have compiled it while this one waited.
                found = self._cached(key) or self._fill(key, wasm)
        self._artifacts[key] = found
        return found

    def _cached(self, key: str) -> tuple[wasmtime.Module, dict[str, Any]] | None:
        artifact = self._dir / f"{key}.cwasm"
        try:
            facts = json.loads((self._dir / f"{key}.json").read_text())
            module = wasmtime.Module.deserialize_file(self._engine, str(artifact))
            os.utime(artifact)
        except (OSError, ValueError, wasmtime.WasmtimeError):
            return None  # a damaged entry is compiled again
        return module, facts

    def _fill(self, key: str, wasm: bytes) -> tuple[wasmtime.Module, dict[str, Any]]:
        artifact = self._dir / f"{key}.cwasm"
        facts_file = self._dir / f"{key}.json"
        facts = self.compile_to(wasm, artifact)
        partial = facts_file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(facts))
        partial.replace(facts_file)
        self._trim()
        return wasmtime.Module.deserialize_file(self._engine, str(artifact)), facts

    def _trim(self) -> None:
        """Delete the artifacts longest unused when the cache is bigger than it may be."""
        found: list[tuple[float, int, Path]] = []
        for path in self._dir.glob("*.cwasm"):
            with contextlib.suppress(OSError):
                info = path.stat()
                found.append((info.st_mtime, info.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found)[:-1]:
            if total <= limits.COMPILE_CACHE_SIZE:
                return
            total -= size
            for stale in (path, path.with_suffix(".json")):
                stale.unlink(missing_ok=True)

    def compile_to(self, wasm: bytes, artifact: Path) -> dict[str, Any]:
        """Compile a module to `artifact` in a child process; return the facts about the module.

        Raises CompileLimit, InvalidWasm, or CallError when the child fails otherwise.
        """
        with tempfile.TemporaryDirectory(dir=self._dir) as scratch:
            source = Path(scratch) / "module.wasm"
            source.write_bytes(wasm)
            command = [
                sys.executable,
                "-m",
                "dcanary.replica.wasm.compile_child",
                str(source),
                str(artifact),
                str(limits.COMPILE_CPU_SECONDS),
                str(limits.COMPILE_ADDRESS_SPACE),
            ]
            environment = dict(os.environ)
            root = str(Path(__file__).resolve().parents[3])
            inherited = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = f"{root}{os.pathsep}{inherited}" if inherited else root
            try:
                done = self._run(command, environment)
            except subprocess.TimeoutExpired:
                raise CompileLimit("compiling it takes too long") from None
        if done.returncode != 0:
            if done.returncode < 0:
                raise CompileLimit(
                    "compiling it needs more than "
                    f"{limits.COMPILE_CPU_SECONDS} s or {limits.COMPILE_ADDRESS_SPACE} bytes"
                )
            detail = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            if detail and "MemoryError" in detail[0]:
                raise CompileLimit("compiling it needs too much memory")
            raise CallError(ErrorCode.ENGINE, f"The compiler failed: {' '.join(detail)}")
        facts: dict[str, Any] = json.loads(done.stdout)
        if "error" in facts:
            raise InvalidWasm(str(facts["error"]))
        return facts

    def _run(
        self, command: list[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the compiling child until it ends or `close` ends it."""
        with (
            _lifeline() as lifeline,
            subprocess.Popen(
                command,
                stdin=lifeline,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            ) as child,
        ):
            self._children.add(child)
            try:
                if self._closed:
                    child.kill()
                output, errors = child.communicate(timeout=2 * limits.COMPILE_CPU_SECONDS)
            except BaseException:
                child.kill()
                raise
            finally:
                self._children.discard(child)
        return subprocess.CompletedProcess(command, child.returncode, output, errors)

    def close(self) -> None:
        """End compilations in progress; they fail."""
        self._closed = True
        for child in list(self._children):
            child.kill()


@contextlib.contextmanager
def _lifeline() -> Iterator[int]:
    """The end of a pipe that is at its end when this process is, killed or not."""
    ours, theirs = os.pipe()
    try:
        yield ours
    finally:
        os.close(theirs)
        os.close(ours)


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file, so that a module is compiled once."""
    # Here and not above: most modules are found in the cache.
    import filelock

    with filelock.FileLock(path, mode=0o600):
        yield
        path.unlink(missing_ok=True)


def _key(wasm: bytes) -> str:
    """Name of a module in the cache: its content and everything that shapes the artifact."""
    return hashlib.sha256(
        "\0".join(
            (
                hashlib.sha256(wasm).hexdigest(),
                str(REWRITER_VERSION),
                str(_CACHE_FORMAT),
                version("wasmtime"),
                platform.machine(),
                sys.platform,
                _config_fingerprint(),
            )
        ).encode()
    ).hexdigest()


@cache
def _config_fingerprint() -> str:
    return hashlib.sha256(Path(__file__).with_name("config.py").read_bytes()).hexdigest()


def _named(sections: list[tuple[str, bytes]], prefix: str) -> dict[str, bytes]:
    return {
        title.removeprefix(prefix): content
        for title, content in sections
        if title.startswith(prefix)
    }
