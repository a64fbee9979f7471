"""Reading templates and their versions."""

from canisters.pipeline_config.pipelines.tables import count
from canisters.pipeline_config.templates import tables
from canisters.pipeline_config.templates.rules import CATEGORIES
from shared.base.pages import collect
from shared.rules.limits import MAX_NAME_CHARS
from shared.rules.refused import Refused, invalid, not_found
from shared.types.paging import PageRequest
from shared.types.template import Template, TemplatePage


def no_template(name: str) -> Refused:
    """The refusal for a name that no template has."""
    return not_found(f"there is no template {name[:MAX_NAME_CHARS]}: see list_templates")


def get(name: str, version: "int | None") -> Template:
    """The newest version, or the one asked for, also of a template that was deleted."""
    head = tables.head_of(name) if len(name) <= MAX_NAME_CHARS else None
    if head is None:
        raise no_template(name)
    if version is None:
        if head["deleted"]:
            raise not_found(
                f"the template {name} was deleted: its versions 1 to {head['current']} are "
                "there to be read"
            )
        version = head["current"]
    template = tables.version_of(name, version)
    if template is None:
        raise not_found(f"the template {name} has no version {version}: use 1 to {head['current']}")
    return template


def listed(category: "str | None", page: PageRequest) -> TemplatePage:
    """The newest version of each template, of one category or of all, latest first."""
    if category is not None and category not in CATEGORIES:
        names = ", ".join(CATEGORIES)
        raise invalid(f"category: `{category[:MAX_NAME_CHARS]}` is none: use one of {names}")
    total = count(tables.list_of(category))
    items, after = collect(total, page, lambda number: tables.at(category, number))
    return {"items": items, "next": after}


def versions(name: str, page: PageRequest) -> TemplatePage:
    """All versions of one template, newest first."""
    head = tables.head_of(name) if len(name) <= MAX_NAME_CHARS else None
    if head is None:
        raise no_template(name)
    items, after = collect(
        head["current"], page, lambda number: tables.version_of(name, number + 1)
    )
    return {"items": items, "next": after}
