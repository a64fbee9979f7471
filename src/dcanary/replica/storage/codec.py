"""The plain data of `dcanary.replica.state.records` as CBOR, by field names."""

from __future__ import annotations

from collections import deque
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import cbor2

from dcanary.replica.state import records

_CLASSES: dict[str, type[Any]] = {
    name: value
    for name, value in vars(records).items()
    if isinstance(value, type) and (is_dataclass(value) or issubclass(value, Enum))
}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str | bytes | float):
        return value
    if isinstance(value, list | deque):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {"d": [[_plain(key), _plain(item)] for key, item in value.items()]}
    name = type(value).__name__
    if isinstance(value, Enum):
        return {"e": name, "v": value.value}
    if is_dataclass(value):
        content = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {"c": name, "v": content}
    raise TypeError(f"cannot store a {name}")


def _rich(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_rich(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "d" in value:
        return {_rich(key): _rich(item) for key, item in value["d"]}
    if "e" in value:
        return _CLASSES[value["e"]](value["v"])
    kind = _CLASSES[value["c"]]
    content = {name: _rich(item) for name, item in value["v"].items()}
    if kind is records.Subnet:
        content["queue"] = deque(content["queue"])
    return kind(**content)


def encode(value: Any) -> bytes:
    """CBOR of state data."""
    return cbor2.dumps(_plain(value))


def decode(data: bytes) -> Any:
    """State data of CBOR. Raises ValueError when it is something else."""
    try:
        return _rich(cbor2.loads(data))
    except (cbor2.CBORDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a stored state: {error!r}") from error
