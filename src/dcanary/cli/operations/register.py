"""Telling the canisters of repositories, targets and executors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dcanary.client.system import System, SystemConfig

PROVIDERS = {"github": "GitHub", "gitlab": "GitLab", "bitbucket": "Bitbucket"}
DEFAULT_TARGET_CYCLES = 3_000_000_000_000


def webhook_url(config: SystemConfig, provider: str, name: str) -> str:
    """Where the forge must post to: the canister's own host, so that no parameter is needed."""
    scheme, _, host = config.network.url.partition("://")
    bare = host.replace("127.0.0.1", "localhost")
    return f"{scheme}://{config.canisters['webhook']}.{bare}/webhook/{provider}/{name}"


def repository(
    system: System, name: str, provider: str, clone_url: str, secret: bytes
) -> dict[str, Any]:
    """Register a repository; `provider` is a key of PROVIDERS. Raises RefusedError."""
    record = {
        "repository": name,
        "provider": {PROVIDERS[provider]: None},
        "clone_url": clone_url,
        "secret": secret,
    }
    return dict(system.webhook.ask("register_repository", record))


def target(
    system: System,
    name: str,
    repository: str,
    *,
    network: str = "local",
    canister: str | None = None,
    controllers: Sequence[str] = (),
    cycles: int = DEFAULT_TARGET_CYCLES,
) -> dict[str, Any]:
    """Register a target; without `canister` its first release creates one. Raises RefusedError."""
    record = {
        "target": name,
        "repository": repository,
        "network": network,
        "canister": canister,
        "controllers": list(controllers),
        "cycles": cycles,
    }
    return dict(system.deployment.ask("register_target", record))


def executor(
    system: System, principal: str, operator: str, runtimes: Sequence[str]
) -> dict[str, Any]:
    """Let the executor of a principal build for an operator. Raises RefusedError."""
    record = {
        "executor": principal,
        "operator": operator,
        "runtimes": [{runtime.capitalize(): None} for runtime in runtimes],
    }
    return dict(system.build_executor.ask("register_executor", record))
