"""What a template must be, and which values it takes. Plain Python; refusals name the parameter."""

from typing import TYPE_CHECKING

from shared.rules.limits import (
    MAX_NAME_CHARS,
    MAX_TEMPLATE_BYTES,
    MAX_TEMPLATE_PARAMETERS,
    MAX_TEMPLATE_VALUES,
    MAX_TEXT_CHARS,
)
from shared.rules.names import name_problem
from shared.rules.sizes import candid_bound
from shared.rules.value_patterns import matches, steps_of

if TYPE_CHECKING:
    from shared.types.pipeline import ParameterValue
    from shared.types.template import TemplateInput, TemplateParameter

CATEGORIES = ("motoko", "rust", "azle", "python", "node", "static", "monorepo", "library")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_FILTERS = ("", "|shell")


def template_problem(template: "TemplateInput") -> "str | None":
    """Why a template is refused, or None when it may be stored."""
    problem = name_problem("name", template["name"])
    if problem is not None:
        return problem
    if template["category"] not in CATEGORIES:
        names = ", ".join(CATEGORIES)
        return f"category: `{template['category'][:MAX_NAME_CHARS]}` is none: use one of {names}"
    size = candid_bound(template)
    if size > MAX_TEMPLATE_BYTES:
        return f"the template has {size} bytes, over {MAX_TEMPLATE_BYTES} (MAX_TEMPLATE_BYTES)"
    if len(template["description"]) > MAX_TEXT_CHARS:
        return f"description: over {MAX_TEXT_CHARS} characters (MAX_TEXT_CHARS)"
    if not template["text"].strip():
        return "text: it is empty: a template is a dcanary.yml with {{placeholders}}"
    if any(letter < " " and letter not in "\n\t" for letter in template["text"]):
        return "text: it holds control characters"
    if len(template["shipped"] or "") > MAX_NAME_CHARS:
        return f"shipped: over {MAX_NAME_CHARS} characters (MAX_NAME_CHARS)"
    return _parameters_problem(template["parameters"]) or _placeholders_problem(template)


def _parameters_problem(parameters: "list[TemplateParameter]") -> "str | None":
    if len(parameters) > MAX_TEMPLATE_PARAMETERS:
        return (
            f"parameters: {len(parameters)} of them, over {MAX_TEMPLATE_PARAMETERS} "
            "(MAX_TEMPLATE_PARAMETERS)"
        )
    seen: set[str] = set()
    for parameter in parameters:
        name = parameter["name"]
        if not 0 < len(name) <= MAX_NAME_CHARS or any(letter not in _WORD for letter in name):
            return f"parameters: `{name[:MAX_NAME_CHARS]}` is no name of letters, digits and `_`"
        if name in seen:
            return f"parameters: {name} is there twice"
        seen.add(name)
        problem = _parameter_problem(parameter)
        if problem is not None:
            return f"parameter {name}: {problem}"
    return None


def _parameter_problem(parameter: "TemplateParameter") -> "str | None":
    if len(parameter["about"]) > MAX_TEXT_CHARS:
        return f"about: over {MAX_TEXT_CHARS} characters (MAX_TEXT_CHARS)"
    if parameter["pattern"] is not None:
        steps = steps_of(parameter["pattern"])
        if isinstance(steps, str):
            return f"pattern: it {steps}"
    default = parameter["default"]
    return None if default is None else values_problem(parameter, default)


def values_problem(parameter: "TemplateParameter", values: "list[str]") -> "str | None":
    """Why a parameter cannot have these values, or None when it can."""
    if "Text" in parameter["kind"] and len(values) != 1:
        return f"it takes one value, not {len(values)}"
    if len(values) > MAX_TEMPLATE_VALUES:
        return f"{len(values)} values, over {MAX_TEMPLATE_VALUES} (MAX_TEMPLATE_VALUES)"
    pattern = parameter["pattern"]
    steps = [] if pattern is None else steps_of(pattern)
    for value in values:
        if len(value) > MAX_TEXT_CHARS:
            return f"a value has over {MAX_TEXT_CHARS} characters (MAX_TEXT_CHARS)"
        if not value.isprintable():
            return "a value holds line ends or other characters that cannot be printed"
        if pattern is not None and not isinstance(steps, str) and not matches(steps, value):
            return f"`{value[:80]}` does not match {pattern}"
    return None


def placeholders_of(text: str) -> "list[tuple[str, str]]":
    """(parameter, filter) of each `{{parameter|filter}}`, in order; other braces are text."""
    found: list[tuple[str, str]] = []
    at = text.find("{{")
    while at >= 0:
        inner, end, _ = text[at + 2 : at + 200].partition("}}")
        name, bar, filter_ = inner.partition("|")
        if end and name and all(letter in _WORD for letter in name):
            found.append((name, bar + filter_))
        at = text.find("{{", at + 1)
    return found


def _placeholders_problem(template: "TemplateInput") -> "str | None":
    declared = {parameter["name"] for parameter in template["parameters"]}
    for name, filter_ in placeholders_of(template["text"]):
        if name not in declared:
            return f"text: it uses the parameter {name}, which is not declared"
        if filter_ not in _FILTERS:
            return f"text: {{{{{name}{filter_}}}}}: the only filter is |shell"
    return None


def use_problem(template: "TemplateInput", values: "list[ParameterValue]") -> "str | None":
    """Why a pipeline cannot have been made from a template with these values, or None."""
    by_name = {parameter["name"]: parameter for parameter in template["parameters"]}
    given: set[str] = set()
    for value in values:
        name = value["name"]
        if name not in by_name:
            names = ", ".join(by_name) or "it has none"
            return f"it has no parameter {name[:MAX_NAME_CHARS]}: use one of {names}"
        if name in given:
            return f"the parameter {name} is given twice"
        given.add(name)
        problem = values_problem(by_name[name], value["values"])
        if problem is not None:
            return f"parameter {name}: {problem}"
    for name, parameter in by_name.items():
        if parameter["default"] is None and name not in given:
            return f"the parameter {name} is missing, and has no default"
    return None
