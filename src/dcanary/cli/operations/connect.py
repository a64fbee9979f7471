"""Taking over five canisters that icp or dfx installed: finding, wiring and proving them.

Both tools write the ids of what they installed into the project folder, a file per environment
(icp) or network (dfx).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from dcanary.cli.operations.existing import ANEW
from dcanary.cli.operations.installation_lock import changing
from dcanary.cli.operations.system import Progress, name_network, put_aside
from dcanary.client import principal
from dcanary.client.errors import ConfigError, NetworkError, RefusedError, RejectedError
from dcanary.client.identity import Identity
from dcanary.client.system import CANISTERS, System, SystemConfig
from dcanary.client.transport import NetworkAddress
from dcanary.wasm import BuiltCanister

_ICP_SUFFIX = ".ids.json"
_DEPLOY = "install them first with: icp deploy -e ENVIRONMENT, or dfx deploy --network NETWORK"


def environments(project: Path) -> dict[str, dict[str, str]]:
    """Environment of icp or network of dfx -> canister name -> principal, as the project's files
    say. Raises ConfigError when a file cannot be read."""
    found: dict[str, dict[str, str]] = {}
    # icp keeps ids of networks it started itself under cache, of others under data.
    for kind in ("cache", "data"):
        for path in sorted((project / ".icp" / kind / "mappings").glob(f"*{_ICP_SUFFIX}")):
            found[path.name.removesuffix(_ICP_SUFFIX)] = _texts(_read(path), path)
    # dfx keeps ids of persistent networks beside dfx.json, of others in a folder of the network.
    for path in [*sorted((project / ".dfx").glob("*/canister_ids.json")), *_own_file(project)]:
        for name, networks in _read(path).items():
            if not name.startswith("__"):  # such as __Candid_UI
                for network, text in _texts(networks, path).items():
                    found.setdefault(network, {})[name] = text
    return found


def _own_file(project: Path) -> list[Path]:
    path = project / "canister_ids.json"
    return [path] if path.is_file() else []


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the canister ids in {path}: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no canister ids")
    return content


def _texts(value: object, path: Path) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ConfigError(f"{path} holds no canister ids")
    return value


def deployed(project: Path, environment: str | None) -> dict[str, str]:
    """The five canisters of one environment; without a name there must be only one that has them.

    Raises ConfigError.
    """
    found = environments(project)
    if environment is not None:
        ids = found.get(environment, {})
        missing = [name for name in CANISTERS if name not in ids]
        if missing:
            known = f"; there are ids for: {', '.join(found)}" if found else ""
            raise ConfigError(
                f"in {project}, neither icp nor dfx has installed {', '.join(missing)} in the "
                f"environment {environment!r}{known}",
                _DEPLOY,
            )
        return {name: ids[name] for name in CANISTERS}
    complete = [name for name, ids in found.items() if set(CANISTERS) <= set(ids)]
    if not complete:
        raise ConfigError(
            f"in {project}, neither icp nor dfx has installed the five canisters",
            f"{_DEPLOY}; name another folder with --project",
        )
    if len(complete) > 1:
        raise ConfigError(
            f"the five canisters are installed in several environments: {', '.join(complete)}",
            "choose one with --environment",
        )
    return {name: found[complete[0]][name] for name in CANISTERS}


def connect(
    file: Path,
    address: NetworkAddress,
    canisters: Mapping[str, str],
    identity: Identity,
    network: str | None = None,
    progress: Progress = lambda _: None,
) -> SystemConfig:
    """Check that five canisters answer, wire them to each other, save the file.

    With `network`, targets name their network so from now on. The file of an installation that is
    replaced is put aside. Another command that changes the installation is waited for. Raises
    ConfigError when a canister is another one than named, or belongs to someone else.
    """
    with changing(file.parent, "system connect", progress):
        return _connect(file, address, canisters, identity, network, progress)


def _connect(
    file: Path,
    address: NetworkAddress,
    canisters: Mapping[str, str],
    identity: Identity,
    network: str | None,
    progress: Progress,
) -> SystemConfig:
    for text in canisters.values():
        principal.from_text(text)
    config = SystemConfig(address, dict(canisters))
    system = System(config, identity)
    try:
        progress("asking the five canisters who they are")
        for name in CANISTERS:
            found = _name(system, name)
            if found != name:
                raise ConfigError(
                    f"{canisters[name]} says it is {found}, not {name}",
                    "check the principals given to `dcanary system connect`",
                )
        progress("wiring them to each other")
        for name in CANISTERS:
            _wire(system, name, identity)
        if network is not None:
            name_network(system.deployment, network)
    finally:
        system.close()
    if file.is_file() and not _same(file, config):
        put_aside(file, progress)
    config.save(file)
    return config


def _name(system: System, name: str) -> object:
    """What the canister says it is. Raises ConfigError when the network has no such canister."""
    try:
        return system.actor(name).call("health")["name"]
    except (RejectedError, NetworkError) as error:
        # The latter for ids that are in none of the network's ranges.
        if isinstance(error, NetworkError):
            is_missing = error.is_of_no_canister
        else:
            is_missing = error.error_code == "IC0301"
        if not is_missing:
            raise
        raise ConfigError(
            f"the network at {system.config.network.url} has no canister "
            f"{system.config.canisters[name]} ({name})",
            "is this the network that it was installed on? An installation that is gone is made "
            f"anew with: {ANEW}",
        ) from None


def _same(file: Path, config: SystemConfig) -> bool:
    """Whether the file names these canisters of this network; no when it is unreadable."""
    try:
        before = SystemConfig.load_begun(file)
    except ConfigError:
        return False
    same_network = before.network.root_key == config.network.root_key
    return same_network and dict(before.canisters) == dict(config.canisters)


def _wire(system: System, name: str, identity: Identity) -> None:
    try:
        system.actor(name).ask("wire", dict(system.config.canisters))
    except RefusedError as error:
        if error.kind != "Denied":
            raise
        raise ConfigError(
            f"{name} is not owned by {identity.principal} (identity {identity.name}): its owner is "
            "the identity that installed it",
            "export that identity's key (icp identity export NAME > owner.pem) and give "
            "--identity ./owner.pem; what the anonymous identity installed has no owner: install "
            "it anew with an identity of your own",
        ) from None


def proof(
    config: SystemConfig, identity: Identity, built: Mapping[str, BuiltCanister] | None
) -> list[dict[str, object]]:
    """What each canister says of itself, the module that the network certifies for it, and whether
    that is the module built here (None when nothing was built)."""
    rows: list[dict[str, object]] = []
    system = System(config, identity)
    try:
        for name in CANISTERS:
            actor = system.actor(name)
            health = actor.call("health")
            module = system.connection.module_hash(actor.raw)
            certified = None if module is None else module.hex()
            same = None if built is None else certified == built[name].module_hash_gz
            rows.append(
                {
                    "canister": name,
                    "principal": actor.canister,
                    "wired": health["wired"],
                    "module": certified,
                    "as_built": same,
                }
            )
    finally:
        system.close()
    return rows


def check(rows: list[dict[str, object]]) -> None:
    """Raises ConfigError when a canister is not wired, or runs another module than the one built
    here."""
    unwired = [str(row["canister"]) for row in rows if not row["wired"]]
    if unwired:
        raise ConfigError(f"not wired: {', '.join(unwired)}", "run dcanary system connect again")
    differ = [str(row["canister"]) for row in rows if row["as_built"] is False]
    if differ:
        raise ConfigError(
            f"wired and saved, but the modules of {', '.join(differ)} are not those that these "
            "sources build",
            "deploy again with icp or dfx, or connect with --any-module",
        )
