"""The days of a repository or an operator. Every list costs its page."""

from canisters.build_executor.book import Book
from canisters.build_executor.runs.graph import is_name
from canisters.build_executor.usage import rules
from shared.base.pages import collect
from shared.rules.refused import invalid
from shared.types.paging import PageRequest
from shared.types.usage import UsageDay, UsageOf, UsagePage


def page(book: Book, of: UsageOf, request: PageRequest) -> UsagePage:
    """The days on which a job was committed, the last first; none of what nobody knows."""
    kind, whose = "repository", of.get("Repository")
    if whose is None:
        kind, whose = "operator", of.get("Operator")
    if whose is None or not is_name(whose):
        raise invalid(f"the {kind} is not named by 1 to 64 of a-z A-Z 0-9 . _ -")
    name = rules.list_of(kind, whose)

    def item(number: int) -> "UsageDay | None":
        record = book.usage.get(f"{name}/{number}")
        return None if record is None else rules.shown(record)

    items, cursor = collect(book.usage_days.get(name) or 0, request, item)
    return {"items": items, "next": cursor}
