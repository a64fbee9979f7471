"""`dcanary template`: pipelines with parameters, from which `dcanary init` writes files."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context


@click.group()
def template() -> None:
    """Read the templates that `dcanary init` writes from."""


@template.command("list")
@pass_context
def list_templates(context: Context) -> None:
    """The shipped templates, by category."""
    from dcanary.project import template as templates

    found = [templates.load(name) for name in templates.names()]
    rows = [
        {
            "name": one.name,
            "category": one.category,
            "usable": one.not_yet or "yes",
            "description": one.description,
        }
        for one in found
    ]
    columns = ["name:id", "category:id:1", "usable:text:2", "description:text:1"]
    context.output.table(rows, columns, "no templates")


@template.command()
@click.argument("name")
@pass_context
def show(context: Context, name: str) -> None:
    """A template: its parameters with their defaults, and its text."""
    from dcanary.cli.errors import UsageTrouble
    from dcanary.project import template as templates

    try:
        found = templates.load(name)
    except templates.TemplateError as error:
        raise UsageTrouble(str(error)) from None
    parameters = [
        {"name": one.name, "kind": one.kind, "default": one.default, "about": one.about}
        for one in found.parameters
    ]
    output = context.output
    if output.as_json:
        about = {"name": found.name, "category": found.category, "description": found.description}
        usable = {"usable": not found.not_yet, "not_yet": found.not_yet}
        output.json({**about, **usable, "parameters": parameters, "text": found.text})
        return
    if output.quiet:
        output.text(found.name)
        return
    record = {"name": found.name, "category": found.category, "description": found.description}
    output.record({**record, "usable": found.not_yet or "yes"}, "name")
    if parameters:
        output.say("")
        output.table(parameters, ["name:id", "default:text:1", "about:text:2"], "")
    if found.text:
        output.say("")
        output.text(found.text.rstrip("\n"))
