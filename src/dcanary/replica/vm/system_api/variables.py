"""System API: environment variables of the canister's settings."""

from __future__ import annotations

from dcanary.replica.vm import execution as ctx
from dcanary.replica.vm.execution import Execution
from dcanary.replica.vm.system_api.registry import (
    Registry,
    Values,
    read,
    violation,
    write,
)


def _names(execution: Execution) -> list[str]:
    return sorted(execution.canister.settings.environment)


def _name(execution: Execution, index: int) -> bytes:
    names = _names(execution)
    if index >= len(names):
        raise violation(f"environment variable {index} does not exist")
    return names[index].encode()


def _value(execution: Execution, name: bytes) -> bytes:
    try:
        return execution.canister.settings.environment[name.decode()].encode()
    except (KeyError, UnicodeDecodeError):
        shown = name.decode(errors="replace")
        raise violation(f"environment variable `{shown}` does not exist") from None


def _slice(data: bytes, offset: int, size: int) -> bytes:
    if offset + size > len(data):
        raise violation(f"environment variable: {offset} + {size} exceeds the size {len(data)}")
    return data[offset : offset + size]


def register(registry: Registry) -> None:
    """Define the functions of this topic."""
    mask = registry.mask

    def count(execution: Execution, values: Values) -> None:
        values[0] = len(execution.canister.settings.environment)

    def name_size(execution: Execution, values: Values) -> None:
        values[0] = len(_name(execution, values[0] & mask))

    def name_copy(execution: Execution, values: Values) -> None:
        data = _name(execution, values[0] & mask)
        write(execution, values[2] & mask, _slice(data, values[4] & mask, values[6] & mask))

    def name_exists(execution: Execution, values: Values) -> None:
        name = read(execution, values[0] & mask, values[2] & mask)
        names = [item.encode() for item in _names(execution)]
        values[0] = 1 if name in names else 0

    def value_size(execution: Execution, values: Values) -> None:
        name = read(execution, values[0] & mask, values[2] & mask)
        values[0] = len(_value(execution, name))

    def value_copy(execution: Execution, values: Values) -> None:
        name = read(execution, values[0] & mask, values[2] & mask)
        part = _slice(_value(execution, name), values[6] & mask, values[8] & mask)
        write(execution, values[4] & mask, part)

    registry.define("env_var_count", ctx.ANY, count)
    registry.define("env_var_name_size", ctx.ANY, name_size)
    registry.define("env_var_name_copy", ctx.ANY, name_copy)
    registry.define("env_var_name_exists", ctx.ANY, name_exists)
    registry.define("env_var_value_size", ctx.ANY, value_size)
    registry.define("env_var_value_copy", ctx.ANY, value_copy)
