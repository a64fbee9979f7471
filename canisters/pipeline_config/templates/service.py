"""Creating, changing and deleting templates. Callers have been authorised."""

from kybra import Principal

from canisters.pipeline_config.pipelines.tables import count
from canisters.pipeline_config.templates import tables
from canisters.pipeline_config.templates.rules import template_problem, use_problem
from canisters.pipeline_config.templates.views import no_template
from shared.rules.limits import MAX_NAME_CHARS, MAX_TEMPLATES
from shared.rules.refused import conflict, exhausted, invalid
from shared.types.pipeline import TemplateUse
from shared.types.template import Template, TemplateInput


def _checked(definition: TemplateInput) -> None:
    problem = template_problem(definition)
    if problem is not None:
        raise invalid(problem)


def create(definition: TemplateInput, author: Principal, now_ns: int) -> Template:
    """The first version of a template, or the next one of a template that was deleted.

    What ships with DCanary does not come back once people have deleted it.
    """
    _checked(definition)
    name = definition["name"]
    head = tables.head_of(name)
    if head is not None and not head["deleted"]:
        raise conflict(f"there is a template {name} already: use update_template")
    if head is not None and definition["shipped"] is not None:
        raise conflict(f"the template {name} was deleted: what is shipped does not bring it back")
    if count(tables.list_of(None)) >= MAX_TEMPLATES:
        raise exhausted(f"{MAX_TEMPLATES} templates are here (MAX_TEMPLATES): delete some")
    return tables.add_version(definition, author, now_ns)


def update(definition: TemplateInput, author: Principal, now_ns: int) -> Template:
    """The next version of a template. Those before it stay as they are.

    What ships with DCanary replaces only what was shipped, never what people have written.
    """
    _checked(definition)
    name = definition["name"]
    head = tables.head_of(name)
    before = None if head is None else tables.version_of(name, head["current"])
    if head is None or head["deleted"] or before is None:
        raise no_template(name)
    if head["category"] != definition["category"]:
        raise invalid(
            f"category: the template {name} is in {head['category']} and stays there: "
            "create another one, or delete it first"
        )
    if definition["shipped"] is not None and before["definition"]["shipped"] is None:
        raise conflict(f"people have changed the template {name}: it is kept as they have it")
    return tables.add_version(definition, author, now_ns)


def delete(name: str) -> None:
    """Delete a template. Its versions stay, for the pipelines that were made from them."""
    head = tables.head_of(name)
    if head is None or head["deleted"]:
        raise no_template(name)
    tables.remove(name, head)


def check_use(use: "TemplateUse | None") -> None:
    """Raise Refused when a pipeline says that it was made from what it cannot be made from."""
    if use is None:
        return
    name, version = use["name"], use["version"]
    template = tables.version_of(name, version)
    if template is None:
        raise invalid(
            f"template: there is no version {version} of the template {name[:MAX_NAME_CHARS]} here"
        )
    problem = None
    if use["values"] is not None:
        problem = use_problem(template["definition"], use["values"])
    if problem is not None:
        raise invalid(f"template {name}@{version}: {problem}")
