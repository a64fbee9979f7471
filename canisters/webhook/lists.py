"""Pages of repositories and deliveries."""

from canisters.webhook import ledger
from shared.base.pages import collect
from shared.types.errors import invalid, not_found
from shared.types.paging import PageRequest
from shared.types.repository import DeliveryPageResult, DeliveryResult, RepositoryPageResult


def repositories(page: PageRequest) -> RepositoryPageResult:
    found = collect(ledger.count(ledger.REPOSITORIES), page, ledger.repository_at)
    if isinstance(found, str):
        return {"Err": invalid(found)}
    return {"Ok": {"items": found[0], "next": found[1]}}


def deliveries(repository: str, page: PageRequest) -> DeliveryPageResult:
    """Newest first; also of a repository that was deleted."""
    total = ledger.count(ledger.deliveries_counter(repository))
    if total == 0 and ledger.view_repository(repository) is None:
        return {"Err": not_found(f"repository {repository[:64]} is not registered here")}
    found = collect(total, page, lambda number: ledger.delivery_at(repository, number))
    if isinstance(found, str):
        return {"Err": invalid(found)}
    return {"Ok": {"items": found[0], "next": found[1]}}


def delivery(repository: str, name: str) -> DeliveryResult:
    view = ledger.view_delivery(repository, name)
    if view is None:
        sentence = f"no delivery {name[:100]} of repository {repository[:64]} is known"
        return {"Err": not_found(sentence)}
    return {"Ok": view}
