"""Digests of orders: complete, the same on the host, readable by any Candid decoder."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ic.candid
import pytest
from kybra import Principal

from dcanary.candid import Codec, parse_types
from shared.rules import canonical, orders

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
TARGET = Principal(b"target")
DIGEST_BEFORE = "c5a6f21aa4d3ea8f87c8263fccc84b253a90a7fb2cb674d550e1509f12513dbf"


def order() -> dict[str, Any]:
    return {
        "target": "counter",
        "canister": TARGET,
        "network": "local",
        "repository": "demo",
        "run": "run-7",
        "source": {
            "repository": "demo",
            "clone_url": "https://forge.example/demo.git",
            "ref": "refs/heads/main",
            "sha": "a" * 40,
            "message": "Zähle schneller",
            "author": "Ada",
        },
        "pipeline_version": 3,
        "stage": "build",
        "artifact": "app.wasm",
        "sha256": "b" * 64,
        "size": 2**40,
        "mode": {"Upgrade": None},
        "memory": {"Keep": None},
        "argument": bytes(range(256)),
        "verdict": {
            "manifest": "c" * 64,
            "environment": "d" * 64,
            "operators": ["one", "two"],
            "quorum": 2,
            "replicas": 300,
        },
        "gates": [
            {"gate": {"MaxArtifactBytes": 2**41}, "passed": True, "detail": "within"},
            {"gate": {"ModuleKind": None}, "passed": False, "detail": "no"},
        ],
        "replaces": b"\x01" * 32,
        "creates": {"controllers": [TARGET, Principal(b"ann")], "cycles": 2**70},
        "assets": {"folder": "dist/", "digest": "5" * 64, "files": 300, "bytes": 2**40},
    }


def rollback() -> dict[str, Any]:
    return {
        "target": "counter",
        "canister": TARGET,
        "network": "local",
        "undoes": "release-2",
        "snapshot": b"snapshot",
        "returns_to": b"\x02" * 32,
        "replaces": None,
        "difference": "changed by hand",
    }


def with_text(value: Any) -> Any:
    """The value as the host writes it: principals are text."""
    if isinstance(value, Principal):
        return value.to_str()
    if isinstance(value, dict):
        return {name: with_text(inner) for name, inner in value.items()}
    return [with_text(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("canister", "name", "kind", "make"),
    [
        ("verification", "Order", orders.ORDER, order),
        ("deployment", "Order", orders.ORDER, order),
        ("deployment", "RollbackOrder", orders.ROLLBACK_ORDER, rollback),
    ],
)
def test_the_encoding_is_what_the_host_writes_by_the_interface(
    canister: str, name: str, kind: Any, make: Callable[[], dict[str, Any]]
) -> None:
    interface = (ROOT / "canisters" / canister / f"{canister}.did").read_text()
    node = parse_types(interface.split("service :")[0])[name]
    value = make()
    assert Codec([node]).encode([with_text(value)]) == canonical.encode(kind, value)


def test_another_decoder_reads_the_order_back() -> None:
    (decoded,) = ic.candid.decode(canonical.encode(orders.ORDER, order()))
    fields = {key.lstrip("_"): value for key, value in decoded["value"].items()}
    assert fields[str(canonical.label("run"))] == "run-7"
    assert fields[str(canonical.label("size"))] == 2**40


def changes(value: Any) -> list[Any]:
    """Every value that differs from this one in one place."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in CASES:
        (word,) = value
        return [{other: None} for other in CASES[word] if other != word]
    if isinstance(value, dict):
        found = []
        for name, inner in value.items():
            for changed in changes(inner):
                other = copy.copy(value)
                other[name] = changed
                found.append(other)
        return found
    if isinstance(value, list):
        shorter = [value[:-1]] if value else []
        return shorter + [[changed, *value[1:]] for changed in changes(value[0])]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, str):
        return [value + "x", ""]
    if isinstance(value, bytes):
        return [value + b"x", value[:-1]]
    if isinstance(value, Principal):
        return [Principal(b"other")]
    raise TypeError(f"no other value is known for {value!r}")


MODES = ("Install", "Upgrade", "Reinstall")
MEMORIES = ("Default", "Keep", "Replace")
CASES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(MODES, MODES),
    **dict.fromkeys(MEMORIES, MEMORIES),
    "ModuleKind": ("ModuleKind", "MemoryMode"),
}


def test_whatever_is_changed_in_an_order_changes_its_digest() -> None:
    known = {orders.order_digest(order())}  # type: ignore[arg-type] # a plain dict of the record
    others = changes(order())
    others += [{**order(), name: None} for name in ("canister", "replaces", "creates", "assets")]
    assert len(others) > 40
    for other in others:
        known.add(orders.order_digest(other))
    assert len(known) == len(others) + 1


def test_an_order_that_creates_nothing_has_the_digest_that_earlier_versions_gave_it() -> None:
    earlier: Any = {**order(), "creates": None, "assets": None}
    # Computed by the sources before orders had the fields `creates` and `assets`.
    assert orders.order_digest(earlier) == DIGEST_BEFORE


def test_a_stored_order_of_earlier_versions_is_read_and_creates_nothing() -> None:
    interface = (ROOT / "canisters" / "verification" / "verification.did").read_text()
    today = parse_types(interface.split("service :")[0])["Order"]
    before = canonical.encode(orders.ORDER_OF_OLD, order())
    (read,) = Codec([today]).decode(before)
    assert read == with_text({**order(), "creates": None, "assets": None})


def test_the_digest_is_the_sha256_of_the_encoding() -> None:
    value: Any = rollback()
    encoded = canonical.encode(orders.ROLLBACK_ORDER, value)
    assert encoded.startswith(b"DIDL")
    assert orders.rollback_digest(value) == hashlib.sha256(encoded).hexdigest()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", b"bytes"),
        ("nat16", -1),
        ("nat", -1),
        ("nat", "1"),
        ("nat16", 2**16),
        ("nat64", True and "1"),
        ("bool", 1),
        ("principal", "aaaaa-aa"),
        (("vec", "text"), "text"),
        (("record", (("a", "text"),)), {}),
        (orders.MODE, {"Other": None}),
        (orders.MODE, {}),
    ],
)
def test_a_value_of_another_type_is_not_encoded(kind: Any, value: Any) -> None:
    with pytest.raises((ValueError, OverflowError, KeyError)):
        canonical.encode(kind, value)
