"""Registering repositories and changing their secrets. Callers have been authorised."""

from kybra import Principal

from canisters.webhook.repositories import tables, views
from canisters.webhook.repositories.rules import (
    registration_problem,
    secret_problem,
    with_new_secret,
)
from canisters.webhook.store import secrets
from shared.rules.refused import conflict, invalid
from shared.types.repository import Repository, RepositoryInput


def register(value: RepositoryInput, caller: Principal, now_ns: int) -> Repository:
    """Register a repository with its first secret."""
    (provider,) = value["provider"]
    problem = registration_problem(
        value["repository"], provider.lower(), value["clone_url"], value["secret"]
    )
    if problem is not None:
        raise invalid(problem)
    if secrets.contains_key(value["repository"]):
        raise conflict(f"repository {value['repository']} is already registered")
    tables.add(value, caller, now_ns)
    return views.get(value["repository"])


def rotate_secret(repository: str, secret: bytes) -> None:
    """Make `secret` the newest live one; the one before stays live."""
    stored = secrets.get(repository)
    if stored is None:
        raise views.unknown(repository)
    (provider,) = views.get(repository)["provider"]
    problem = secret_problem(secret, provider.lower())
    if problem is not None:
        raise invalid(problem)
    stored["live"] = with_new_secret(stored["live"], secret)
    secrets.insert(repository, stored)


def drop_old_secret(repository: str) -> None:
    """End a rotation: only the newest secret stays live."""
    stored = secrets.get(repository)
    if stored is None:
        raise views.unknown(repository)
    if len(stored["live"]) < 2:
        raise conflict(f"repository {repository} has one live secret: none to drop")
    stored["live"] = stored["live"][-1:]
    secrets.insert(repository, stored)


def delete(repository: str) -> None:
    """Forget a repository and its secrets; its deliveries stay on record."""
    if not tables.remove(repository):
        raise views.unknown(repository)
