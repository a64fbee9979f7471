"""Reading repositories. Their secrets are never among what is read."""

from canisters.webhook.repositories import tables
from canisters.webhook.store import repositories, repository_order, secrets
from shared.base.pages import collect
from shared.rules.refused import Refused, not_found
from shared.types.paging import PageRequest
from shared.types.repository import Repository, RepositoryPage


def unknown(repository: str) -> Refused:
    """The refusal for a repository that is not registered."""
    return not_found(
        f"repository {repository[:64]} is not registered here: see register_repository"
    )


def shown(repository: str) -> "Repository | None":
    """All that may be read of a repository, or None when it is not registered."""
    record = repositories.get(repository)
    stored = secrets.get(repository)
    if record is None or stored is None:
        return None
    return {
        "repository": repository,
        "provider": record["provider"],
        "clone_url": record["clone_url"],
        "live_secrets": len(stored["live"]),
        "triggers": tables.triggers_of(repository),
        "registered_ns": record["registered_ns"],
        "registered_by": record["registered_by"],
        "deliveries": tables.count(tables.deliveries_counter(repository)),
        "rejected": tables.count(tables.rejected_counter(repository)),
    }


def get(repository: str) -> Repository:
    """One repository; raises NotFound."""
    found = shown(repository)
    if found is None:
        raise unknown(repository)
    return found


def _at(number: int) -> "Repository | None":
    name = repository_order.get(number)
    return None if name is None else shown(name)


def listed(page: PageRequest) -> RepositoryPage:
    """Registered repositories, newest first."""
    items, after = collect(tables.count(tables.REPOSITORIES), page, _at)
    return {"items": items, "next": after}
