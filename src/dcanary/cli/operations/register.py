"""Telling the canisters of repositories, targets and executors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dcanary.client.principal import from_text

if TYPE_CHECKING:
    from dcanary.client.system import System, SystemConfig
    from dcanary.client.types.build_executor import Executor, Runtime
    from dcanary.client.types.deployment import Target, TargetInput
    from dcanary.client.types.webhook import Provider, Repository

PROVIDERS: dict[str, Provider] = {
    "github": {"GitHub": None},
    "gitlab": {"GitLab": None},
    "bitbucket": {"Bitbucket": None},
    "gitea": {"Gitea": None},
}
RUNTIMES: dict[str, Runtime] = {
    "shell": {"Shell": None},
    "python": {"Python": None},
    "motoko": {"Motoko": None},
    "node": {"Node": None},
}
DEFAULT_TARGET_CYCLES = 3_000_000_000_000


def webhook_url(config: SystemConfig, provider: str, name: str) -> str:
    """Where the forge must post to: the canister's own host, so that no parameter is needed."""
    scheme, _, host = config.network.url.partition("://")
    bare = host.replace("127.0.0.1", "localhost")
    return f"{scheme}://{config.canisters['webhook']}.{bare}/webhook/{provider}/{name}"


def repository(
    system: System, name: str, provider: str, clone_url: str, secret: bytes
) -> Repository:
    """Register a repository; `provider` is a key of PROVIDERS. Raises RefusedError."""
    return system.webhook.register_repository(
        {
            "repository": name,
            "provider": PROVIDERS[provider],
            "clone_url": clone_url,
            "secret": secret,
        }
    )


def target(
    system: System,
    name: str,
    repository: str,
    *,
    network: str | None = None,
    canister: str | None = None,
    controllers: Sequence[str] = (),
    cycles: int = DEFAULT_TARGET_CYCLES,
) -> Target:
    """Register a target; without `canister` its first release creates one. Raises RefusedError.

    Without `network` it is on the installation's own: releases reach no other.
    """
    record: TargetInput = {
        "target": name,
        "repository": repository,
        "network": network or system.deployment.network(),
        "canister": canister,
        "controllers": list(controllers),
        "cycles": cycles,
    }
    return system.deployment.register_target(record)


def change_target(
    system: System,
    name: str,
    *,
    repository: str | None = None,
    canister: str | None = None,
    controllers: Sequence[str] | None = None,
    cycles: int | None = None,
) -> Target:
    """Change what is given of a target. Raises RefusedError.

    `canister` is another one, or empty: then the next release creates one. `controllers` are all of
    a canister that a release creates or created, besides deployment; an empty list clears them.
    """
    now = system.deployment.get_target(name)
    place = now["canister"] if canister is None else canister or None
    wanted = list(controllers or [])
    if controllers is None and place == now["canister"]:
        # As a canister has them, which may be otherwise than when deployment looked last.
        wanted = now["controllers"]
        # A target whose canister is gone can still be changed.
        if place is not None and system.connection.exists(from_text(place)):
            wanted = system.connection.controllers(from_text(place))
    record: TargetInput = {
        "target": name,
        "repository": repository or now["repository"],
        "network": now["network"],
        "canister": place,
        "controllers": wanted,
        "cycles": now["cycles"] if cycles is None else cycles,
    }
    return system.deployment.update_target(record)


def uncontrolled(system: System, canister: str) -> str | None:
    """Why releases to an existing canister would fail, and what to do; None when they can."""
    deployment = system.config.canisters["deployment"]
    if not system.connection.exists(from_text(canister)):
        return (
            f"the network at {system.config.network.url} has no canister {canister}, so nothing "
            "can be released to it: name another with dcanary target update"
        )
    if deployment in system.connection.controllers(from_text(canister)):
        return None
    return (
        f"deployment ({deployment}) is not a controller of {canister}, so nothing can be released "
        "to it: make it one, such as with "
        f"icp canister settings update {canister} --add-controller {deployment}"
    )


def executor(system: System, principal: str, operator: str, runtimes: Sequence[str]) -> Executor:
    """Let the executor of a principal build for an operator. `runtimes` are keys of RUNTIMES.

    Raises RefusedError.
    """
    return system.build_executor.register_executor(
        {
            "executor": principal,
            "operator": operator,
            "runtimes": [RUNTIMES[runtime] for runtime in runtimes],
        }
    )
