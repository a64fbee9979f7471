"""The System API, one module per topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcanary.replica.engine.execution.system_api import (
    calls,
    cycles,
    environment,
    messages,
    stable,
    variables,
)
from dcanary.replica.engine.execution.system_api.registry import RawFunction, Registry

if TYPE_CHECKING:
    from dcanary.replica.engine.execution.runtime import Host


def host_functions(host: Host, memory_64: bool) -> dict[str, RawFunction]:
    """All functions of `ic0` for modules of one pointer width, by name."""
    registry = Registry(host, memory_64)
    for topic in (messages, calls, cycles, stable, environment, variables):
        topic.register(registry)
    return registry.functions
