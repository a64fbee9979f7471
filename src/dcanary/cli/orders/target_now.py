"""What a target runs now: as the network certifies it, and by which release it came there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcanary.client import principal
from dcanary.client.errors import ClientError, RefusedError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.deployment import Release, Target
    from dcanary.client.types.verification import Order


@dataclass(frozen=True)
class TargetNow:
    """`module` and `controllers` are certified. `release` is the last that DCanary made there;
    `commit` and `argument` are those of its order, None when they are not known. `target` is what
    deployment has in its books, None when it is not known there any more."""

    module: bytes | None = None
    controllers: tuple[str, ...] = ()
    release: str | None = None
    commit: str | None = None
    argument: bytes | None = None
    target: Target | None = None
    missing: bool = False
    """Whether the network says that it does not have the order's canister."""


def look(system: System, order: Order) -> TargetNow:
    """Raises NetworkError when the network does not answer."""
    module: bytes | None = None
    controllers: tuple[str, ...] = ()
    missing = False
    if order["canister"] is not None:
        raw = principal.from_text(order["canister"])
        missing = not system.connection.exists(raw)
        if not missing:
            module = system.connection.module_hash(raw)
            controllers = tuple(system.connection.controllers(raw))
    target = target_of(system, order["target"])
    last = None if target is None else _last_release(system, target)
    if last is None:
        return TargetNow(module, controllers, target=target, missing=missing)
    return TargetNow(
        module,
        controllers,
        last["release"],
        _commit(system, last),
        _argument(last),
        target,
        missing,
    )


def target_of(system: System, name: str) -> Target | None:
    """The target as deployment has it now; None when it has none of that name."""
    try:
        return system.deployment.get_target(name)
    except RefusedError:
        return None


def _last_release(system: System, target: Target) -> Release | None:
    name = target["last_release"]
    try:
        return None if name is None else system.deployment.get_release(name)
    except ClientError:
        return None


def _commit(system: System, release: Release) -> str | None:
    order = release["order"]["order"]
    if order is not None:
        return order["source"]["sha"]
    try:
        return system.verification.get_approval(release["order"]["approval"])["request"]["source"][
            "sha"
        ]
    except ClientError:
        return None


def _argument(release: Release) -> bytes:
    order = release["order"]
    return order["upgrade_arg"] if "Upgrade" in order["mode"] else order["install_arg"]
