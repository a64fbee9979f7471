"""`dcanary template`: pipelines with parameters, from which files and pipelines are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.paging import page, paged, show
from dcanary.cli.times import moment

if TYPE_CHECKING:
    from dcanary.client.types.pipeline_config import Template as Record
    from dcanary.project.template import Template


@click.group()
def template() -> None:
    """List, read and change templates: pipelines with parameters.

    Templates live in the installation, each change as a version of its own. Without an installation
    (or with --local) those that come with DCanary are shown.
    """


_local = click.option("--local", is_flag=True, help="Those that come with DCanary.")


@contextmanager
def _said() -> Iterator[None]:
    """A template that is not right is a user's to set right."""
    from dcanary.cli.errors import UsageTrouble
    from dcanary.project.template import TemplateError

    try:
        yield
    except TemplateError as error:
        raise UsageTrouble(str(error)) from None


@template.command("list")
@click.option("--category", help="Only of this category.")
@_local
@pass_context
def list_templates(context: Context, category: str | None, local: bool) -> None:
    """Templates, by category."""
    from dcanary.cli.operations import templates
    from dcanary.project.template import CATEGORIES, load, names

    if category is not None and category not in CATEGORIES:
        raise click.BadParameter(f"use one of {', '.join(CATEGORIES)}", param_hint="--category")
    rows: list[dict[str, object]]
    if local or not context.system_file.is_file():
        found = [load(name) for name in names()]
        rows = [
            {
                "name": one.name,
                "category": one.category,
                "version": None,
                "usable": one.not_yet or "yes",
                "description": one.description,
            }
            for one in found
            if category in (None, one.category)
        ]
    else:
        installed = templates.records(context.system.pipeline_config, category)
        rows = [
            {
                "name": one["definition"]["name"],
                "category": one["definition"]["category"],
                "version": one["version"],
                "usable": "yes",
                "description": one["definition"]["description"],
            }
            for one in installed
        ]
        rows.sort(key=lambda row: (CATEGORIES.index(str(row["category"])), str(row["name"])))
    columns = ["name:id", "category:id:1", "version:id:3", "usable:text:2", "description:text:1"]
    context.output.table(rows, columns, "no templates: dcanary system deploy brings some")


@template.command("show")
@click.argument("name", metavar="NAME[@VERSION]")
@_local
@pass_context
def show_template(context: Context, name: str, local: bool) -> None:
    """A template: its parameters with their defaults, and its text."""
    from dcanary.cli.operations import templates

    with _said():
        found = templates.loader(context, local)(name)
    _print(context, found)


def _print(context: Context, found: Template) -> None:
    parameters = [
        {
            "name": one.name,
            "kind": one.kind,
            "default": one.default,
            "pattern": one.pattern,
            "about": one.about,
        }
        for one in found.parameters
    ]
    output = context.output
    record: dict[str, object] = {
        "name": found.name,
        "category": found.category,
        "version": found.version,
        "description": found.description,
    }
    if output.as_json:
        usable = {"usable": not found.not_yet, "not_yet": found.not_yet}
        output.json({**record, **usable, "parameters": parameters, "text": found.text})
        return
    if output.quiet:
        output.text(found.name)
        return
    output.record({**record, "usable": found.not_yet or "yes"}, "name")
    if parameters:
        shown = [{**one, "default": "(required)" if one["default"] is None else one["default"]}
                 for one in parameters]  # fmt: skip
        output.say("")
        output.table(shown, ["name:id", "default:text:1", "about:text:2"], "")
    if found.text:
        output.say("")
        output.text(found.text.rstrip("\n"))


_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
_name = click.option("--name", help="Its name (default: that of the file).")


def _read(file: Path, name: str | None) -> Template:
    """The template of a file: a YAML header, a line `---`, and the text."""
    from dcanary.cli.errors import UsageTrouble
    from dcanary.project.template import parse

    try:
        content = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageTrouble(f"{file} is not UTF-8") from None
    with _said():
        return parse(name or file.stem, content)


def _changed(context: Context, made: Record) -> None:
    definition = made["definition"]
    summary = {
        "template": f"{definition['name']}@{made['version']}",
        "name": definition["name"],
        "version": made["version"],
        "category": definition["category"],
    }
    context.output.record(made if context.output.as_json else summary, "version")


@template.command()
@_file
@_name
@pass_context
def create(context: Context, file: Path, name: str | None) -> None:
    """Make a new template of FILE; `template show --local` shows the form of its text."""
    from dcanary.cli.operations import templates

    record = templates.to_record(_read(file, name))
    _changed(context, context.system.pipeline_config.create_template(record))


@template.command()
@_file
@_name
@pass_context
def update(context: Context, file: Path, name: str | None) -> None:
    """Make FILE the next version of a template. Pipelines made from earlier ones stay."""
    from dcanary.cli.operations import templates

    record = templates.to_record(_read(file, name))
    _changed(context, context.system.pipeline_config.update_template(record))


@template.command()
@click.argument("name")
@paged
@pass_context
def versions(context: Context, name: str, limit: int, cursor: str | None) -> None:
    """All versions of a template, newest first."""
    answer = context.system.pipeline_config.list_template_versions(name, page(limit, cursor))
    rows = [
        {
            "version": one["version"],
            "created": moment(one["created_ns"]),
            "author": one["author"],
            "shipped": one["definition"]["shipped"],
            "description": one["definition"]["description"],
        }
        for one in answer["items"]
    ]
    columns = [
        "version:id",
        "created:id:1",
        "author:principal:3",
        "shipped:id:4",
        "description:text:2",
    ]
    show(context, answer["next"], rows, columns, "no versions")


@template.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_context
def delete(context: Context, name: str, yes: bool) -> None:
    """Delete a template; its versions stay on record, for the pipelines made from them."""
    if not yes:
        context.output.confirm(f"Delete the template {name}? It can be created again.")
    context.system.pipeline_config.delete_template(name)
    context.output.say(f"the template {name} is deleted")
