"""Secrets in the stable maps: keeps records, copies and uses in step.

A secret's copies are apart from its record: lists read only records, a job only its own copies.
"""

from canisters.pipeline_config.records import CopyRecord, SecretRecord
from canisters.pipeline_config.secrets.rules import scoped
from canisters.pipeline_config.store import (
    secret_copies,
    secret_counts,
    secret_takings,
    secret_uses,
    secrets,
)
from shared.types.secret import SealedCopy, Secret, SecretInput, SecretUse

REMOVED = "removed"
USES = "uses:"


def find(repository: str, name: str) -> "Secret | None":
    """The secret that a stage of the repository means: its own, else the one of all."""
    own = get(repository, name)
    return own if own is not None else get(None, name)


def get(repository: "str | None", name: str) -> "Secret | None":
    stored = secrets.get(scoped(repository, name))
    return None if stored is None else stored["secret"]


def next_version(repository: "str | None", name: str) -> int:
    """The version of the next value. Numbers of removed secrets are not used again: copies and
    uses name them."""
    before = get(repository, name)
    return (before["version"] if before is not None else secret_counts.get(REMOVED) or 0) + 1


def keep(secret: Secret, given: SecretInput) -> Secret:
    """Write a secret and its copies in place of those that it had."""
    key = scoped(secret["repository"], secret["name"])
    _drop_copies(key)
    secret["recipients"] = []
    for copy in given["copies"]:
        secret["recipients"].append({"recipient": copy["recipient"], "key": copy["key"]})
        record: CopyRecord = {"version": 1, "copy": copy}
        secret_copies.insert(_copy_key(key, copy["recipient"].to_str()), record)
    stored: SecretRecord = {"version": 1, "secret": secret}
    secrets.insert(key, stored)
    return secret


def remove(secret: Secret) -> None:
    """Forget a secret and its copies; its uses stay."""
    key = scoped(secret["repository"], secret["name"])
    _drop_copies(key)
    secrets.remove(key)
    highest = max(secret_counts.get(REMOVED) or 0, secret["version"])
    secret_counts.insert(REMOVED, highest)


def copy_of(secret: Secret, recipient: str) -> "SealedCopy | None":
    found = secret_copies.get(_copy_key(scoped(secret["repository"], secret["name"]), recipient))
    return None if found is None else found["copy"]


def note_use(secret: Secret, use: SecretUse) -> None:
    """Write down that a job's attempt got a secret; once, however often it asks."""
    key = scoped(secret["repository"], secret["name"])
    taking = f"{key}#{use['version']}#{use['job']}#{use['attempt']}"
    if secret_takings.contains_key(taking):
        return
    number = secret_counts.get(USES + key) or 0
    secret_uses.insert(f"{key}#{number}", {"version": 1, "use": use})
    secret_counts.insert(USES + key, number + 1)
    secret_takings.insert(taking, number)


def uses(repository: "str | None", name: str) -> int:
    """How often a secret of this name was handed out, also before it was removed."""
    return secret_counts.get(USES + scoped(repository, name)) or 0


def use_at(repository: "str | None", name: str, number: int) -> "SecretUse | None":
    found = secret_uses.get(f"{scoped(repository, name)}#{number}")
    return None if found is None else found["use"]


def all_secrets() -> "list[Secret]":
    """All secrets by name and repository; there are at most MAX_SECRETS."""
    found = [record["secret"] for record in secrets.values()]
    return sorted(found, key=lambda each: (each["name"], each["repository"] or ""))


def _copy_key(key: str, recipient: str) -> str:
    return f"{key}#{recipient}"


def _drop_copies(key: str) -> None:
    before = secrets.get(key)
    if before is not None:
        for each in before["secret"]["recipients"]:
            secret_copies.remove(_copy_key(key, each["recipient"].to_str()))
