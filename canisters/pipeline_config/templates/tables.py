"""Templates in the stable maps: heads, versions, and the lists of all and of each category.

Each function costs a fixed number of look-ups.
"""

from kybra import Principal

from canisters.pipeline_config.pipelines.tables import count
from canisters.pipeline_config.records import TemplateHeadRecord
from canisters.pipeline_config.store import (
    counters,
    template_heads,
    template_order,
    template_versions,
)
from shared.types.template import Template, TemplateInput

ALL = "templates"


def list_of(category: "str | None") -> str:
    """The name of a list: that of a category, or of all."""
    return ALL if category is None else f"{ALL}/{category}"


def head_of(name: str) -> "TemplateHeadRecord | None":
    """The head of a template, also of one that was deleted."""
    return template_heads.get(name)


def version_of(name: str, version: int) -> "Template | None":
    stored = template_versions.get(f"{name}/{version}")
    return None if stored is None else stored["template"]


def at(category: "str | None", number: int) -> "Template | None":
    """The newest version of a template by its place in a list."""
    name = template_order.get(f"{list_of(category)}#{number}")
    head = None if name is None else head_of(name)
    return None if name is None or head is None else version_of(name, head["current"])


def add_version(definition: TemplateInput, author: Principal, now_ns: int) -> Template:
    """Append a version, and put the template into its lists when it is not there.

    One that is made again after its deletion goes on counting versions.
    """
    name = definition["name"]
    head = head_of(name)
    template: Template = {
        "version": 1 if head is None else head["current"] + 1,
        "created_ns": now_ns,
        "author": author,
        "definition": definition,
    }
    template_versions.insert(f"{name}/{template['version']}", {"version": 1, "template": template})
    if head is None or head["deleted"]:
        head = {
            "version": 1,
            "current": template["version"],
            "deleted": False,
            "category": definition["category"],
            "number": _append(list_of(None), name),
            "category_number": _append(list_of(definition["category"]), name),
        }
    head["current"] = template["version"]
    template_heads.insert(name, head)
    return template


def _append(place: str, name: str) -> int:
    number = count(place)
    template_order.insert(f"{place}#{number}", name)
    counters.insert(place, number + 1)
    return number


def remove(name: str, head: TemplateHeadRecord) -> None:
    """Take a template out of its lists. Its versions stay: pipelines refer to them."""
    _take(list_of(None), head["number"], "number")
    _take(list_of(head["category"]), head["category_number"], "category_number")
    head["deleted"] = True
    template_heads.insert(name, head)


def _take(place: str, number: int, field: str) -> None:
    """The last of a list takes the freed place, so that the list stays dense."""
    last_number = count(place) - 1
    last = template_order.remove(f"{place}#{last_number}")
    counters.insert(place, last_number)
    if last is None or number == last_number:
        return
    moved = template_heads.get(last)
    if moved is not None:
        if field == "number":
            moved["number"] = number
        else:
            moved["category_number"] = number
        template_heads.insert(last, moved)
        template_order.insert(f"{place}#{number}", last)
