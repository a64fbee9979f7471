"""Sealing secrets to executors: who they are, which of them lack one, and the copies for them.

What decides whom a value is sealed to is read from the whole network, not from the one node that
answers a query: that one could name a key of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dcanary.cli.errors import UsageTrouble
from dcanary.secrets.errors import SecretProblem
from dcanary.secrets.keys import fingerprint, public_bytes, secret_key
from dcanary.secrets.sealing import Place, check_value, seal, unseal

if TYPE_CHECKING:
    from dcanary.client.system import System
    from dcanary.client.types.build_executor import Executor
    from dcanary.client.types.pipeline_config import SealedCopy, Secret, SecretInput

MAX_SECRET_COPIES = 64
"""As in shared/rules/limits.py; one is for the person who seals."""
_PAGE = 100


@dataclass(frozen=True)
class Recipient:
    """An executor to whose key a value is sealed."""

    principal: str
    operator: str
    key: bytes

    @property
    def shown(self) -> dict[str, str]:
        """As people are shown whom they trust."""
        return {
            "executor": self.principal,
            "operator": self.operator,
            "key": fingerprint(self.key),
        }


@dataclass(frozen=True)
class Standing:
    """Who of the executors can read a secret. `lacking` are those that should and cannot."""

    secret: Secret
    readers: list[Recipient]
    lacking: list[Recipient]


def executors(system: System) -> list[Executor]:
    """All registered executors, as the whole network answers."""
    found: list[Executor] = []
    cursor: str | None = None
    while True:
        page = system.build_executor.list_executors(
            {"cursor": cursor, "limit": _PAGE}, certified=True
        )
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def able(found: Sequence[Executor]) -> list[Recipient]:
    """Those that may work, and have said to which key secrets for them are sealed."""
    return [
        Recipient(each["executor"], each["operator"], key)
        for each in found
        if each["enabled"] and (key := _key_of(each)) is not None
    ]


def without_key(found: Sequence[Executor]) -> list[Executor]:
    """Those that may work and take no secrets: never started, or of an earlier version."""
    return [each for each in found if each["enabled"] and _key_of(each) is None]


def _key_of(executor: Executor) -> bytes | None:
    offer = executor["offer"]
    return None if offer is None else offer["secret_key"]


def chosen(found: Sequence[Executor], principals: Sequence[str]) -> list[Recipient]:
    """The executors that were named, or all that can be sealed to. Raises UsageTrouble."""
    known = {each.principal: each for each in able(found)}
    for principal in principals:
        if principal not in known:
            raise UsageTrouble(
                f"{principal} is no executor that is enabled and has announced a key",
                "see: dcanary executor list",
            )
    picked = (
        [known[each] for each in dict.fromkeys(principals)] if principals else [*known.values()]
    )
    if not picked:
        raise UsageTrouble(
            "there is no executor to seal to",
            "register and start one first: dcanary executor register, dcanary executor start",
        )
    if len(picked) >= MAX_SECRET_COPIES:
        raise UsageTrouble(
            f"{len(picked)} executors: at most {MAX_SECRET_COPIES - 1} (MAX_SECRET_COPIES)",
            "choose some with --executor",
        )
    return picked


def standing(secret: Secret, found: Sequence[Executor]) -> Standing:
    """Who can read a secret now.

    One that was sealed to executors chosen one by one lacks only those of them whose key is
    another now.
    """
    keys = {each["recipient"]: each["key"] for each in secret["recipients"]}
    readers, lacking = [], []
    for each in able(found):
        if keys.get(each.principal) == each.key:
            readers.append(each)
        elif each.principal in keys or not secret["restricted"]:
            lacking.append(each)
    return Standing(secret, readers, lacking)


def secrets(system: System, repository: str | None) -> Iterator[Secret]:
    """All secrets of a repository's stages, or all."""
    cursor: str | None = None
    while True:
        page = system.pipeline_config.list_secrets(
            repository, {"cursor": cursor, "limit": _PAGE}, certified=True
        )
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


class Sealer:
    """Seals for one person, who gets a copy too, so that the value can be sealed again later.

    The key for it is made in the installation's folder. Raises UsageTrouble when it cannot be used.
    """

    def __init__(self, system: System, home: Path) -> None:
        self._system = system
        path = home / "secrets" / "sealing.key"
        try:
            self._key = secret_key(path)
        except SecretProblem as error:
            raise UsageTrouble(str(error)) from None
        self._author = system.connection.sender

    def sealed(
        self,
        value: bytes,
        name: str,
        repository: str | None,
        version: int,
        recipients: Sequence[Recipient],
        *,
        restricted: bool,
    ) -> SecretInput:
        """The record to send. Raises UsageTrouble for what cannot be a value."""
        own = Recipient(self._author, "", public_bytes(self._key))
        others = [each for each in recipients if each.principal != self._author]
        try:
            check_value(value)
            copies: list[SealedCopy] = [
                {
                    "recipient": each.principal,
                    "key": each.key,
                    "sealed": seal(
                        value, each.key, self._place(name, repository, version, each.principal)
                    ),
                }
                for each in [*others, own]
            ]
        except SecretProblem as error:
            raise UsageTrouble(f"{name}: {error}") from None
        return {
            "repository": repository,
            "name": name,
            "version": version,
            "restricted": restricted,
            "copies": copies,
        }

    def set(
        self,
        value: bytes,
        name: str,
        repository: str | None,
        recipients: Sequence[Recipient],
        *,
        restricted: bool,
    ) -> Secret:
        """Keep the next value of a secret. Raises UsageTrouble and RefusedError."""
        pipelines = self._system.pipeline_config
        version = pipelines.next_secret_version(repository, name, certified=True)
        given = self.sealed(value, name, repository, version, recipients, restricted=restricted)
        return pipelines.set_secret(given)

    def reseal(
        self, secret: Secret, recipients: Sequence[Recipient], *, restricted: bool
    ) -> Secret:
        """Seal the value that a secret has to others. Raises UsageTrouble and RefusedError.

        Only who sealed it last has a copy to open.
        """
        pipelines, name, repository = (
            self._system.pipeline_config,
            secret["name"],
            secret["repository"],
        )
        copy = pipelines.get_own_copy(repository, name, certified=True)
        place = self._place(name, repository, secret["version"], self._author)
        try:
            value = unseal(copy["sealed"], self._key, place)
        except SecretProblem as error:
            raise UsageTrouble(
                f"{error}", "the key is another than when it was set: set it again with its value"
            ) from None
        given = self.sealed(
            value, name, repository, secret["version"], recipients, restricted=restricted
        )
        return pipelines.reseal_secret(given)

    def _place(self, name: str, repository: str | None, version: int, recipient: str) -> Place:
        installation = self._system.config.canisters["pipeline_config"]
        return Place(installation, repository or "", name, version, recipient)


def missing_secrets(
    system: System, repository: str, stages: Sequence[Mapping[str, object]]
) -> list[tuple[str, int, str]]:
    """(stage of the file, place in its list, name) of listed secrets that nobody has set."""
    listed = [
        (str(stage.get("group") or stage["name"]), place, str(name))
        for stage in stages
        for place, name in enumerate(_names(stage))
    ]
    if not listed:
        return []
    known = {each["name"] for each in secrets(system, repository)}
    return [each for each in listed if each[2] not in known]


def _names(stage: Mapping[str, object]) -> Sequence[object]:
    names = stage.get("secrets")
    return names if isinstance(names, list) else ()
