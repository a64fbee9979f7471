"""The recorded installations of earlier releases (`tests/fixtures/stable`)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from dcanary.client.system import CANISTERS
from dcanary.testing.native import Principal

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "stable"


@dataclass(frozen=True)
class Recorded:
    """One installation: stable memories by canister, their ids, and what queries answered."""

    version: str
    time_ns: int
    ids: dict[str, str]
    stable: dict[str, bytes]
    answers: list[dict[str, Any]]


def versions() -> list[str]:
    return sorted(folder.name for folder in FIXTURES.iterdir() if (folder / "webhook.zst").exists())


def recorded(version: str) -> Recorded:
    folder = FIXTURES / version
    history = json.loads(unpacked(folder / "history.json.zst"))
    return Recorded(
        version,
        history["time_ns"],
        history["canisters"],
        {name: unpacked(folder / f"{name}.zst") for name in CANISTERS},
        history["answers"],
    )


def unpacked(file: Path) -> bytes:
    return bytes(zstandard.ZstdDecompressor().decompress(file.read_bytes()))


def plain(value: Any) -> Any:
    """A Candid value as the fixtures write it: principals and blobs are records of one field."""
    if isinstance(value, (bytes, bytearray)):
        return {"blob": bytes(value).hex()}
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if hasattr(value, "to_str"):
        return {"principal": value.to_str()}
    return value


def candid(value: Any) -> Any:
    """The argument that `plain` wrote."""
    if isinstance(value, dict) and set(value) == {"principal"}:
        return Principal.from_str(value["principal"])
    if isinstance(value, dict) and set(value) == {"blob"}:
        return bytes.fromhex(value["blob"])
    if isinstance(value, dict):
        return {key: candid(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [candid(inner) for inner in value]
    return value


def lost(before: Any, now: Any, place: str = "") -> list[str]:
    """Where an answer of today misses or changes something that it had. More is no loss."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = [f"{place}.{key}: gone" for key in before if key not in now]
        for key in before:
            if key in now:
                found += lost(before[key], now[key], f"{place}.{key}")
        return found
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            return [f"{place}: {len(before)} items, now {len(now)}"]
        return [
            one
            for index, (old, new) in enumerate(zip(before, now, strict=True))
            for one in lost(old, new, f"{place}[{index}]")
        ]
    return [] if before == now else [f"{place}: {before!r}, now {now!r}"]
