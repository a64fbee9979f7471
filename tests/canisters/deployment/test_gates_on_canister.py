"""What is no module that the target can run is a failed gate, before people are asked."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from shared.rules.limits import MAX_MODULE_BYTES
from tests.canisters.deployment.deployment_installation import CHUNK, OWNER, Installation

HEADER = b"\0asm\1\0\0\0"
TYPES = b"\1\4\1\x60\0\0"
CODE = b"\x0a\4\1\2\0\x0b"
FUNCTION = b"\3\2\1\0"


def leb(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + leb(len(content)) + content


def name(text: str) -> bytes:
    return leb(len(text)) + text.encode()


def custom(text: str, size: int = 0) -> bytes:
    return section(0, name(text) + bytes(size))


def imports(*functions: tuple[str, str], kind: bytes = b"\0\0") -> bytes:
    content = b"".join(name(module) + name(field) + kind for module, field in functions)
    return section(2, leb(len(functions)) + content)


MODULE = HEADER + TYPES + imports(("ic0", "msg_reply"), ("ic0", "trap")) + FUNCTION + CODE
PERSISTENT = MODULE + custom("icp:private enhanced-orthogonal-persistence")
LARGE = MODULE + custom("data", 2 * CHUNK + 50)


@pytest.fixture(scope="module")
def canary() -> Installation:
    """One for all: a plan changes nothing."""
    made = Installation()
    made.existing()
    made.target("new")
    return made


def gates(
    canary: Installation,
    content: bytes,
    path: str = "app.wasm",
    mode: str = "Auto",
    memory: str = "Default",
) -> dict[str, tuple[bool, str]]:
    """Results of the built-in gates by name, for an upgrade of a canister that runs already, or
    for the first install of another."""
    for index in range(0, len(content), CHUNK):
        part = content[index : index + CHUNK]
        canary.build_executor.update("hold", "run-1", path, str(index // CHUNK), part, caller=OWNER)
    request: dict[str, Any] = {
        "target": "new" if mode == "Install" else "counter",
        "repository": "demo",
        "run": "run-1",
        "stage": "build",
        "artifact": path,
        "sha256": "a" * 64,
        "size": len(content),
        "mode": {mode: None},
        "memory": {memory: None},
        "references": None,
        "release": None,
    }
    plan = canary.deployment.update("plan_release", request, caller=canary.verification)["Ok"]
    return {next(iter(one["gate"])): (one["passed"], one["detail"]) for one in plan["gates"]}


@pytest.mark.parametrize("mode", ["Install", "Upgrade", "Reinstall"])
@pytest.mark.parametrize(
    "content", [MODULE, LARGE, gzip.compress(MODULE, mtime=0), gzip.compress(LARGE), HEADER]
)
def test_a_module_passes_whole_or_in_gzip(canary: Installation, mode: str, content: bytes) -> None:
    found = gates(canary, content, mode=mode)
    assert found["ModuleKind"][0], found
    assert found["MemoryMode"][0], found


BOMB = gzip.compress(HEADER + custom("data", MAX_MODULE_BYTES))
NO_MODULES = {
    "a web page": (b"<!DOCTYPE html><html></html>", "magic bytes"),
    "wrong magic": (b"\0ASM" + MODULE[4:], "magic bytes"),
    "a component": (HEADER[:4] + b"\x0d\0\1\0" + MODULE[8:], "not a core module"),
    "a short file": (b"\0asm", "shorter"),
    "a web page in gzip": (gzip.compress(b"<!DOCTYPE html>"), "magic bytes"),
    "gzip twice": (gzip.compress(gzip.compress(MODULE, mtime=0)), "magic bytes"),
    "too large in gzip": (BOMB, "MAX_MODULE_BYTES"),
    "cut off": (MODULE[:-2], "cut off"),
    "cut off in a header": (MODULE[: len(MODULE) - len(CODE) + 1], "cut off"),
    "cut off before its code": (MODULE[: -len(CODE)], "code is missing"),
    "cut off in the third chunk": (LARGE[:-1], "cut off"),
    "cut off after the first chunk": (LARGE[:CHUNK], "cut off"),
    "gzip cut off": (gzip.compress(LARGE, mtime=0)[:-9], "cut off"),
    "gzip cut off in its check": (gzip.compress(MODULE, mtime=0)[:-1], "cut off"),
    "gzip of a module cut off": (gzip.compress(MODULE[:-2]), "cut off"),
    "damaged gzip": (gzip.compress(MODULE, mtime=0)[:-8] + bytes(8), "damaged"),
    "something after gzip": (gzip.compress(MODULE, mtime=0) + b"more", "4 bytes follow"),
    "a section that does not exist": (MODULE + b"\x63\0", "no section 99"),
    "a section twice": (HEADER + TYPES + TYPES + FUNCTION + CODE, "section 1 is there twice"),
    "sections out of order": (HEADER + FUNCTION + TYPES + CODE, "section 1 is there twice or out"),
    "code after data": (
        HEADER + TYPES + FUNCTION + section(11, b"\0") + CODE,
        "section 10 is there twice or out",
    ),
    "two memories": (
        HEADER + TYPES + FUNCTION + section(5, b"\2\0\1\0\1") + CODE,
        "several memories",
    ),
    "a section without end": (MODULE + b"\0" + b"\xff" * 9, "cut off"),
    "for the web": (
        HEADER + TYPES + imports(("wbg", "alert")) + FUNCTION + CODE,
        "imports wbg.alert",
    ),
    "for WASI": (
        HEADER + TYPES + imports(("wasi_snapshot_preview1", "fd_write")) + FUNCTION + CODE,
        "build it for the Internet Computer",
    ),
    "with imported memory": (
        HEADER + imports(("env", "memory"), kind=b"\2\0\1"),
        "functions only",
    ),
    "with damaged imports": (HEADER + section(2, b"\2" + name("ic0")), "import section"),
}


@pytest.mark.parametrize("mode", ["Install", "Upgrade"])
@pytest.mark.parametrize("what", NO_MODULES)
def test_what_no_canister_can_run_fails_the_gate_that_names_it(
    canary: Installation, what: str, mode: str
) -> None:
    content, reason = NO_MODULES[what]
    path = "dist/index.html"
    found = gates(canary, content, path, mode)
    passed, detail = found["ModuleKind"]
    assert not passed
    assert path in detail
    assert reason in detail
    assert "MemoryMode" not in found


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_module_that_keeps_its_heap_needs_memory_keep(canary: Installation, pack: Any) -> None:
    passed, detail = gates(canary, pack(PERSISTENT), mode="Upgrade")["MemoryMode"]
    assert not passed
    assert "set `memory: keep`" in detail
    for memory in ("Keep", "Replace"):
        assert gates(canary, pack(PERSISTENT), mode="Upgrade", memory=memory)["MemoryMode"][0]
    assert gates(canary, pack(PERSISTENT), mode="Install")["MemoryMode"][0]


def test_memory_keep_needs_a_module_that_keeps_its_heap(canary: Installation) -> None:
    passed, detail = gates(canary, MODULE, mode="Upgrade", memory="Keep")["MemoryMode"]
    assert not passed
    assert "leave it out" in detail
