"""The System API, one module per topic."""

from __future__ import annotations

from dcanary.replica.vm.execution import Host
from dcanary.replica.vm.system_api import (
    calls,
    cycles,
    environment,
    messages,
    stable,
    variables,
)
from dcanary.replica.vm.system_api.registry import RawFunction, Registry


def host_functions(host: Host, memory_64: bool) -> dict[str, RawFunction]:
    """All functions of `ic0` for modules of one pointer width, by name."""
    registry = Registry(host, memory_64)
    for topic in (messages, calls, cycles, stable, environment, variables):
        topic.register(registry)
    return registry.functions
