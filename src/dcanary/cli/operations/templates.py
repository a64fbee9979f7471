"""Templates of an installation and those that come with DCanary, as one kind of thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dcanary import __version__
from dcanary.cli.errors import UsageTrouble
from dcanary.client.errors import NetworkError, RefusedError
from dcanary.project import template as shipped
from dcanary.project.plan.fit import Values
from dcanary.project.template import Parameter, Template, TemplateError

if TYPE_CHECKING:
    from dcanary.cli.context import Context
    from dcanary.client.calls.pipeline_config import PipelineConfig
    from dcanary.client.types.pipeline_config import (
        ParameterValue,
        TemplateInput,
        TemplateParameter,
    )
    from dcanary.client.types.pipeline_config import Template as Record

Load = Callable[[str], Template]
"""The template of a name, or of NAME@VERSION. Raises TemplateError when there is none."""
PAGE = 100
MAX_VERSION = 2**32 - 1


def split_label(label: str) -> tuple[str, int | None]:
    """Name and version of NAME or NAME@VERSION. Raises TemplateError for another version."""
    name, at, version = label.partition("@")
    if not at:
        return name, None
    if not version.isascii() or not version.isdecimal() or not 1 <= int(version) <= MAX_VERSION:
        raise TemplateError(f"{label}: write NAME@VERSION, with a version such as 3")
    return name, int(version)


def load_shipped(label: str) -> Template:
    """One that comes with DCanary: it has no versions."""
    name, version = split_label(label)
    if version is not None:
        raise TemplateError(f"{label}: versions are those of an installation, and there is none")
    return shipped.load(name)


def loader(context: Context, local: bool) -> Load:
    """Loads from the installation where one is configured, else what comes with DCanary."""
    if local or not context.system_file.is_file():
        return load_shipped
    actor = context.system.pipeline_config

    def load(label: str) -> Template:
        name, version = split_label(label)
        try:
            return of_record(actor.get_template(name, version))
        except RefusedError as error:
            if error.kind != "NotFound":
                raise
            raise TemplateError(_missing(error.sentence, name, version)) from None
        except NetworkError as error:
            error.hint = f"{error.hint}\n  or use what comes with DCanary: --local".strip()
            raise

    return load


def _missing(sentence: str, name: str, version: int | None) -> str:
    if version is None and name in shipped.names():
        return (
            f"this installation has no template {name}: use the one that comes with DCanary "
            "(--local), or bring it with dcanary system deploy"
        )
    return sentence.replace("see list_templates", "see dcanary template list")


def of_record(record: Record) -> Template:
    """A template as the canister has it."""
    definition = record["definition"]
    return Template(
        name=definition["name"],
        category=definition["category"],
        description=definition["description"],
        parameters=tuple(_parameter(one) for one in definition["parameters"]),
        text=definition["text"],
        version=record["version"],
    )


def _parameter(one: TemplateParameter) -> Parameter:
    kind = "list" if "List" in one["kind"] else "text"
    default = one["default"]
    chosen: str | list[str] | None = default
    if default is not None and kind == "text":
        chosen = default[0]
    return Parameter(one["name"], kind, chosen, one["about"], one["pattern"] or "")


def to_record(template: Template, origin: str | None = None) -> TemplateInput:
    """What the canister is told. `origin` is the version of DCanary that brings it."""
    parameters: list[TemplateParameter] = []
    for one in template.parameters:
        default = one.default if one.default is None or one.kind == "list" else [str(one.default)]
        parameters.append(
            {
                "name": one.name,
                "kind": {"List": None} if one.kind == "list" else {"Text": None},
                "default": default if default is None else list(default),
                "pattern": one.pattern or None,
                "about": one.about,
            }
        )
    return {
        "name": template.name,
        "category": template.category,
        "description": template.description,
        "parameters": parameters,
        "text": template.text,
        "shipped": origin,
    }


def to_values(values: Values) -> list[ParameterValue]:
    """Values of parameters as a pipeline keeps them."""
    return [
        {"name": name, "values": list(one) if isinstance(one, list) else [one]}
        for name, one in values.items()
    ]


def records(actor: PipelineConfig, category: str | None = None) -> Iterator[Record]:
    """The newest version of each template of an installation."""
    cursor: str | None = None
    while True:
        page = actor.list_templates(category, {"cursor": cursor, "limit": PAGE})
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


def install_shipped(actor: PipelineConfig) -> dict[str, str]:
    """Bring what comes with DCanary to an installation; what was done to each template.

    Safe to repeat: what is as it should be is left alone, and so is what people changed or deleted
    (the canister refuses that as Conflict).
    """
    there = {one["definition"]["name"]: one["definition"] for one in records(actor)}
    done: dict[str, str] = {}
    for name in shipped.names():
        template = shipped.load(name)
        if template.not_yet:
            continue
        now, wanted = there.get(name), to_record(template, __version__)
        if now is not None and now["shipped"] is None:
            done[name] = "kept as people changed it"
            continue
        if now is not None and {**now, "shipped": None} == {**wanted, "shipped": None}:
            done[name] = "unchanged"
            continue
        try:
            if now is None:
                actor.create_template(wanted)
            else:
                actor.update_template(wanted)
        except RefusedError as error:
            if error.kind != "Conflict":
                raise
            done[name] = "kept deleted" if now is None else "kept as people changed it"
            continue
        done[name] = "created" if now is None else "updated"
    return done


def given_values(template: Template, settings: tuple[str, ...]) -> dict[str, str | list[str]]:
    """The values of `--param NAME=VALUE`; a list is given by naming it several times.

    Raises UsageTrouble for another form.
    """
    lists = {one.name for one in template.parameters if one.kind == "list"}
    given: dict[str, str | list[str]] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise UsageTrouble(f"--param {setting}: write NAME=VALUE")
        before = given.get(name)
        if name in lists:
            given[name] = [*(before if isinstance(before, list) else []), value]
        elif before is not None:
            raise UsageTrouble(f"--param {name}: it takes one value, and is given twice")
        else:
            given[name] = value
    return given
