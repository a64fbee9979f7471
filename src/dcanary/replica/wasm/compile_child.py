"""Child process: validate, meter and compile one module, within CPU and memory limits.

Compilation cannot be interrupted inside a process and a few kilobytes of WebAssembly can keep a
compiler busy for minutes; so it happens here. Usage: `python -m … INPUT OUTPUT CPU_SECONDS
ADDRESS_SPACE`; prints one JSON line, {"instructions", "mutates_tables"} or {"error"}.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import wasmtime

from dcanary.replica.wasm.config import make_config
from dcanary.replica.wasm.rewrite import rewrite
from dcanary.wasm_binary.leb128 import MalformedModule
from dcanary.wasm_binary.module import parse


def _limit_resources(cpu: int, space: int) -> None:
    try:
        import resource
    except ImportError:  # no such limits on Windows: the parent's timeout remains
        return
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (space, space))


def _end_with_parent() -> None:
    """End this process when its standard input ends, that is, when the parent is killed: what it
    compiles is of no use to anyone then."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def compile_module(wasm: bytes) -> tuple[bytes, dict[str, object]]:
    """Returns the compiled artifact and facts about the module, or {"error": reason}."""
    engine = wasmtime.Engine(make_config())
    try:
        wasmtime.Module.validate(engine, wasm)
        rewritten = rewrite(parse(wasm))
        artifact = bytes(wasmtime.Module(engine, rewritten.wasm).serialize())
    except MalformedModule as error:
        return b"", {"error": str(error)}
    except wasmtime.WasmtimeError as error:
        return b"", {"error": " ".join(str(error).split())[:500]}
    return artifact, {
        "instructions": rewritten.instructions,
        "mutates_tables": rewritten.mutates_tables,
    }


def main(arguments: list[str]) -> int:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    source, target = map(Path, arguments[:2])
    _limit_resources(*map(int, arguments[2:]))
    artifact, facts = compile_module(source.read_bytes())
    if artifact:
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        partial.write_bytes(artifact)
        partial.replace(target)
    print(json.dumps(facts))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
