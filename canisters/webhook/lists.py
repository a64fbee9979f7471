"""Pages of repositories and deliveries."""

from canisters.webhook import ledger
from shared.base.pages import collect
from shared.rules.refused import not_found
from shared.types.paging import PageRequest
from shared.types.repository import Delivery, DeliveryPage, RepositoryPage


def repositories(page: PageRequest) -> RepositoryPage:
    """Registered repositories, newest first."""
    items, after = collect(ledger.count(ledger.REPOSITORIES), page, ledger.repository_at)
    return {"items": items, "next": after}


def deliveries(repository: str, page: PageRequest) -> DeliveryPage:
    """Newest first; also of a repository that was deleted."""
    total = ledger.count(ledger.deliveries_counter(repository))
    if total == 0 and ledger.view_repository(repository) is None:
        raise not_found(f"repository {repository[:64]} is not registered here")
    items, after = collect(total, page, lambda number: ledger.delivery_at(repository, number))
    return {"items": items, "next": after}


def delivery(repository: str, name: str) -> Delivery:
    """One delivery of a repository."""
    view = ledger.view_delivery(repository, name)
    if view is None:
        raise not_found(f"no delivery {name[:100]} of repository {repository[:64]} is known")
    return view
