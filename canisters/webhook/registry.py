"""Registering repositories and changing their secrets. Callers have been authorised."""

from kybra import Principal

from canisters.webhook.ledger import add_repository, remove_repository, view_repository
from canisters.webhook.repositories import registration_fault, secret_fault, with_new_secret
from canisters.webhook.store import secrets
from shared.types.errors import Done, conflict, invalid, not_found
from shared.types.repository import RepositoryInput, RepositoryResult


def _unknown(repository: str) -> str:
    return f"repository {repository[:64]} is not registered here: register it first"


def get(repository: str) -> RepositoryResult:
    view = view_repository(repository)
    return {"Err": not_found(_unknown(repository))} if view is None else {"Ok": view}


def register(value: RepositoryInput, caller: Principal, now_ns: int) -> RepositoryResult:
    fault = registration_fault(
        value["repository"], "GitHub" in value["provider"], value["clone_url"], value["secret"]
    )
    if fault is not None:
        return {"Err": invalid(fault)}
    if secrets.contains_key(value["repository"]):
        return {"Err": conflict(f"repository {value['repository']} is already registered")}
    add_repository(value, caller, now_ns)
    return get(value["repository"])


def rotate_secret(repository: str, secret: bytes) -> Done:
    """Make `secret` the newest live one; the one before stays live."""
    fault = secret_fault(secret)
    if fault is not None:
        return {"Err": invalid(fault)}
    stored = secrets.get(repository)
    if stored is None:
        return {"Err": not_found(_unknown(repository))}
    stored["live"] = with_new_secret(stored["live"], secret)
    secrets.insert(repository, stored)
    return {"Ok": None}


def drop_old_secret(repository: str) -> Done:
    """End a rotation: only the newest secret stays live."""
    stored = secrets.get(repository)
    if stored is None:
        return {"Err": not_found(_unknown(repository))}
    if len(stored["live"]) < 2:
        return {"Err": conflict(f"repository {repository} has one live secret: none to drop")}
    stored["live"] = stored["live"][-1:]
    secrets.insert(repository, stored)
    return {"Ok": None}


def delete(repository: str) -> Done:
    if not remove_repository(repository):
        return {"Err": not_found(_unknown(repository))}
    return {"Ok": None}
