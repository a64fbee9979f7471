"""What a target runs now: as the network certifies it, and by which release it came there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcanary.client import principal
from dcanary.client.errors import ClientError

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.deployment import Release
    from dcanary.client.types.verification import Order


@dataclass(frozen=True)
class TargetNow:
    """`module` and `controllers` are certified. `release` is the last that DCanary made there;
    `commit` and `argument` are those of its order, None when they are not known."""

    module: bytes | None = None
    controllers: tuple[str, ...] = ()
    release: str | None = None
    commit: str | None = None
    argument: bytes | None = None


def look(system: System, order: Order) -> TargetNow:
    """Raises NetworkError when the network does not answer."""
    module: bytes | None = None
    controllers: tuple[str, ...] = ()
    if order["canister"] is not None:
        raw = principal.from_text(order["canister"])
        module = system.connection.module_hash(raw)
        controllers = tuple(system.connection.controllers(raw))
    last = _last_release(system, order["target"])
    if last is None:
        return TargetNow(module, controllers)
    return TargetNow(
        module,
        controllers,
        last["release"],
        _commit(system, last),
        _argument(last),
    )


def _last_release(system: System, target: str) -> Release | None:
    try:
        name = system.deployment.get_target(target)["last_release"]
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
